#!/usr/bin/env python3
"""The demo's output against the golden transcript, and its system calls against what it says of itself.

  helloworld_test.py transcript BINARY     stdout is transcript.txt (X stands for a measured time), stderr server_log.txt
  helloworld_test.py system_calls BINARY   under strace: no thread, no process, no socket, no pipe of the kernel
"""
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77  # CMakeLists.txt tells ctest so
MEDIAN = re.compile(r"(?<=median unary call )\d+\.\d\d(?= us;)")
FORBIDDEN = ["clone", "clone3", "fork", "vfork", "socket", "socketpair", "pipe", "pipe2"]
TIMEOUT = 100  # seconds


def different(name, wanted, got):
    """Prints how `got` differs from `wanted`; True if it does."""
    diff = list(difflib.unified_diff(wanted.splitlines(), got.splitlines(), f"{name} as it should be", name, lineterm=""))
    print(*diff, sep="\n")
    return bool(diff) or wanted != got


def check_transcript(binary):
    done = subprocess.run([binary], capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    medians = [float(text) for text in MEDIAN.findall(done.stdout)]
    wrong = different("stdout", (HERE / "transcript.txt").read_text(), MEDIAN.sub("X", done.stdout))
    wrong |= different("stderr", (HERE / "server_log.txt").read_text(), done.stderr)
    if done.returncode != 0:
        print(f"exit code {done.returncode}")
        wrong = True
    if len(medians) != 1 or medians[0] <= 0:
        print(f"no measured time, but {medians}")
        wrong = True
    return 1 if wrong else 0


def check_system_calls(binary):
    if not shutil.which("strace"):
        print("skipped: strace is not there, which ./dev setup installs")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "strace"
        # One call that every program makes shows that strace really saw the program.
        command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(['exit_group', *FORBIDDEN])}", binary]
        # The leak checker stops the program as a debugger does, and there is one already.
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL, env=env)
        lines = log.read_text().splitlines() if log.exists() else []
    if done.returncode != 0:
        print(f"exit code {done.returncode}", done.stderr[-2000:], sep="\n")
        return 1
    calls = [(re.search(r"\b(\w+)\(", line) or [None, ""])[1] for line in lines]
    if calls.count("exit_group") != 1:
        print("strace saw no program:", *lines[:20], sep="\n")
        return 1
    # UndefinedBehaviorSanitizer asks of memory by a pipe whether it is there.
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    allowed = ["pipe", "pipe2"] if "libubsan" in linked else []
    forbidden = [line for line, call in zip(lines, calls) if call in FORBIDDEN and call not in allowed]
    print(*forbidden[:20], f"{len(forbidden)} system calls that must not be", sep="\n")
    return 1 if forbidden else 0


def main():
    checks = {"transcript": check_transcript, "system_calls": check_system_calls}
    if len(sys.argv) != 3 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    return checks[sys.argv[1]](sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
