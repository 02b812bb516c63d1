"""Programs of the benchmark that CMake does not build: one function a peer, which builds what is stale below
build/bench-peers and returns the program, or raises Missing or BuildFailed."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))
from foreign import BuildFailed, Missing, go_module  # noqa: E402,F401

WORK = ROOT / "build" / "bench-peers"


def grpc_go():
    protos = [ROOT / "examples/helloworld/helloworld.proto", HERE / "protos/echo.proto"]
    packages = {"helloworld.proto": "bench/helloworld", "echo.proto": "bench/echo"}
    return go_module(HERE / "peers/go", protos, WORK / "grpc-go", "bench-go", packages)
