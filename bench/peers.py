"""Programs of the benchmark that CMake does not build: one function a peer, which builds what is stale below
build/bench-peers and returns the program, or raises Missing or BuildFailed."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))
from foreign import BuildFailed, Missing, cargo_crate, go_module, maven_project  # noqa: E402,F401

WORK = ROOT / "build" / "bench-peers"
PROTOS = [ROOT / "examples/helloworld/helloworld.proto", HERE / "protos/echo.proto"]


def grpc_go():
    packages = {"helloworld.proto": "bench/helloworld", "echo.proto": "bench/echo"}
    return go_module(HERE / "peers/go", PROTOS, WORK / "grpc-go", "bench-go", packages)


def tonic():
    return cargo_crate(HERE / "peers/rust", PROTOS, WORK / "tonic", "bench-tonic")


def grpc_java():
    # The collector with the cheapest barriers and a heap that is there from the start.
    flags = ("-XX:+UseParallelGC", "-Xms2g", "-Xmx2g")
    return maven_project(HERE / "peers/java", PROTOS, WORK / "grpc-java", "bench.Main", flags)
