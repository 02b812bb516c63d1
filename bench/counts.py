"""Counts a call that do not drift: instructions, allocations, system calls.

Each program runs a scenario with N and with 2N calls; the difference divided by N leaves out start-up, warm-up
and end. A program is a command line that takes --scenario NAME --calls N [--count].
"""
import json
import os
import re
import shutil
import subprocess
import tempfile

# glibc picks its memcpy by what the processor has; without these every machine counts the same.
SAME_EVERYWHERE = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM"}


class Unavailable(Exception):
    """The count cannot be taken here: a tool is missing, or the program lacks the scenario."""


class Failed(Exception):
    """The program or the tool ended with an error."""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **SAME_EVERYWHERE})
    if done.returncode == 3:
        raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no such scenario")
    if done.returncode != 0:
        raise Failed(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def scenario(program, name, calls, *more):
    return [*program, "--scenario", name, "--calls", str(calls), *more]


def per_call(measure, calls):
    return (measure(2 * calls) - measure(calls)) / calls


def instructions(program, name, calls):
    valgrind = tool("valgrind")

    def measure(n):
        done = run([valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *scenario(program, name, n)])
        found = re.search(r"Collected : (\d+)", done.stderr)
        if not found:
            raise Failed(f"callgrind printed no count: {done.stderr.strip()[-300:]}")
        return int(found[1])

    return per_call(measure, calls)


def system_calls(program, name, calls):
    strace = tool("strace")

    def measure(n):
        with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
            run([strace, "-f", "-c", "-o", out.name, *scenario(program, name, n)])
            text = out.read()
        # The last line is "100.00  0.000123  1  57  3 total", the errors column empty when there are none.
        found = re.search(r"^\s*[\d.]+\s+[\d.]+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total$", text, re.M)
        if not found:
            raise Failed(f"strace printed no total: {text[-300:]}")
        return int(found[1])

    return per_call(measure, calls)


def describe(program, name, calls):
    """What the program says about itself after `calls` calls: allocations and compiler."""
    return json.loads(run(scenario(program, name, calls, "--count")).stdout)


def allocations(program, name, calls):
    return per_call(lambda n: describe(program, name, n)["allocations"], calls)
