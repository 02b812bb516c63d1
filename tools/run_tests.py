#!/usr/bin/env python3
"""Runs ctest in a build folder and counts single tests: the end of `./dev test` and its kin.

A ctest entry that writes results/ENTRY.json (GoogleTest's report) counts with each of its tests, any other
entry counts as one. What tests/excluded.txt leaves out of a preset is not run and counts as skipped, so the
total is the same in every preset. The last line is `N passed, M failed, K skipped`.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Exclusions:
    """The lines of tests/excluded.txt that hold for one preset."""

    def __init__(self, path, preset):
        self.ctest, self.gtest = [], []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            fields = line.split(None, 2)
            if len(fields) < 3 or not re.match(r"(ctest|gtest):.", fields[1]):
                sys.exit(f"{path}:{number}: want `preset ctest:REGEX|gtest:FILTER reason`, got: {line}")
            if fields[0] == preset:
                kind, pattern = fields[1].split(":", 1)
                (self.ctest if kind == "ctest" else self.gtest).append(pattern)


def ctest_entries(build):
    """What ctest would run, with nothing left out: [{name, command, ...}]."""
    shown = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout)["tests"]


def gtest_names(command, filter_):
    """The full names of the tests that a GoogleTest binary holds for a filter."""
    listed = subprocess.run([command, "--gtest_list_tests", f"--gtest_filter={filter_}"],
                            check=True, capture_output=True, text=True,
                            env={k: v for k, v in os.environ.items() if not k.startswith("GTEST_")})
    names, suite = [], ""
    for line in listed.stdout.splitlines():
        text = line.split("#")[0].rstrip()
        if re.match(r"[A-Za-z_0-9/<>, :]+\.$", text):
            suite = text
        elif text.startswith("  "):
            names.append(suite + text.strip())
    return names


def is_gtest(entry):
    return any(a.startswith("--gtest_output=json:") for a in entry.get("command", []))


def read_report(path):
    """{full name: passed|failed|skipped} from GoogleTest's JSON, or None when it was not written."""
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    results = {}
    for suite in report.get("testsuites", []):
        for test in suite.get("testsuite", []):
            name = f"{suite['name']}.{test['name']}"
            if test.get("failures"):
                results[name] = "failed"
            elif test.get("status") == "RUN" and test.get("result") == "COMPLETED":
                results[name] = "passed"
            else:
                results[name] = "skipped"
    return results


def show_failure(name, output):
    """Prints a failed entry's output without the lines of the tests that passed."""
    lines, kept = output.splitlines(), []
    for line in lines:
        if re.match(r"\[       OK \]", line) and kept and kept[-1].startswith("[ RUN"):
            kept.pop()
        else:
            kept.append(line)
    if len(kept) > 400:
        kept = kept[:200] + [f"… {len(kept) - 400} lines left out …"] + kept[-200:]
    print(f"---- {name} failed ----", *kept, sep="\n")


def run_ctest(build, args, exclusions):
    """Runs what is not excluded; returns {entry: (status, output)} from ctest's JUnit report."""
    junit = build / "results" / "ctest.xml"
    command = ["ctest", "--parallel", str(args.jobs), "--output-junit", str(junit),
               "--test-output-size-failed", "1000000", "--no-tests=error"]
    if exclusions.ctest:
        command += ["-E", "|".join(exclusions.ctest)]
    if args.only:
        command += ["-R", args.only]
    if args.preset == "tsan" and shutil.which("setarch"):
        # g++ 12's runtime gives up when the kernel spreads mappings wider than it expects.
        prefix = ["setarch", "-R"]
        if subprocess.run(prefix + ["true"], capture_output=True).returncode == 0:
            command = prefix + command
    env = dict(os.environ)
    if exclusions.gtest:
        env["GTEST_FILTER"] = "-" + ":".join(exclusions.gtest)
    subprocess.run(command, cwd=build, env=env)
    if not junit.exists():
        return {}
    return {case.get("name"): (status_of(case), (case.findtext("system-out") or ""))
            for case in ElementTree.parse(junit).iter("testcase")}


def status_of(case):
    """ctest's word for how an entry ended, and "skipped" for one that said so itself, with SKIP_RETURN_CODE."""
    skipped = case.find("skipped")
    if skipped is not None and (skipped.get("message") or "").startswith("SKIP_RETURN_CODE"):
        return "skipped"
    return case.get("status")


def count(build, entries, ran, exclusions, only):
    """{full test name: passed|failed|skipped} over all entries."""
    results = {}
    for entry in entries:
        name = entry["name"]
        if only and not re.search(only, name):
            continue
        gtest = is_gtest(entry)
        if any(re.search(pattern, name) for pattern in exclusions.ctest):
            if gtest:
                results.update({f"{name}:{test}": "skipped" for test in gtest_names(entry["command"][0], "*")})
            else:
                results[name] = "skipped"
            continue
        status, output = ran.get(name, ("not run", ""))
        good = status in ("run", "skipped")
        if not gtest:
            results[name] = {"run": "passed", "skipped": "skipped"}.get(status, "failed")
        else:
            report = read_report(build / "results" / f"{name}.json")
            shard = "." + name.rsplit(".", 1)[1] if re.search(r"\.\d+$", name) else ""
            base = name[: len(name) - len(shard)]
            results.update({f"{base}:{test}": result for test, result in (report or {}).items()})
            if exclusions.gtest and shard in ("", ".1"):
                for test in gtest_names(entry["command"][0], ":".join(exclusions.gtest)):
                    results[f"{base}:{test}"] = "skipped"
            if not good and "failed" not in (report or {}).values():
                results[f"{name} ({'ended without a report' if report is None else 'failed outside its tests'})"] = "failed"
            elif good and not report:
                results[f"{name} (wrote no report, or holds no test)"] = "failed"
        if not good:
            show_failure(f"{name} [{status}]", output)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--preset", default="dev")
    parser.add_argument("--only", default="", help="regular expression over ctest entries")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    build = args.build.resolve()
    shutil.rmtree(build / "results", ignore_errors=True)
    (build / "results").mkdir(parents=True)

    exclusions = Exclusions(ROOT / "tests" / "excluded.txt", args.preset)
    entries = ctest_entries(build)
    ran = run_ctest(build, args, exclusions)
    results = count(build, entries, ran, exclusions, args.only)
    # The list, so that two presets can be compared with diff.
    (build / "results" / "tests.txt").write_text("".join(f"{name}\n" for name in sorted(results)))
    for name, result in sorted(results.items()):
        if result != "passed":
            print(f"{result}: {name}")
    tally = {kind: sum(r == kind for r in results.values()) for kind in ("passed", "failed", "skipped")}
    print(f"{tally['passed']} passed, {tally['failed']} failed, {tally['skipped']} skipped", flush=True)
    sys.exit(1 if tally["failed"] or not tally["passed"] else 0)


if __name__ == "__main__":
    main()
