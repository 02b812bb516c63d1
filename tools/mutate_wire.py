#!/usr/bin/env python3
"""Shows that the tests of docs/wire.md can fail: each rule is broken by a changed line, and its test run.

  mutate_wire.py [--rules 3,17] [--jobs N] [--scratch DIR]

The lines are those of tests/wire/mutations.toml. They are changed in a copy of the project, of which only the tests
concerned are built; a line that leaves its test green is a finding. The copy stays, so that the next run is quick.
"""
import argparse
import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MUTATIONS = ROOT / "tests" / "wire" / "mutations.toml"
SECONDS = 120  # for one test: what hangs has failed too


def copy_project(scratch):
    """Every file that git knows or would add; what is the same already keeps its time, and is not built again."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, scratch / name
        if not source.is_file():
            continue
        content = source.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(source.stat().st_mode)


def build(scratch, targets, jobs):
    """The compiler's words if it fails, else nothing."""
    command = ["cmake", "--build", scratch / "build" / "dev", "-j", str(jobs), "--target", *sorted(targets)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout[-4000:] if done.returncode != 0 else ""


def run_test(scratch, binary, test):
    """"passed", "failed", "hangs", or "not there"."""
    command = [scratch / "build" / "dev" / "bin" / binary, f"--gtest_filter={test}:*/{test}/*", "--gtest_brief=1"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode != 0:
        return "failed"
    return "not there" if "[  PASSED  ] 0 tests" in done.stdout else "passed"


def break_rule(scratch, mutation, jobs):
    """"killed", or what was wrong."""
    path = scratch / mutation["file"]
    whole = path.read_text()
    if whole.count(mutation["old"]) != 1:
        return "the line is not there once"
    try:
        path.write_text(whole.replace(mutation["old"], mutation["new"]))
        binary = mutation.get("binary", "wire_rules_test")
        if build(scratch, [binary], jobs):
            return "does not build"
        outcome = run_test(scratch, binary, mutation["test"])
        return "killed" if outcome in ("failed", "hangs") else f"survives: its test {outcome}"
    finally:
        path.write_text(whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", help="numbers with commas; all otherwise")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build" / "mutations")
    options = parser.parse_args()
    mutations = tomllib.loads(MUTATIONS.read_text())["mutation"]
    if options.rules:
        wanted = {int(n) for n in options.rules.split(",")}
        mutations = [m for m in mutations if m["rule"] in wanted]
    binaries = {m.get("binary", "wire_rules_test") for m in mutations}

    copy_project(options.scratch)
    subprocess.run(["cmake", "--preset", "dev"], cwd=options.scratch, check=True, stdout=subprocess.DEVNULL)
    if words := build(options.scratch, binaries, options.jobs):
        sys.exit(f"{words}\nthe copy does not build")
    for m in mutations:
        if (outcome := run_test(options.scratch, m.get("binary", "wire_rules_test"), m["test"])) != "passed":
            sys.exit(f"{m['test']} of the code as it is: {outcome}")

    survived = 0
    for m in mutations:
        outcome = break_rule(options.scratch, m, options.jobs)
        survived += outcome != "killed"
        print(f"R{m['rule']:02} {outcome}: {m['test']} [{m['file']}: {m['old']} -> {m['new']}]", flush=True)
    print(f"{len(mutations)} mutations, {len(mutations) - survived} killed, {survived} not")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
