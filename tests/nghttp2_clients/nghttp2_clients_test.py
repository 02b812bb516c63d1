#!/usr/bin/env python3
"""nghttp2's own clients against the greeter: nghttp shows each frame of a call, h2load makes many calls.

  nghttp2_clients_test.py CASE GREETER_SERVER [REQUESTS]     REQUESTS of h2load_10x10
"""
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile

TIMEOUT = 100  # seconds, on machines with other work too
NAME = b"nghttp2"
REPLY = b"Hello " + NAME
HEADERS = ("-H", "content-type: application/grpc", "-H", "te: trailers")


class Failed(Exception):
    """What is wrong, for people."""


def expect(right, *what):
    if not right:
        raise Failed(" ".join(map(str, what)))


def framed(text):
    """A gRPC message of one string field of number 1: HelloRequest and HelloReply alike."""
    message = bytes([0x0A, len(text)]) + text
    return b"\0" + struct.pack(">I", len(message)) + message


class Server:
    """A greeter_server on a free port."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "--listen", "tcp:127.0.0.1:0"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        expect(line.startswith("listening on tcp:"), "the server says", repr(line))
        self.url = "http://" + line.removeprefix("listening on tcp:").strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def calls(self):
        """Ends the server; how many calls its handlers have seen."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=TIMEOUT)
        found = re.search(r"^stopped: (\d+) calls, 0 cancelled, 0 still running$", out, re.M)
        expect(found, "the server ends with", repr(out))
        return int(found[1])


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, timeout=TIMEOUT)
    text = (done.stdout + done.stderr).decode("latin-1")
    expect(done.returncode == 0, command[0], "ended with", done.returncode, text[-500:])
    return text


def frames(text):
    """What nghttp -v received on the call's stream: (kind, flags, length) of each frame, and its fields."""
    found = re.findall(r"recv (\w+) frame <length=(\d+), flags=0x(\w\w), stream_id=(\d+)>", text)
    stream = max(int(f[3]) for f in found)
    fields = dict(re.findall(rf"recv \(stream_id={stream}\) ([^\s:]+|:status): (.*)", text))
    return [(kind, int(flags, 16), int(length)) for kind, length, flags, of in found if int(of) == stream], fields


def nghttp(request, url, path):
    return run("nghttp", "-v", "-d", request, "-H", ":method: POST", *HEADERS, url + path)


def shows_a_clean_exchange(program, request):
    with Server(program) as server:
        text = nghttp(request, server.url, "/helloworld.Greeter/SayHello")
        received, fields = frames(text)
        end_headers, end_stream = 0x4, 0x1
        expect([(kind, flags) for kind, flags, _ in received] ==
               [("HEADERS", end_headers), ("DATA", 0), ("HEADERS", end_headers | end_stream)],
               "the call's frames are", received)
        expect(received[1][2] == len(framed(REPLY)), "DATA of", received[1][2], "bytes")
        expect(REPLY.decode() in text, "the reply is not in the output")
        expect(fields == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}, fields)
        expect("RST_STREAM" not in text and not re.search(r"recv GOAWAY", text), text)
        expect(re.search(r"recv SETTINGS frame <length=0, flags=0x01", text), "SETTINGS are not acknowledged")
        expect(server.calls() == 1, "the handler did not run once")


def shows_what_is_not_there(program, request):
    with Server(program) as server:
        received, fields = frames(nghttp(request, server.url, "/helloworld.Greeter/SayGoodbye"))
        expect([kind for kind, _, _ in received] == ["HEADERS"], "the call's frames are", received)
        expect(fields.get(":status") == "200" and fields.get("grpc-status") == "12", fields)
        expect("SayGoodbye" in fields.get("grpc-message", ""), fields)
        expect(server.calls() == 0, "a handler ran")


def load(program, request, clients, streams, requests):
    with Server(program) as server:
        text = run("h2load", "-n", requests, "-c", clients, "-m", streams, "-d", request, *HEADERS,
                   server.url + "/helloworld.Greeter/SayHello")
        summary = (f"requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, "
                   "0 failed, 0 errored, 0 timeout")
        expect(summary in text, text)
        expect(f"status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx" in text, text)
        # A call that fails has trailers only: a reply for each means grpc-status 0 for each.
        data = re.search(r"\((\d+)\) data$", text, re.M)
        expect(data and int(data[1]) == requests * len(framed(REPLY)), "bytes of replies:", data and data[1])
        handled = server.calls()
        expect(handled == requests, requests, "requests, and the handler ran", handled, "times")


CASES = {
    "nghttp_clean": shows_a_clean_exchange,
    "nghttp_unimplemented": shows_what_is_not_there,
    "h2load_1x1": lambda program, request: load(program, request, 1, 1, 500),
    "h2load_1x100": lambda program, request: load(program, request, 1, 100, 5_000),
    "h2load_10x10": lambda program, request, requests: load(program, request, 10, 10, requests),
}


def main(argv):
    case, program, *requests = argv
    with tempfile.TemporaryDirectory() as folder:
        request = pathlib.Path(folder) / "request.bin"
        request.write_bytes(framed(NAME))
        try:
            CASES[case](program, request, *map(int, requests))
        except Failed as why:
            print(f"{case}: {why}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
