"""The client of the grpclib peer; see tests/interop/README.md."""
import argparse
import asyncio
import json
import os
import time
import traceback

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

import interop_pb2 as pb
from interop_common import RawDetails, split_addr
from interop_grpc import InteropStub, MissingStub

CALL_TIMEOUT = 20  # seconds


class Failure(Exception):
    """A check that did not hold."""


def check(ok, *what):
    if not ok:
        raise Failure(" ".join(str(part) for part in what))


class Failed:
    """How a call ended that had to fail. grpclib tells a deadline that has passed here as a TimeoutError."""

    def __init__(self, error, stream):
        timeout = isinstance(error, asyncio.TimeoutError)
        self.code = Status.DEADLINE_EXCEEDED if timeout else error.status
        self.message = "" if timeout else error.message or ""
        self.details = None if timeout else error.details
        self.trailer = [] if stream.trailing_metadata is None else list(stream.trailing_metadata.items())

    def check(self, code, message=None, what="call"):
        got = (self.code.value, self.message)
        want = (code, self.message if message is None else message)
        check(got == want, what, "want", want, "got", got)


class Client:
    def __init__(self, addr, seconds, joined):
        host, port, path = split_addr(addr)
        self.channel = Channel(host, port, path=path, status_details_codec=RawDetails())
        self.stub, self.missing = InteropStub(self.channel), MissingStub(self.channel)
        self.seconds, self.joined, self.ids = seconds, joined, 0

    def id(self):
        self.ids += 1
        return f"grpclib-{os.getpid()}-{self.ids}"

    def open(self, name, timeout=CALL_TIMEOUT, metadata=None):
        method = self.missing.Call if name == "Missing" else getattr(self.stub, name)
        return method.open(timeout=timeout, metadata=metadata)

    async def unary(self, request, **options):
        reply, _ = await self.unary_call(request, **options)
        return reply

    async def unary_call(self, request, name="Unary", **options):
        """The reply and the call, which has the metadata; by any method of one request and one reply."""
        async with self.open(name, **options) as stream:
            await stream.send_message(request, end=True)
            reply = await stream.recv_message()
        return reply, stream

    async def fails(self, name, body, **options):
        """A call that must fail, in which `body(stream)` sends and receives."""
        stream = self.open(name, **options)
        try:
            async with stream:
                await body(stream)
        except (GRPCError, asyncio.TimeoutError) as error:
            return Failed(error, stream)
        raise Failure(f"{name}: a call succeeded that must fail")

    async def unary_fails(self, request, name="Unary", **options):
        async def body(stream):
            await stream.send_message(request, end=True)
            await stream.recv_message()
        return await self.fails(name, body, **options)

    async def seen(self, call_id, what, until):
        """What the server saw of a call, once `until` holds for it."""
        end, reply = time.monotonic() + 5, None
        while time.monotonic() < end:
            reply, _ = await self.unary_call(pb.SeenRequest(id=call_id), "Seen")
            if until(reply):
                return reply
            await asyncio.sleep(0.005)
        raise Failure(f"the server did not see {what}: {reply}")

    async def seen_cancelled(self, call_id):
        return await self.seen(call_id, "the cancellation", lambda r: r.ended == 1 and r.cancelled)


async def check_end(stream, what):
    """No further reply; how the call ended is told when the stream is left."""
    check(await stream.recv_message() is None, what, "a reply more than expected")


async def run(args):
    from cases import CASES
    client = Client(args.target, args.seconds, args.joined)
    for name in args.case.split(","):
        start, why = time.monotonic(), ""
        try:
            check(name in CASES, "no such case")
            await CASES[name](client)
        except Failure as failure:
            why = str(failure) or "failed"
        except Exception as error:  # a status that no check expected, or a mistake here
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"
        print(json.dumps({"case": name, "ok": not why, "why": why, "seconds": time.monotonic() - start}), flush=True)
    client.channel.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--joined", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    # Under its own name: `cases` imports it again.
    import client
    client.main()
