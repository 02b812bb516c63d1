#!/usr/bin/env python3
"""Runs the fuzz targets of tests/fuzz for a while each, or measures what their committed corpora reach.

Each target starts from a fresh copy of its corpus, so that the checkout stays as it is. What it finds lies in
BUILD/findings/TARGET; `BUILD/bin/fuzz_TARGET FILE` repeats it. The last line is `N passed, M failed, K skipped`.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests/fuzz/corpus"
MIN_COVERAGE = 90.0  # percent of the lines of src/http2


def targets(only):
    there = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
    unknown = set(only) - set(there)
    if unknown:
        sys.exit(f"fuzz: no such target: {', '.join(sorted(unknown))}; there are {', '.join(there)}")
    return [name for name in there if not only or name in only]


def fuzz_one(build, name, seconds):
    """One target for so long; returns (its line, True when nothing was found)."""
    corpus, findings = build / "corpus" / name, build / "findings" / name
    for folder in (corpus, findings):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CORPUS / name, corpus)
    findings.mkdir(parents=True)
    command = [build / "bin" / f"fuzz_{name}", corpus, f"-artifact_prefix={findings}/", f"-max_total_time={seconds}",
               "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    runs = re.findall(r"^(?:stat::number_of_executed_units: |#)(\d+)", done.stderr, re.M)
    edges = re.findall(r" cov: (\d+)", done.stderr)
    found = sorted(findings.iterdir())
    line = f"{name:8} {runs[-1] if runs else 0:>10} executions  {edges[-1] if edges else 0:>5} edges  {len(found)} findings"
    good = done.returncode == 0 and not found
    if not good:
        tail = done.stderr.splitlines()[-60:]
        line += "\n" + "\n".join(tail + [f"repeat with {command[0]} {path}" for path in found])
    return line, good


def fuzz(build, names, seconds, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = []
        for line, good in pool.map(lambda name: fuzz_one(build, name, seconds), names):
            print(line, flush=True)
            results.append(good)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped")
    return 0 if all(results) else 1


def coverage(build, names):
    profiles = build / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir()
    for name in names:
        env = dict(os.environ, LLVM_PROFILE_FILE=str(profiles / f"{name}.profraw"))
        subprocess.run([build / "bin" / f"fuzz_{name}", CORPUS / name], check=True, env=env, stdout=subprocess.DEVNULL)
    merged = profiles / "all.profdata"
    subprocess.run(["llvm-profdata-14", "merge", "-o", merged, *profiles.glob("*.profraw")], check=True)
    binaries = [build / "bin" / f"fuzz_{name}" for name in names]
    objects = [arg for binary in binaries[1:] for arg in ("-object", binary)]
    sources = [path for path in sorted((ROOT / "src/http2").iterdir()) if not re.search(r"_test(_\w+)?\.\w+$", path.name)]
    shown = subprocess.run(["llvm-cov-14", "export", "-format=lcov", f"-instr-profile={merged}", binaries[0], *objects],
                           check=True, capture_output=True, text=True).stdout
    (build / "coverage.lcov").write_text(shown)
    reached = total = 0
    for record in shown.split("end_of_record"):
        name = re.search(r"^SF:(.*)$", record, re.M)
        if not name or pathlib.Path(os.path.realpath(build / name[1])) not in sources:
            continue
        counts = {int(line): int(count) for line, count in re.findall(r"^DA:(\d+),(\d+)", record, re.M)}
        hit = sum(count > 0 for count in counts.values())
        missed = [str(line) for line, count in sorted(counts.items()) if count == 0]
        print(f"{pathlib.Path(name[1]).name:22} {hit:4} of {len(counts):4} lines" +
              (f"  not {' '.join(missed[:30])}{' …' if len(missed) > 30 else ''}" if missed else ""))
        reached, total = reached + hit, total + len(counts)
    percent = 100.0 * reached / max(total, 1)
    print(f"src/http2: {reached} of {total} lines, {percent:.1f} %, by the committed corpora; at least {MIN_COVERAGE} %")
    good = percent >= MIN_COVERAGE
    print("1 passed, 0 failed, 0 skipped" if good else "0 passed, 1 failed, 0 skipped")
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--target", default="", help="some of them, with commas between")
    parser.add_argument("--coverage", action="store_true")
    args = parser.parse_args()
    build = args.build.resolve()
    names = targets([name for name in args.target.split(",") if name])
    return coverage(build, names) if args.coverage else fuzz(build, names, args.seconds, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
