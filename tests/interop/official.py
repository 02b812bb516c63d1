"""gRPC's own interop service in the matrix: whose programs take part, and how a pair of them is run. See README.md."""
import asyncio
import pathlib
import re
import signal
import subprocess

from peers import HERE, BuildFailed, Missing, Peer, Sluice, go_tools, maven_programs, output
from process import CASE_SECONDS, Died, ends, listening_port

# In the order of gRPC's interop-test-descriptions.md.
CASES = """empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming client_compressed_streaming
    server_streaming server_compressed_streaming ping_pong empty_stream custom_metadata status_code_and_message
    special_status_message unimplemented_method unimplemented_service cancel_after_begin cancel_after_first_response
    timeout_on_sleeping_server concurrent_large_unary rpc_soak channel_soak long_lived_channel""".split()
# Generous with time: how fast it is on a busy machine is not the question.
SOAK = ["--soak_iterations=100", "--soak_per_iteration_max_acceptable_latency_ms=20000", "--soak_overall_timeout_seconds=50"]
CASE_FLAGS = {"rpc_soak": SOAK, "channel_soak": SOAK,
              "long_lived_channel": ["--soak_iterations=5", "--iteration_interval=0.1"]}
LONG_SECONDS = {"concurrent_large_unary": 300}  # 600 MB; with a sanitizer and others on the machine a minute
PROGRAMS = HERE / "official"


class OfficialPeer(Peer):
    """A server and a client with the official flags."""
    transports = ("tcp",)
    listening = r"^listening tcp:127\.0\.0\.1:(\d+)$"  # the line of a server that has its port

    def listen(self):
        """The arguments that make a server take a free port."""
        return ["--port=0", "--use_tls=false"]

    def port(self, line, pid):
        """The port of the server that runs as `pid`, once it has said so; None for its other lines."""
        found = re.search(self.listening, line)
        return int(found[1]) if found else None

    def passed(self, case, text):
        """Whether a client that ended with 0 says that the case has passed."""
        return f"OK: {case}" in text


class OfficialSluice(OfficialPeer):
    name = "official-sluice"
    of_cmake = True
    transports = ("tcp", "pipe")

    def __init__(self, build):
        super().__init__()
        self.bin = build / "bin"
        self.version = Sluice(build).version

    def prepare(self):
        for program in self.server() + self.client():
            if not pathlib.Path(program).exists():
                raise BuildFailed(f"{program} is not built: ./dev interop does it")

    def server(self):
        return [str(self.bin / "interop_official_server")]

    def client(self):
        return [str(self.bin / "interop_official_client")]

    def listen(self):
        return ["--listen=tcp:127.0.0.1:0", "--threads=2"]


class OfficialGrpcpp(OfficialPeer):
    """Ours, of Debian's grpc++: for what the programs below leave out."""
    name = "official-grpc++"
    of_cmake = True

    def __init__(self, build):
        super().__init__()
        self.bin = build / "bin"

    def prepare(self):
        if not (self.bin / "interop_official_grpcpp_server").exists():
            raise Missing("grpc++ was not found by CMake (Debian: libgrpc++-dev protobuf-compiler-grpc)")
        self.version = output([*self.server(), "--version"])

    def server(self):
        return [str(self.bin / "interop_official_grpcpp_server")]

    def client(self):
        return [str(self.bin / "interop_official_grpcpp_client")]

    def listen(self):
        return ["--listen=tcp:127.0.0.1:0"]


class OfficialGo(OfficialPeer):
    """google.golang.org/grpc/interop/server and .../client, which log what they do."""
    name = "official-go"
    listening = r"interop server listening on .*:(\d+)$"
    env = {"GRPC_GO_LOG_SEVERITY_LEVEL": "info"}

    def prepare(self):
        go_tools(PROGRAMS / "go", self.folder)
        self.version = re.search(r"google.golang.org/grpc v([\d.]+)", (PROGRAMS / "go/go.mod").read_text())[1]

    def server(self):
        return self.logging("server")

    def client(self):
        return self.logging("client")

    def logging(self, program):
        return ["sh", "-c", 'exec "$0" "$@" 2>&1', str(self.folder / "bin" / program)]

    def passed(self, case, text):
        return re.search(r"\[interop\] \w+ done$", text, re.M) is not None


