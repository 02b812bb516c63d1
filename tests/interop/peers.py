"""The programs of the interop matrix: what each needs, how it is built below build/interop, how it is called."""
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from foreign import BuildFailed, Missing, build_once, cargo_crate, go_module, go_tools, maven_programs, output, run  # noqa: E402,F401

WORK = ROOT / "build" / "interop"
PROTO = HERE / "interop.proto"
SYSTEM_PYTHON = "/usr/bin/python3"


class Peer:
    """`joined`: as a receiver it joins the ASCII values of one key. `of_cmake`: CMake builds it, and prepare() only looks.
    `optional`: CI too may lack its tool-chain."""
    name = ""
    joined = False
    of_cmake = False
    optional = False
    transports = ("tcp", "unix")
    env = {}

    def __init__(self):
        self.folder = WORK / self.name
        self.version = "?"

    def prepare(self):
        """Builds what is stale. Raises Missing or BuildFailed."""

    def server(self):
        """The command of its server, without arguments."""

    def client(self):
        """The command of its client, without arguments."""


class Sluice(Peer):
    """Ours, from the preset that is tested."""
    name = "sluice"
    of_cmake = True
    transports = ("tcp", "unix", "pipe")

    def __init__(self, build):
        super().__init__()
        self.bin = build / "bin"
        self.version = re.search(r"project\(sluice VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]

    def prepare(self):
        for program in self.server() + self.client():
            if not pathlib.Path(program).exists():
                raise BuildFailed(f"{program} is not built: ./dev interop does it")

    def server(self):
        return [str(self.bin / "interop_sluice_server")]

    def client(self):
        return [str(self.bin / "interop_sluice_client")]


class Grpcpp(Peer):
    """grpc++ of Debian; CMake builds it, in a preset without sanitizers."""
    name = "grpc++"
    of_cmake = True

    def __init__(self, build):
        super().__init__()
        self.bin = build / "bin"

    def prepare(self):
        if not (self.bin / "interop_grpcpp_server").exists():
            raise Missing("grpc++ was not found by CMake (Debian: libgrpc++-dev protobuf-compiler-grpc)")
        self.version = output([*self.server(), "--version"])

    def server(self):
        return [str(self.bin / "interop_grpcpp_server")]

    def client(self):
        return [str(self.bin / "interop_grpcpp_client")]


class GrpcGo(Peer):
    """google.golang.org/grpc, in a module of its own."""
    name = "grpc-go"

    def prepare(self):
        go_module(HERE / "peers/go", [PROTO], self.folder, "interop-go")
        self.version = output([*self.server(), "--version"])

    def server(self):
        return [str(self.folder / "bin/interop-go")]

    client = server


class Grpcio(Peer):
    """Python's grpcio, of Debian and its Python, whichever python3 comes first in the path."""
    name = "grpcio"

    def __init__(self):
        super().__init__()
        self.env = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def prepare(self):
        if not pathlib.Path(SYSTEM_PYTHON).exists():
            raise Missing(f"there is no {SYSTEM_PYTHON}")
        probe = subprocess.run([SYSTEM_PYTHON, "-c", "import grpc, google.protobuf; print(grpc.__version__)"], capture_output=True,
                               text=True, check=False)
        if probe.returncode:
            raise Missing(f"{SYSTEM_PYTHON} has no grpc (Debian: python3-grpcio python3-protobuf)")
        self.version = probe.stdout.strip()
        build_once(self.folder, [PROTO], lambda log: run(["protoc", f"-I{HERE}", f"--python_out={self.folder}", PROTO.name], log))

    def server(self):
        return [SYSTEM_PYTHON, str(HERE / "peers/python/server.py")]

    def client(self):
        return [SYSTEM_PYTHON, str(HERE / "peers/python/client.py")]


class Grpclib(Peer):
    """Python's grpclib, which is asyncio over h2, in a virtual environment of the Python that runs this."""
    name = "grpclib"

    def __init__(self):
        super().__init__()
        self.env = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        self.bin = self.folder / "venv/bin"
        self.requirements = HERE / "peers/grpclib/requirements.txt"

    def prepare(self):
        probe = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True, text=True, check=False)
        if probe.returncode:
            raise Missing(f"{sys.executable} cannot make virtual environments (Debian: python3-venv)")
        build_once(self.folder, [self.requirements, PROTO], self.install, sys.executable, sys.version)
        self.version = re.search(r"^grpclib==(\S+)", self.requirements.read_text(), re.M)[1]

    def install(self, log):
        run([sys.executable, "-m", "venv", "--clear", self.folder / "venv"], log)
        run([self.bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
             "--cache-dir", self.folder / "cache", "--requirement", self.requirements], log)
        run(["protoc", f"--plugin={self.bin}/protoc-gen-grpclib_python", f"-I{HERE}", f"--python_out={self.folder}",
             f"--grpclib_python_out={self.folder}", PROTO.name], log)

    def server(self):
        return [str(self.bin / "python"), str(HERE / "peers/grpclib/server.py")]

    def client(self):
        return [str(self.bin / "python"), str(HERE / "peers/grpclib/client.py")]


class Tonic(Peer):
    """tonic (Rust), a crate of its own."""
    name = "tonic"
    optional = True

    def prepare(self):
        crate = HERE / "peers/rust"
        self.program = cargo_crate(crate, [PROTO], self.folder, "interop-tonic")
        self.version = re.search(r'^tonic = .*"=([\d.]+)"', (crate / "Cargo.toml").read_text(), re.M)[1]

    def server(self):
        return [str(self.program)]

    client = server


class GrpcJs(Peer):
    """@grpc/grpc-js, pure JavaScript over Node's own HTTP/2."""
    name = "grpc-js"
    joined = True

    def __init__(self):
        super().__init__()
        self.env = {"NODE_PATH": str(self.folder / "node_modules")}

    def prepare(self):
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            raise Missing(f"there is no {'node' if not node else 'npm'} (Debian: nodejs npm)")
        package = [HERE / "peers/node/package.json", HERE / "peers/node/package-lock.json"]
        build_once(self.folder, package, lambda log: self.install(npm, package, log), output([node, "--version"]))
        self.version = output([node, "-p", "require('@grpc/grpc-js/package.json').version"], self.env)

    def install(self, npm, package, log):
        for path in package:
            shutil.copy(path, self.folder)
        run([npm, "ci", "--cache", str(self.folder / "cache"), "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"],
            log, self.folder)

    def server(self):
        return ["node", str(HERE / "peers/node/server.js"), "--proto", str(PROTO)]

    def client(self):
        return ["node", str(HERE / "peers/node/client.js"), "--proto", str(PROTO)]


def all_peers(build, grpcpp_build):
    """By name, sluice first."""
    peers = [Sluice(build), Grpcpp(grpcpp_build), GrpcGo(), Grpcio(), Grpclib(), GrpcJs(), Tonic()]
    return {peer.name: peer for peer in peers}
