#!/usr/bin/env python3
"""Counts over a small CMake project whose tests pass, fail, skip, crash and are left out."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# A stand-in for a GoogleTest binary: it lists, filters and reports as GoogleTest does, from a list of results.
FAKE = r'''#!/usr/bin/env python3
import fnmatch, json, os, sys
tests = dict(pair.split("=") for pair in sys.argv[1].split(","))
options = dict(a[2:].split("=", 1) for a in sys.argv[2:] if "=" in a)
wanted = options.get("gtest_filter") or os.environ.get("GTEST_FILTER") or "*"
yes, _, no = wanted.partition("-")
def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns.split(":") if p)
names = [n for n in tests if matches("Suite." + n, yes or "*") and not matches("Suite." + n, no)]
if "--gtest_list_tests" in sys.argv:
    print("Suite.")
    for n in names: print("  " + n)
    sys.exit(0)
if any(tests[n] == "crash" for n in names): os.abort()
report = [{"name": n, "status": "RUN", "result": "SKIPPED" if tests[n] == "skip" else "COMPLETED",
           **({"failures": [{}]} if tests[n] == "fail" else {})} for n in names]
path = options["gtest_output"].split(":", 1)[1]
if not any(tests[n] == "silent" for n in names):
    json.dump({"testsuites": [{"name": "Suite", "testsuite": report}]}, open(path, "w"))
sys.exit(any(tests[n] == "fail" for n in names))
'''


def run(folder, entries, excluded):
    """The last line and exit code of run_tests.py over ctest entries {name: fake tests or command}."""
    root = pathlib.Path(folder)
    (root / "tools").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "build" / "results").mkdir(parents=True)
    (root / "tools" / "run_tests.py").write_text((HERE / "run_tests.py").read_text())
    (root / "tests" / "excluded.txt").write_text(excluded)
    lines = []
    for name, tests in entries.items():
        if "=" in tests:
            # One file a binary, since listing calls it without arguments.
            fake = root / "build" / name
            fake.write_text(FAKE.replace("sys.argv[1]", repr(tests)).replace("sys.argv[2:]", "sys.argv[1:]"))
            fake.chmod(0o755)
            output = root / "build" / "results" / f"{name}.json"
            lines.append(f'add_test({name} "{fake}" "--gtest_output=json:{output}")')
        else:
            lines.append(f'add_test({name} {tests})')
            lines.append(f'set_tests_properties({name} PROPERTIES SKIP_RETURN_CODE 77)')
    (root / "build" / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
    done = subprocess.run([sys.executable, str(root / "tools" / "run_tests.py"), "--build", str(root / "build")],
                          capture_output=True, text=True)
    return (done.stdout.splitlines() or [done.stderr])[-1], done.returncode


CASES = [
    ("all pass", {"a_test": "One=pass,Two=pass", "b": "true"}, "", "3 passed, 0 failed, 0 skipped", 0),
    ("one fails", {"a_test": "One=pass,Two=fail"}, "", "1 passed, 1 failed, 0 skipped", 1),
    ("a skip is counted", {"a_test": "One=pass,Two=skip"}, "", "1 passed, 0 failed, 1 skipped", 0),
    ("a crash is a failure", {"a_test": "One=crash", "b": "true"}, "", "1 passed, 1 failed, 0 skipped", 1),
    ("no report is a failure", {"a_test": "One=silent", "b": "true"}, "", "1 passed, 1 failed, 0 skipped", 1),
    ("a plain entry fails", {"a_test": "One=pass", "b": "false"}, "", "1 passed, 1 failed, 0 skipped", 1),
    ("an entry says that it skips", {"a": "sh -c \"exit 77\"", "b": "true"}, "", "1 passed, 0 failed, 1 skipped", 0),
    ("a missing program is a failure", {"a": "/not/there", "b": "true"}, "", "1 passed, 1 failed, 0 skipped", 1),
    ("what is excluded is skipped", {"a_test": "One=pass,Two=fail", "b": "false"},
     "# why\ndev gtest:Suite.Two it fails here\ndev ctest:^b$ it fails too\n", "1 passed, 0 failed, 2 skipped", 0),
    ("a whole binary is excluded", {"a_test": "One=pass,Two=fail", "b": "true"},
     "dev ctest:^a_test$ it fails here\n", "1 passed, 0 failed, 2 skipped", 0),
    ("another preset's lines do not hold", {"a_test": "One=pass"}, "tsan gtest:* too slow there\n",
     "1 passed, 0 failed, 0 skipped", 0),
    ("everything left out is no success", {"b": "true"}, "dev ctest:b nobody likes it\n", "0 passed, 0 failed, 1 skipped", 1),
    ("a line without a reason is refused", {"b": "true"}, "dev ctest:b\n", None, 1),
]


def main():
    wrong = 0
    for name, entries, excluded, line, code in CASES:
        with tempfile.TemporaryDirectory() as folder:
            got = run(folder, entries, excluded)
        if (line is not None and got[0] != line) or got[1] != code:
            wrong += 1
            print(f"{name}: wanted {(line, code)}, got {got}")
    print(f"run_tests self-test: {len(CASES)} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
