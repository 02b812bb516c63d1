#!/usr/bin/env python3
"""Runs a program of the guide and compares what it prints with the ```text blocks of its page.

  guide_test.py PAGE PROGRAM
  guide_test.py PAGE SERVER CLIENT     the first block is the server's, which ends at SIGINT, the second the client's
"""
import difflib
import pathlib
import re
import signal
import subprocess
import sys
import threading

TIMEOUT = 60  # seconds
ADDR = "tcp:127.0.0.1:50051"  # the page's; the test takes any free port


def blocks(page):
    return re.findall(r"(?m)^```text\n(.*?)^```$", page.read_text(), re.S)


def different(name, wanted, got):
    """Prints how `got` differs from `wanted`; True if it does."""
    for line in difflib.unified_diff(wanted.splitlines(), got.splitlines(), f"the page, {name}", name, lineterm=""):
        print(line)
    return wanted != got


def run(*command):
    """What it prints; None if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        print(f"{command[0]} ends with {done.returncode}\n{done.stdout}")
        return None
    return done.stdout


def server_and_client(server, client):
    """What the two print, with the page's address."""
    process = subprocess.Popen([server, "tcp:127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(TIMEOUT, process.kill)
    limit.start()
    try:
        first = process.stdout.readline()
        addr = first.removeprefix("listening on ").strip()
        said = run(client, addr)
        process.send_signal(signal.SIGINT)
        out = first.replace(addr, ADDR) + process.stdout.read()
        code = process.wait()
    finally:
        limit.cancel()
        process.kill()
    if code != 0:
        print(f"the server ends with {code}")
        return None, said
    return out, said


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    page, *programs = sys.argv[1:]
    wanted = blocks(pathlib.Path(page))
    if len(programs) == 2:
        got = server_and_client(*programs)
    else:
        wanted, got = ["".join(wanted)], [run(*programs)]
    if len(wanted) != len(got) or None in got:
        print(f"{page}: {len(wanted)} blocks of text for {len(got)} programs")
        return 1
    wrong = [different(pathlib.Path(p).name, w, g) for p, w, g in zip(programs, wanted, got)]
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
