#!/usr/bin/env python3
"""Runs the example and compares what it prints, but for the times, with transcript.txt and server_log.txt.

  interceptors_test.py BINARY
"""
import difflib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TIME = re.compile(r"(?<= in )\d+\.\d{3}(?= ms,)")


def different(name, wanted, got):
    """Prints how `got` differs from `wanted`; True if it does."""
    diff = list(difflib.unified_diff(wanted.splitlines(), got.splitlines(), f"{name} as it should be", name, lineterm=""))
    print(*diff, sep="\n")
    return bool(diff) or wanted != got


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    done = subprocess.run([sys.argv[1]], capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    wrong = different("stdout", (HERE / "transcript.txt").read_text(), done.stdout)
    wrong |= different("stderr", (HERE / "server_log.txt").read_text(), TIME.sub("X", done.stderr))
    if done.returncode != 0:
        print(f"exit code {done.returncode}")
    return 1 if wrong or done.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
