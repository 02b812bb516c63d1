"""The server of the grpcio peer (grpc.aio, generic handlers); see tests/interop/README.md."""
import argparse
import asyncio
import os
import signal
import zlib

import grpc

import interop_pb2 as pb
from interop_common import CODES, METHODS, SERVICE, grpc_addr, kind, pattern


class Record:
    """What was seen of the calls with one id."""

    def __init__(self):
        self.seen = pb.SeenReply(timeout_ms=-1)
        self.gathered = asyncio.Event()


class Call:
    """One call while its handler runs: `async with Call(...) as call`."""

    def __init__(self, calls, context):
        self.calls, self.context = calls, context
        self.record = Record()  # nobody asks for it until the first message has an id
        self.count = self.size = self.crc = 0
        self.pairs, self.header, self.trailer = [], [], []
        for key, value in context.invocation_metadata():
            if not key.startswith("x-"):
                continue
            self.pairs.append(pb.Pair(key=key, value=value if isinstance(value, bytes) else value.encode()))
            if key.startswith("x-header"):
                self.header.append((key, value))
            elif key.startswith("x-trailer"):
                self.trailer.append((key, value))

    async def __aenter__(self):
        self.context.set_trailing_metadata(self.trailer)
        if self.header:
            await self.context.send_initial_metadata(self.header)
        return self

    async def __aexit__(self, kind, error, _):
        seen = self.record.seen
        seen.ended += 1
        seen.cancelled = seen.cancelled or kind is asyncio.CancelledError

    def received(self, request):
        if self.count == 0 and request.id:
            self.record = self.calls.setdefault(request.id, self.record)
            self.record.seen.started += 1
            remaining = self.context.time_remaining()
            if remaining is not None:
                self.record.seen.timeout_ms = int(remaining * 1000)
        self.count += 1
        self.size += len(request.payload)
        self.crc = zlib.crc32(request.payload, self.crc)
        self.record.seen.received += 1

    def reply(self, payload, text):
        pairs, self.pairs = self.pairs, []
        return pb.Reply(payload=payload, text=text, count=self.count, size=self.size, crc=self.crc, metadata=pairs)

    async def write(self, reply):
        try:
            await self.context.write(reply)
        except grpc.aio.InternalError:  # how a write ends that was under way when the call was cancelled
            raise asyncio.CancelledError from None
        self.record.seen.sent += 1

    async def wait(self):
        await asyncio.Event().wait()  # until grpc.aio cancels the handler

    async def end(self, plan):
        if plan.code == 0:
            return
        trailer = list(self.trailer)
        if plan.details:
            trailer.append(("grpc-status-details-bin", plan.details))
        await self.context.abort(CODES[plan.code], plan.message, tuple(trailer))


class Service:
    def __init__(self):
        self.calls = {}

    async def Unary(self, request, context):
        async with Call(self.calls, context) as call:
            call.received(request)
            plan = request.plan
            if plan.wait:
                await call.wait()
            if plan.gather:
                if call.record.seen.started == plan.gather:
                    call.record.gathered.set()
                await call.record.gathered.wait()
            await call.end(plan)
            call.record.seen.sent += 1
            return call.reply(pattern(plan.reply_size, 0) if plan.reply_size else request.payload, request.text)

    async def ServerStream(self, request, context):
        async with Call(self.calls, context) as call:
            call.received(request)
            plan = request.plan
            for i in range(plan.replies):
                pairs, call.pairs = call.pairs, []
                await call.write(pb.Reply(payload=pattern(plan.reply_size, i), text=request.text, count=i, metadata=pairs))
            if plan.wait:
                await call.wait()
            await call.end(plan)

    async def ClientStream(self, requests, context):
        async with Call(self.calls, context) as call:
            plan, text = pb.Plan(), ""
            while (request := await context.read()) is not grpc.aio.EOF:
                call.received(request)
                text = request.text
                if call.count == 1:
                    plan = request.plan
                    if plan.wait:
                        await call.wait()
                if call.count == plan.read:
                    break
            await call.end(plan)
            call.record.seen.sent += 1
            return call.reply(b"", text)

    async def Bidi(self, requests, context):
        async with Call(self.calls, context) as call:
            plan = pb.Plan()
            while (request := await context.read()) is not grpc.aio.EOF:
                call.received(request)
                await call.write(call.reply(request.payload, request.text))
                if call.count == 1:
                    plan = request.plan
                    if plan.wait:
                        await call.wait()
                if call.count == plan.read:
                    return await call.end(plan)
            for i in range(plan.replies):
                await call.write(call.reply(pattern(plan.reply_size, i), ""))
            await call.end(plan)

    async def Seen(self, request, context):
        record = self.calls.get(request.id)
        return record.seen if record else pb.SeenReply(timeout_ms=-1)

    async def Drain(self, request, context):
        os.kill(os.getpid(), signal.SIGTERM)
        return pb.DrainReply()


async def serve(addr, max_streams):
    options = (("grpc.max_concurrent_streams", max_streams), ("grpc.so_reuseport", 0))
    server = grpc.aio.server(options=options)
    service = Service()
    handlers = {
        name: getattr(grpc, f"{kind(up, down)}_rpc_method_handler")(
            getattr(service, name), request_deserializer=req.FromString, response_serializer=rep.SerializeToString)
        for name, (req, rep, up, down) in METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port(grpc_addr(addr))
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("listening", f"tcp:127.0.0.1:{port}" if addr.startswith("tcp:") else addr, flush=True)
    await stop.wait()
    await server.stop(grace=30)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--max-streams", type=int, default=2000)
    args = parser.parse_args()
    asyncio.run(serve(args.listen, args.max_streams))


if __name__ == "__main__":
    main()
