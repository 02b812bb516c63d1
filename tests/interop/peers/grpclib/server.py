"""The server of the grpclib peer; see tests/interop/README.md."""
import argparse
import asyncio
import os
import signal
import socket
import zlib

from grpclib.const import Status
from grpclib.server import Server

import interop_pb2 as pb
from interop_common import RawDetails, pattern, split_addr
from interop_grpc import InteropBase


class Record:
    """What was seen of the calls with one id."""

    def __init__(self):
        self.seen = pb.SeenReply(timeout_ms=-1)
        self.gathered = asyncio.Event()


class Call:
    """One call while its handler runs: `async with Call(...) as call`."""

    def __init__(self, calls, stream):
        self.calls, self.stream = calls, stream
        self.record = Record()  # nobody asks for it until the first message has an id
        self.count = self.size = self.crc = 0
        own = [(key, value) for key, value in stream.metadata.items() if key.startswith("x-")]
        self.header = [pair for pair in own if pair[0].startswith("x-header")]
        self.trailer = [pair for pair in own if pair[0].startswith("x-trailer")]
        self.pairs = [pb.Pair(key=key, value=value if isinstance(value, bytes) else value.encode()) for key, value in own]

    async def __aenter__(self):
        if self.header:
            await self.stream.send_initial_metadata(metadata=self.header)
        return self

    async def __aexit__(self, kind, error, _):
        seen = self.record.seen
        seen.ended += 1
        # A reset of the stream and a deadline that passes both cancel the handler.
        seen.cancelled = seen.cancelled or kind is asyncio.CancelledError

    async def read(self):
        """The next request; None at the half-close."""
        request = await self.stream.recv_message()
        if request is None:
            return None
        if self.count == 0 and request.id:
            self.record = self.calls.setdefault(request.id, self.record)
            self.record.seen.started += 1
            if self.stream.deadline is not None:
                self.record.seen.timeout_ms = int(self.stream.deadline.time_remaining() * 1000)
        self.count += 1
        self.size += len(request.payload)
        self.crc = zlib.crc32(request.payload, self.crc)
        self.record.seen.received += 1
        return request

    def reply(self, payload, text):
        pairs, self.pairs = self.pairs, []
        return pb.Reply(payload=payload, text=text, count=self.count, size=self.size, crc=self.crc, metadata=pairs)

    async def write(self, reply):
        await self.stream.send_message(reply)
        self.record.seen.sent += 1

    async def wait(self):
        await asyncio.Event().wait()  # until grpclib cancels the handler

    async def end(self, plan):
        await self.stream.send_trailing_metadata(status=Status(plan.code), status_message=plan.message or None,
                                                 status_details=plan.details or None, metadata=self.trailer)


class Service(InteropBase):
    def __init__(self):
        self.calls = {}

    def __mapping__(self):
        return {path: handler for path, handler in super().__mapping__().items() if not path.endswith("/NotThere")}

    async def NotThere(self, stream):
        raise NotImplementedError

    async def Unary(self, stream):
        async with Call(self.calls, stream) as call:
            request = await call.read()
            plan = request.plan
            if plan.wait:
                await call.wait()
            if plan.gather:
                if call.record.seen.started == plan.gather:
                    call.record.gathered.set()
                await call.record.gathered.wait()
            if not plan.code:
                await call.write(call.reply(pattern(plan.reply_size, 0) if plan.reply_size else request.payload, request.text))
            await call.end(plan)

    async def ServerStream(self, stream):
        async with Call(self.calls, stream) as call:
            request = await call.read()
            plan = request.plan
            for i in range(plan.replies):
                pairs, call.pairs = call.pairs, []
                await call.write(pb.Reply(payload=pattern(plan.reply_size, i), text=request.text, count=i, metadata=pairs))
            if plan.wait:
                await call.wait()
            await call.end(plan)

    async def ClientStream(self, stream):
        async with Call(self.calls, stream) as call:
            plan, text = pb.Plan(), ""
            while (request := await call.read()) is not None:
                text = request.text
                if call.count == 1:
                    plan = request.plan
                    if plan.wait:
                        await call.wait()
                if call.count == plan.read:
                    break
            if not plan.code:
                await call.write(call.reply(b"", text))
            await call.end(plan)

    async def Bidi(self, stream):
        async with Call(self.calls, stream) as call:
            plan = pb.Plan()
            while (request := await call.read()) is not None:
                await call.write(call.reply(request.payload, request.text))
                if call.count == 1:
                    plan = request.plan
                    if plan.wait:
                        await call.wait()
                if call.count == plan.read:
                    await call.end(plan)
                    return
            for i in range(plan.replies):
                await call.write(call.reply(pattern(plan.reply_size, i), ""))
            await call.end(plan)

    async def Seen(self, stream):
        request = await stream.recv_message()
        record = self.calls.get(request.id)
        await stream.send_message(record.seen if record else pb.SeenReply(timeout_ms=-1))

    async def Drain(self, stream):
        await stream.recv_message()
        await stream.send_message(pb.DrainReply())
        os.kill(os.getpid(), signal.SIGTERM)


async def serve(addr):
    host, port, path = split_addr(addr)
    server = Server([Service()], status_details_codec=RawDetails())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if path:
        await server.start(path=path)
    else:
        # grpclib turns Nagle's algorithm off only where the protocol was named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind((host, port))
        addr = f"tcp:{host}:{listener.getsockname()[1]}"
        await server.start(sock=listener)
    print("listening", addr, flush=True)
    await stop.wait()
    server.close()
    await server.wait_closed()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--max-streams", type=int, help="for nothing: grpclib lets 100 in, which no option changes")
    asyncio.run(serve(parser.parse_args().listen))


if __name__ == "__main__":
    main()
