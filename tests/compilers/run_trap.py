#!/usr/bin/env python3
"""Compiles one trap under AddressSanitizer with one compiler and compares what happens with what its head expects.

  // expect g++-12: unbalanced     this major version of g++ only
  // expect g++: runs              any version
Outcomes: runs (exit code 0) · unbalanced (exit code 3: something was destroyed twice or never) · wrong (exit code 4) ·
overflows (the sanitizer reports a stack overflow) · does-not-compile · crashes.
Where the head names only another version of the compiler, the trap must compile or not, run or not, as it likes:
it documents a bug of that version.
"""
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

OUTCOMES = {"runs", "unbalanced", "wrong", "overflows", "does-not-compile", "crashes"}


def limit_stack():
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))


def outcome(compiler, source, folder):
    flags = ["-std=c++20", "-O0", "-fsanitize=address", "-Wall", "-Wextra"]
    launcher = [ccache] if (ccache := shutil.which("ccache")) else []
    unit, program = pathlib.Path(folder) / "trap.o", pathlib.Path(folder) / "trap"
    built = subprocess.run([*launcher, compiler, *flags, "-c", str(source), "-o", str(unit)], capture_output=True, text=True)
    if built.returncode:
        return "does-not-compile", built.stderr
    subprocess.run([compiler, *flags, str(unit), "-o", str(program)], check=True)
    ran = subprocess.run([str(program)], capture_output=True, text=True, preexec_fn=limit_stack,
                         env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})
    text = ran.stdout + ran.stderr
    if "stack-overflow" in text:
        return "overflows", text
    return {0: "runs", 3: "unbalanced", 4: "wrong"}.get(ran.returncode, "crashes"), text


def main():
    compiler, source = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    version = subprocess.run([compiler, "-dumpversion"], check=True, capture_output=True, text=True).stdout.strip().split(".")[0]
    family = "clang" if "clang" in pathlib.Path(compiler).name else "g++"
    expected = dict(re.findall(r"(?m)^// expect (\S+): (\S+)", source.read_text()))
    if not expected or not set(expected.values()) <= OUTCOMES:
        sys.exit(f"{source.name}: its head expects nothing, or something unknown: {expected}")
    wanted = expected.get(f"{family}-{version}", expected.get(family))
    with tempfile.TemporaryDirectory() as folder:
        got, text = outcome(compiler, source, folder)
    print(f"{source.name} with {family} {version}: {got}" + (f", expected {wanted}" if wanted else ", nothing expected"))
    if wanted and got != wanted:
        print(text[-4000:])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
