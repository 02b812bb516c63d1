"""The client of the grpcio peer (blocking API, generic stubs); see tests/interop/README.md."""
import argparse
import json
import os
import queue
import time
import traceback

import grpc

import interop_pb2 as pb
from interop_common import CODES, METHODS, SERVICE, grpc_addr, kind

CALL_TIMEOUT = 20  # seconds


class Failure(Exception):
    """A check that did not hold."""


def check(ok, *what):
    if not ok:
        raise Failure(" ".join(str(part) for part in what))


class Sender:
    """The messages of a streaming call, as the iterator that grpcio wants."""

    def __init__(self):
        self._queue = queue.SimpleQueue()

    def send(self, message):
        self._queue.put(message)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


class Client:
    def __init__(self, addr, seconds, joined):
        self.channel = grpc.insecure_channel(grpc_addr(addr), (("grpc.enable_http_proxy", 0),))
        for name, (req, rep, up, down) in METHODS.items():
            setattr(self, name, self.method(f"/{SERVICE}/{name}", req, rep, kind(up, down)))
        self.NotThere = self.method(f"/{SERVICE}/NotThere", pb.Request, pb.Reply, "unary_unary")
        self.Missing = self.method("/sluice.interop.Missing/Call", pb.Request, pb.Reply, "unary_unary")
        self.seconds, self.joined, self.ids = seconds, joined, 0

    def method(self, path, req, rep, shape):
        make = getattr(self.channel, shape)
        return make(path, request_serializer=req.SerializeToString, response_deserializer=rep.FromString)

    def id(self):
        self.ids += 1
        return f"python-{os.getpid()}-{self.ids}"

    def bidi(self, first=None, **options):
        """A started Bidi call and its Sender; `first` is sent."""
        sender = Sender()
        options.setdefault("timeout", CALL_TIMEOUT)
        if first is not None:
            sender.send(first)
        return self.Bidi(iter(sender), **options), sender

    def unary(self, request, **options):
        options.setdefault("timeout", CALL_TIMEOUT)
        return self.Unary(request, **options)

    def seen(self, call_id, what, until):
        """What the server saw of a call, once `until` holds for it."""
        end, reply = time.monotonic() + 5, None
        while time.monotonic() < end:
            reply = self.Seen(pb.SeenRequest(id=call_id), timeout=CALL_TIMEOUT)
            if until(reply):
                return reply
            time.sleep(0.005)
        raise Failure(f"the server did not see {what}: {reply}")

    def seen_cancelled(self, call_id):
        return self.seen(call_id, "the cancellation", lambda r: r.ended == 1 and r.cancelled)


def check_status(error, code, message=None, what="call"):
    """`error` is an RpcError or a call that has ended."""
    got = (error.code(), error.details())
    want = CODES[code]
    if message is None:
        check(got[0] == want, what, "want", want, "got", got)
    else:
        check(got == (want, message), what, "want", (want, message), "got", got)


def fails(call):
    """The RpcError that `call()` raises."""
    try:
        reply = call()
    except grpc.RpcError as error:
        return error
    raise Failure(f"a call succeeded that must fail: {str(reply)[:100]}")


def check_end(stream, what):
    for _ in stream:
        raise Failure(f"{what}: a reply more than expected")
    check(stream.code() == grpc.StatusCode.OK, what, "ended with", stream.code(), stream.details())


def main():
    from cases import CASES
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--joined", action="store_true")
    args = parser.parse_args()
    client = Client(args.target, args.seconds, args.joined)
    for name in args.case.split(","):
        start, why = time.monotonic(), ""
        try:
            check(name in CASES, "no such case")
            CASES[name](client)
        except Failure as failure:
            why = str(failure) or "failed"
        except Exception as error:  # an RpcError that no check expected, or a mistake here
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"
        print(json.dumps({"case": name, "ok": not why, "why": why, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    # Under its own name: `cases` imports it again.
    import client
    client.main()
