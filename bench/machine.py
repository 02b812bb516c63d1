"""What a run was measured on: the machine, the tools, and the versions of the peers, as lines of Markdown."""
import os
import pathlib
import platform
import re
import shutil
import subprocess

import counts
from matrix import find_program

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"


def answer(*command):
    """The first line of what a command prints, or "" when it is not there."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else ""


def found(pattern, path):
    match = re.search(pattern, path.read_text(errors="replace"), re.M)
    return match[1].strip() if match else "?"


def library(package):
    return answer("pkg-config", "--modversion", package) or "?"


def compiler(build):
    program = find_program(build, "bench_sluice")
    try:
        return counts.describe([program], "unary", 1)["compiler"] if program else "?"
    except (counts.Unavailable, counts.Failed):
        return "?"


def describe(build):
    """[(what, its value)]"""
    cpu = found(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo"))
    memory = int(found(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo"))) / 2**20
    hypervisor = " (virtual)" if "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text() else ""
    tools = {"grpc-go": answer("go", "version").removeprefix("go version ").split(" ")[0],
             "tonic": answer("rustc", "--version").split(" (")[0], "grpc-java": answer("java", "--version").split(" 20")[0]}
    versions = {
        "grpc++": library("grpc++"),
        "grpc-go": found(r"google.golang.org/grpc v(\S+)", PEERS / "go/go.mod"),
        "tonic": found(r'^tonic = .*?"=([\d.]+)"', PEERS / "rust/Cargo.toml"),
        "grpc-java": found(r"<grpc.version>(.*)<", PEERS / "java/pom.xml"),
    }
    named = [f"{name} {version}" + (f" ({tools[name]})" if tools.get(name) else "") for name, version in versions.items()]
    return [
        ("processor", f"{cpu}, {len(os.sched_getaffinity(0))} cores{hypervisor}, {memory:.0f} GiB"),
        ("system", f"Linux {platform.release()}, {' '.join(platform.libc_ver())}"),
        ("sluice", f"{answer('git', '-C', str(ROOT), 'describe', '--always', '--dirty')}, {compiler(build)}, preset `bench`"),
        ("libraries", f"protobuf {answer('protoc', '--version').removeprefix('libprotoc ')}, nghttp2 {library('libnghttp2')}"),
        ("peers", ", ".join(named)),
        ("load before", f"{os.getloadavg()[0]:.1f}"),
    ]
