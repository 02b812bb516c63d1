"""The programs of the interop matrix: what each needs, how it is built below build/interop, how it is called."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "build" / "interop"
PROTO = HERE / "interop.proto"
SYSTEM_PYTHON = "/usr/bin/python3"


class Missing(Exception):
    """A tool-chain that is not on this machine."""


class BuildFailed(Exception):
    """A peer that did not build; the text is what to look at."""


def run(command, log, cwd=None, env=None):
    """Runs one step of a build; its output goes to `log`."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        done = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = log.read_text(errors="replace").splitlines()[-3:]
        raise BuildFailed(f"{command[0]} exited with {done.returncode}: {' | '.join(tail)} (all of it in {log.relative_to(ROOT)})")


def output(command, env=None):
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout.strip()


class Peer:
    """`joined`: as a receiver it joins the ASCII values of one key."""
    name = ""
    joined = False
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

    def build_once(self, inputs, steps, *more):
        """Calls steps(log) unless a build of the same inputs is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256("\0".join(more).encode())
        for path in sorted(inputs):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        stamp = self.folder / "stamp"
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        stamp.unlink(missing_ok=True)
        log = self.folder / "build.log"
        log.unlink(missing_ok=True)
        steps(log)
        stamp.write_text(digest.hexdigest())


class Sluice(Peer):
    """Ours, from the preset that is tested."""
    name = "sluice"
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
        go = shutil.which("go") or "/usr/local/go/bin/go"
        if not pathlib.Path(go).exists():
            raise Missing("there is no go (Debian 12's golang-go is older than what peers/go/go.mod asks for)")
        wanted = re.search(r"^go (\d+)\.(\d+)", (HERE / "peers/go/go.mod").read_text(), re.M)
        version = output([go, "env", "GOVERSION"], {"GOTOOLCHAIN": "local"})
        found = re.match(r"go(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < (int(wanted[1]), int(wanted[2])):
            raise Missing(f"{go} is {version}; peers/go/go.mod asks for go {wanted[1]}.{wanted[2]} or newer")
        sources = list((HERE / "peers/go").iterdir())
        self.build_once([*sources, PROTO], lambda log: self.build(go, sources, log), version)
        self.version = output([*self.server(), "--version"])

    def build(self, go, sources, log):
        source, bins = self.folder / "src", self.folder / "bin"
        shutil.rmtree(source, ignore_errors=True)
        (source / "pb").mkdir(parents=True)
        for path in sources:
            shutil.copy(path, source)
        env = {"GOPATH": str(self.folder / "path"), "GOMODCACHE": str(self.folder / "mod"), "GOCACHE": str(self.folder / "cache"),
               "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false", "CGO_ENABLED": "0"}
        plugins = ["google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc"]
        run([go, "build", "-o", f"{bins}/", *plugins], log, source, env)
        run(["protoc", f"--plugin={bins}/protoc-gen-go", f"--plugin={bins}/protoc-gen-go-grpc", f"-I{HERE}", f"--go_out={source}",
             "--go_opt=module=interop", f"--go-grpc_out={source}", "--go-grpc_opt=module=interop", PROTO.name], log)
        run([go, "build", "-o", f"{bins}/interop-go", "."], log, source, env)

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
        self.build_once([PROTO], lambda log: run(["protoc", f"-I{HERE}", f"--python_out={self.folder}", PROTO.name], log))

    def server(self):
        return [SYSTEM_PYTHON, str(HERE / "peers/python/server.py")]

    def client(self):
        return [SYSTEM_PYTHON, str(HERE / "peers/python/client.py")]


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
        self.build_once(package, lambda log: self.install(npm, package, log), output([node, "--version"]))
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
    peers = [Sluice(build), Grpcpp(grpcpp_build), GrpcGo(), Grpcio(), GrpcJs()]
    return {peer.name: peer for peer in peers}
