#!/usr/bin/env python3
"""sluice with a protobuf of 22 or later, which is made of abseil and knows editions; Debian has an older one.

  run.py --syntax   compiles the library's and the plugin's files that name protobuf against its headers, without code
  run.py --build    builds protobuf, and with it the library, the plugin and their tests, and runs these

The sources are those that the crate in sources/Cargo.lock carries, which cargo fetches from crates.io and holds against
the checksum there. All of it is kept in build/protobuf and build/newer_protobuf. The last line is `N passed, M failed, K
skipped`; where there is no cargo or no network one counts as skipped, but under CI=true as failed.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from foreign import BuildFailed, Missing, build_once, output, run, version_of  # noqa: E402

WORK = ROOT / "build/protobuf"
SOURCES = WORK / "vendor/protobuf-src/protobuf"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
NAMES_PROTOBUF = re.compile(r'^#include [<"](google/protobuf/|sluice/(proto|errors)/)', re.M)
# Code that protoc must have made first, by the same protobuf: --build compiles what includes it.
NEEDS_GENERATED = re.compile(r'^#include [<"](?!google/protobuf/).*\.(pb|sluice)\.h[>"]|^#include "sluice/errors/', re.M)
# What knows protobuf, and what is made by the plugin.
TARGETS = ["proto_test", "errors_test", "rich_errors_test", "plugin_test", "generated_test", "stub_test", "e2e_test"]


def fetch():
    """SOURCES, once. Raises Missing, BuildFailed."""
    cargo = shutil.which("cargo") or str(pathlib.Path.home() / ".cargo/bin/cargo")
    if not pathlib.Path(cargo).exists():
        raise Missing("there is no cargo (rustup.rs, or Debian's cargo 1.78 or newer)")
    wanted = re.search(r'^rust-version = "([\d.]+)"', (HERE / "sources/Cargo.toml").read_text(), re.M)[1]
    if version_of(version := output([cargo, "--version"])) < version_of(wanted):
        raise Missing(f"{cargo} is {version}; sources/Cargo.toml asks for {wanted} or newer")

    def steps(log):
        shutil.rmtree(WORK / "vendor", ignore_errors=True)
        try:
            run([cargo, "vendor", "--locked", "--manifest-path", HERE / "sources/Cargo.toml", WORK / "vendor"], log,
                env={"CARGO_HOME": str(WORK / "cargo")})
        except BuildFailed as failure:
            if re.search(r"checksum|hash", log.read_text(errors="replace")):
                raise
            raise Missing(f"the sources cannot be fetched: {failure}") from failure

    build_once(WORK / "fetched", [HERE / "sources/Cargo.toml", HERE / "sources/Cargo.lock"], steps, str(SOURCES))


def files_to_check():
    """(files, how many need generated code)"""
    files = sorted(path for folder in ("src", "plugin") for path in (ROOT / folder).rglob("*.cc") if "golden" not in path.parts)
    files = [(path, path.read_text(errors="replace")) for path in files]
    files = [(path, text) for path, text in files if path.parent.name == "plugin" or NAMES_PROTOBUF.search(text)]
    return ([path for path, text in files if not NEEDS_GENERATED.search(text)],
            sum(1 for _, text in files if NEEDS_GENERATED.search(text)))


def compile_only(cxx, path):
    command = [cxx, "-std=c++20", *WARNINGS, "-fsyntax-only", "-O0", "-isystem", SOURCES / "src", "-isystem",
               SOURCES / "third_party/abseil-cpp", "-I", ROOT / "include", "-I", ROOT / "src", "-I", ROOT / "plugin",
               '-DSLUICE_GOLDEN=""', path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    return path, done.returncode, done.stderr


def syntax(jobs):
    fetch()
    files, others = files_to_check()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, code, errors in pool.map(lambda path: compile_only("g++", path), files):
            if code:
                failed += 1
                print(f"{path.relative_to(ROOT)}:\n{errors}")
    print(f"{len(files)} files against {SOURCES.relative_to(ROOT)}; {others} need code of its protoc: ./dev protobuf")
    return len(files) - failed, failed, 0


def build(jobs):
    fetch()
    objects, ours = WORK / "objects", ROOT / "build/newer_protobuf"
    log = WORK / "build.log"
    log.unlink(missing_ok=True)
    parallel = ["--parallel", str(jobs)]
    run(["cmake", "-S", HERE / "sources", "-B", objects, "-G", "Ninja", f"-DPROTOBUF={SOURCES}", "-DCMAKE_C_COMPILER=gcc",
         "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_CXX_FLAGS=-O0 -w", "-DCMAKE_C_FLAGS=-O0 -w"], log)
    print(f"building protobuf in {objects.relative_to(ROOT)}", flush=True)
    run(["cmake", "--build", objects, *parallel], log)
    run(["cmake", "-S", ROOT, "-B", ours, "-G", "Ninja", f"-DProtobuf_DIR={objects}/package", "-DCMAKE_CXX_COMPILER=g++",
         "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1 -D_GLIBCXX_ASSERTIONS", "-DSLUICE_WERROR=ON",
         "-DSLUICE_HEADER_CHECK=OFF", "-DSLUICE_TESTS=ON"], log)
    print(f"building sluice with it in {ours.relative_to(ROOT)}", flush=True)
    run(["cmake", "--build", ours, "--target", "sluice_archive", "protoc-gen-sluice", "helloworld", *TARGETS, *parallel], log)
    only = "|".join(["helloworld_transcript", *TARGETS])
    done = subprocess.run([sys.executable, ROOT / "tools/run_tests.py", "--build", ours, "--preset", "dev", "--jobs", str(jobs),
                           "--only", f"^({only})"], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="")
    counts = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
    return tuple(map(int, counts[-1])) if counts else (0, 1, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--syntax", action="store_true")
    way.add_argument("--build", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    try:
        passed, failed, skipped = (syntax if args.syntax else build)(args.jobs)
    except Missing as missing:
        must = os.environ.get("CI") == "true"
        print(f"{'FAILED' if must else 'SKIPPED'}: {missing}")
        passed, failed, skipped = (0, 1, 0) if must else (0, 0, 1)
    except BuildFailed as failure:
        print(f"FAILED: {failure}")
        passed, failed, skipped = 0, 1, 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