class OfficialRuby(OfficialPeer):
    """C-core by the programs that Debian's ruby-grpc comes with."""
    name = "official-ruby"
    ruby = "/usr/bin/ruby"

    def prepare(self):
        if not pathlib.Path(self.ruby).exists():
            raise Missing(f"there is no {self.ruby} (Debian: ruby-grpc)")
        find = "s = Gem::Specification.find_by_name('grpc'); puts s.version, s.gem_dir"
        probe = subprocess.run([self.ruby, "-e", find], capture_output=True, text=True, check=False)
        if probe.returncode:
            raise Missing(f"{self.ruby} has no grpc (Debian: ruby-grpc)")
        self.version, gem = probe.stdout.split()
        self.programs = pathlib.Path(gem) / "src/ruby/pb/test"
        if not (self.programs / "client.rb").exists():
            raise Missing(f"there is no {self.programs / 'client.rb'}: this is not Debian's ruby-grpc")

    def server(self):
        return [self.ruby, "-r", str(PROGRAMS / "announce.rb"), str(self.programs / "server.rb")]

    def client(self):
        return [self.ruby, str(self.programs / "client.rb")]


class OfficialJava(OfficialPeer):
    """grpc-java's TestServiceServer and TestServiceClient. The server says the port that it was asked for, 0."""
    name = "official-java"
    optional = True
    # They live for a second each: the second compiler and the parallel collector cost more than they give.
    flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

    def prepare(self):
        project = PROGRAMS / "java"
        self.jars, self.java = maven_programs(project, self.folder)
        self.version = re.search(r"<grpc.version>([\d.]+)<", (project / "pom.xml").read_text())[1]

    def server(self):
        return self.program("TestServiceServer")

    def client(self):
        return self.program("TestServiceClient")

    def program(self, name):
        return [self.java, *self.flags, "-cp", self.jars, f"io.grpc.testing.integration.{name}"]

    def listen(self):
        return [*super().listen(), "--address_type=IPV4"]

    def port(self, line, pid):
        return listening_port(pid) if line.startswith("Server started") else None

    def passed(self, case, text):
        return "Test completed." in text


def official_peers(build, grpcpp_build):
    """By name, ours first."""
    peers = [OfficialSluice(build), OfficialRuby(), OfficialGo(), OfficialJava(), OfficialGrpcpp(grpcpp_build)]
    return {peer.name: peer for peer in peers}


async def run_job(runner, job):
    """Runs a pair's cases, a client process each, against one server."""
    if job.pair.transport == "pipe":
        for case in job.cases:
            await run_case(runner, job, ["--target=pipe:official"], case)
        return
    async with runner.program(job, job.pair.server, "server", *job.pair.server.listen()) as server:
        try:
            port = None
            while port is None:
                port = job.pair.server.port(await server.line(), server.process.pid)
        except Died as error:
            for case in job.cases:
                runner.add(job.pair, case, "failed", f"the server: {error}")
            return
        output_of_server = asyncio.create_task(server.rest())
        before = len(runner.rows)
        for case in job.cases:
            await run_case(runner, job, ["--server_host=127.0.0.1", f"--server_port={port}", "--use_tls=false"], case)
        if isinstance(job.pair.server, OfficialSluice):
            # A sanitizer tells by the exit code what it found, leaks too.
            server.signal(signal.SIGTERM)
            code = await server.ended()
            if code != 0:
                why = "did not end" if code is None else f"ended with {code}"
                runner.blame(job, before, f"the server {why}: {ends(server.log)}")
        server.signal(signal.SIGKILL)
        await output_of_server


async def run_case(runner, job, target, case):
    seconds = LONG_SECONDS.get(case, CASE_SECONDS)
    flags = [*target, f"--test_case={case}", *CASE_FLAGS.get(case, [])]
    if isinstance(job.pair.client, OfficialSluice):
        flags.append("--threads=" + ("2" if job.pair.client is job.pair.server and job.pair.transport == "tcp" else "0"))
    async with runner.program(job, job.pair.client, "client", *flags) as client:
        try:
            text = await asyncio.wait_for(client.rest(), seconds)
        except asyncio.TimeoutError:
            runner.add(job.pair, case, "failed", f"the client did not end within {seconds} s")
            return
        code = await client.process.wait()
    if code == 0 and job.pair.client.passed(case, text):
        runner.add(job.pair, case, "passed")
    else:
        runner.add(job.pair, case, "failed", f"the client ended with {code}: {ends(client.log)}")
