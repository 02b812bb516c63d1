"""The cases of the grpclib peer's client; tests/interop/README.md says what each must check."""
import asyncio
import time
import zlib

import interop_pb2 as pb
from client import CALL_TIMEOUT, Failure, check, check_end
from interop_common import pattern

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def check_reply(reply, request, what):
    check(reply is not None, what, "no reply")
    check(reply.payload == request.payload, what, len(request.payload), "bytes of payload came back as", len(reply.payload), "others")
    check(reply.text == request.text, what, repr(request.text), "came back as", repr(reply.text))


def check_totals(reply, count, size, crc, what):
    got, want = (reply.count, reply.size, reply.crc), (count, size, crc)
    check(got == want, what, "messages, bytes and crc: sent", want, "the server counted", got)


@case
async def unary(c):
    for k in range(5):
        request = pb.Request(payload=pattern(100 * k, k), text=f"unary {k}")
        reply = await c.unary(request)
        check_reply(reply, request, request.text)
        check_totals(reply, 1, 100 * k, zlib.crc32(request.payload), request.text)


async def read_stream(c, n, size):
    async with c.open("ServerStream") as stream:
        await stream.send_message(pb.Request(text="down", plan=pb.Plan(replies=n, reply_size=size)), end=True)
        for i in range(n):
            reply = await stream.recv_message()
            check(reply.count == i and reply.text == "down" and reply.payload == pattern(size, i),
                  f"reply {i} of {n}: got number {reply.count}, {len(reply.payload)} bytes")
        await check_end(stream, "ServerStream")


async def write_stream(c, n, size):
    total = crc = 0
    async with c.open("ClientStream") as stream:
        await stream.send_request(end=n == 0)
        for i in range(n):
            payload = pattern(size(i), i)
            total, crc = total + len(payload), zlib.crc32(payload, crc)
            await stream.send_message(pb.Request(payload=payload, text=str(i)))
        if n:
            await stream.end()
        reply = await stream.recv_message()
    check_totals(reply, n, total, crc, "ClientStream")
    check(n == 0 or reply.text == str(n - 1), "text of the last message:", reply.text)


@case
async def server_stream(c):
    await read_stream(c, 10, 1000)
    await read_stream(c, 0, 0)


@case
async def client_stream(c):
    await write_stream(c, 10, lambda i: 100 * i)
    await write_stream(c, 0, None)


async def turn(stream, request, what):
    await stream.send_message(request)
    reply = await stream.recv_message()
    check_reply(reply, request, what)
    return reply


@case
async def bidi(c):
    total = crc = 0
    async with c.open("Bidi") as stream:
        for i in range(10):
            request = pb.Request(payload=pattern(50 * i, i), text=f"ping {i}")
            if i == 0:
                request.plan.replies, request.plan.reply_size = 3, 10
            total, crc = total + 50 * i, zlib.crc32(request.payload, crc)
            check_totals(await turn(stream, request, request.text), i + 1, total, crc, request.text)
        await stream.end()
        for i in range(3):
            reply = await stream.recv_message()
            check(reply.payload == pattern(10, i), f"reply {i} after the half-close: {len(reply.payload)} bytes")
            check_totals(reply, 10, total, crc, "after the half-close")
        await check_end(stream, "Bidi")


@case
async def empty(c):
    check(await c.unary(pb.Request()) == pb.Reply(count=1), "Unary")
    async with c.open("ServerStream") as stream:
        await stream.send_message(pb.Request(), end=True)
        await check_end(stream, "ServerStream without replies")
    async with c.open("ServerStream") as stream:
        await stream.send_message(pb.Request(plan=pb.Plan(replies=2)), end=True)
        check((await stream.recv_message()).ByteSize() == 0, "the reply is not empty")
        check(await stream.recv_message() == pb.Reply(count=1), "the second reply")
        await check_end(stream, "ServerStream")
    async with c.open("ClientStream") as stream:
        for i in range(3):
            await stream.send_message(pb.Request(), end=i == 2)
        check(await stream.recv_message() == pb.Reply(count=3), "ClientStream")
    async with c.open("Bidi") as stream:
        for i in range(3):
            await stream.send_message(pb.Request())
            check(await stream.recv_message() == pb.Reply(count=i + 1), "Bidi")
        await stream.end()
        await check_end(stream, "Bidi")


def check_values(c, pairs, key, want, where):
    if c.joined and not key.endswith("-bin") and len(want) > 1:
        want = [", ".join(want)]
    got = [v for k, v in pairs if k == key]
    check(got == want, key, "of the", where, "want", want, "got", got)


async def exchange(c, sent):
    """A Unary and a Bidi call with the metadata: what came back, and what the server saw."""
    keys = list(dict.fromkeys(key for key, _ in sent))
    for shape in ("Unary", "Bidi"):
        if shape == "Unary":
            reply, stream = await c.unary_call(pb.Request(), metadata=sent)
        else:
            async with c.open("Bidi", metadata=sent) as stream:
                await stream.send_message(pb.Request())
                await stream.recv_initial_metadata()
                reply = await stream.recv_message()
                await stream.end()
                await check_end(stream, "Bidi")
        header, trailer = list(stream.initial_metadata.items()), list(stream.trailing_metadata.items())
        seen = [(pair.key, pair.value if pair.key.endswith("-bin") else pair.value.decode()) for pair in reply.metadata]
        for key in keys:
            values = [value for k, value in sent if k == key]
            check_values(c, seen, key, values, shape + " request")
            check_values(c, header, key, values if key.startswith("x-header") else [], shape + " header")
            check_values(c, trailer, key, values if key.startswith("x-trailer") else [], shape + " trailer")
        check({key for key, _ in seen} == set(keys), shape, "the server saw", seen)


@case
async def metadata(c):
    await exchange(c, (("x-header", "one"), ("x-header-2", "two words, and a comma"),
                       ("x-trailer", "!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~"), ("x-other", "only seen")))
    failed = await c.unary_fails(pb.Request(plan=pb.Plan(code=5, message="none")), metadata=(("x-trailer", "of a failure"),))
    failed.check(5, "none")
    check_values(c, failed.trailer, "x-trailer", ["of a failure"], "failure's trailer")


@case
async def metadata_many(c):
    await exchange(c, (("x-header", "one"), ("x-header", "two, three"), ("x-header", "four"), ("x-trailer", "b"),
                       ("x-trailer", "a"), ("x-trailer", "b"), ("x-other", "1"), ("x-other", "2")))


@case
async def metadata_bin(c):
    await exchange(c, (("x-header-bin", bytes(range(256))), ("x-trailer-bin", b"\x00"), ("x-trailer-bin", b"\xff\xfe"),
                       ("x-trailer-bin", b"abc"), ("x-other-bin", b"")))


@case
async def metadata_big(c):
    await exchange(c, tuple((f"x-header-{i}", chr(97 + i) * 150) for i in range(20)) + (("x-trailer", "t" * 3000),))


@case
async def sequence(c):
    for i in range(1000):
        key, value = f"x-header-{i % 13}", f"{i}{'v' * (i % 97)}"
        _, stream = await c.unary_call(pb.Request(), metadata=((key, value),))
        check_values(c, stream.initial_metadata.items(), key, [value], f"header of call {i}")


@case
async def status_message(c):
    for code in range(1, 17):
        (await c.unary_fails(pb.Request(plan=pb.Plan(code=code, message=f"code {code}")))).check(code, f"code {code}")
    for message in ("grüße, 火, 🎈", "100% of %41 and %zz, %", "a\nb\tc\x7f", "long " * 200 + "end"):
        (await c.unary_fails(pb.Request(plan=pb.Plan(code=9, message=message)))).check(9, message)


@case
async def status_plain(c):
    failed = await c.unary_fails(pb.Request(plan=pb.Plan(code=5)))
    failed.check(5, "")
    check(failed.details is None, "there are details")


@case
async def status_details(c):
    details = pb.StatusDetails(code=7, message="with details", details=[
        pb.Detail(type_url="type.googleapis.com/sluice.interop.Pair", value=b"\x0a\x01k\x12\x01v")]).SerializeToString()
    failed = await c.unary_fails(pb.Request(plan=pb.Plan(code=7, message="with details", details=details)))
    failed.check(7, "with details")
    check(failed.details == details, "details: want", details, "got", failed.details)


@case
async def status_kinds(c):
    request = pb.Request(plan=pb.Plan(replies=2, code=10, message="aborted, after all"))

    def with_replies(count):
        async def body(stream):
            await stream.send_message(request, end=True)
            for i in range(count):
                check(await stream.recv_message() is not None, "no reply", i)
            await stream.recv_message()
        return body
    for name, count in (("ServerStream", 2), ("ClientStream", 0), ("Bidi", 3)):
        (await c.fails(name, with_replies(count))).check(10, request.plan.message, name)


@case
async def unimplemented(c):
    (await c.unary_fails(pb.Request(), "NotThere")).check(12, what="a method that is not there")
    (await c.unary_fails(pb.Request(), "Missing")).check(12, what="a service that is not there")
    await unary(c)


@case
async def utf8(c):
    for text in ("grüße", "日本語", "🎈\U0010ffff", "\0\1\x7f\x80\uffff", "العربية\u200f", "e\u0301"):
        request = pb.Request(text=text)
        check_reply(await c.unary(request), request, "Unary")


def waiting(call_id):
    return pb.Request(id=call_id, plan=pb.Plan(wait=True))


@case
async def deadline(c):
    call_id, start = c.id(), time.monotonic()
    (await c.unary_fails(waiting(call_id), timeout=0.3)).check(4)
    check(0.25 < time.monotonic() - start < 5, "after", time.monotonic() - start)
    seen = await c.seen_cancelled(call_id)
    check(0 < seen.timeout_ms <= 350, "of 300 ms the server saw", seen.timeout_ms)
    call_id = c.id()
    await c.unary(pb.Request(id=call_id), timeout=100)
    seen = await c.seen(call_id, "the end", lambda r: r.ended == 1)
    check(80_000 < seen.timeout_ms <= 101_000, "of 100 s the server saw", seen.timeout_ms, "ms")
    call_id = c.id()
    await c.unary(pb.Request(id=call_id), timeout=None)
    seen = await c.seen(call_id, "the end", lambda r: r.ended == 1)
    check(seen.timeout_ms == -1 and not seen.cancelled, "without deadline the server saw", seen)


@case
async def deadline_stream(c):
    call_id = c.id()

    async def body(stream):
        await stream.send_message(waiting(call_id))
        await stream.recv_message()
        await stream.recv_message()
    (await c.fails("Bidi", body, timeout=0.3)).check(4)
    await c.seen_cancelled(call_id)


@case
async def cancel_unary(c):
    call_id = c.id()
    call = asyncio.create_task(c.unary(waiting(call_id)))
    await c.seen(call_id, "the call", lambda r: r.started == 1)
    call.cancel()
    try:
        await call
        raise Failure("the call succeeded")
    except asyncio.CancelledError:
        pass
    await c.seen_cancelled(call_id)


@case
async def cancel_stream(c):
    call_id = c.id()
    async with c.open("ServerStream") as stream:
        await stream.send_message(pb.Request(id=call_id, plan=pb.Plan(replies=1_000_000, reply_size=1000)), end=True)
        for _ in range(5):
            await stream.recv_message()
        await stream.cancel()
    seen = await c.seen_cancelled(call_id)
    check(seen.sent < 1_000_000, "the server sent all replies:", seen.sent)


@case
async def cancel_bidi(c):
    call_id = c.id()
    async with c.open("Bidi") as stream:
        await stream.send_message(waiting(call_id))
        await stream.recv_message()
        await stream.cancel()
    await c.seen_cancelled(call_id)


class Endless:
    """Sends requests on a stream until it ends or `self` is left; counts them."""

    def __init__(self, stream, plan):
        self.stream, self.plan, self.sent = stream, plan, 0

    async def __aenter__(self):
        self.task = asyncio.create_task(self.send())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task])
        check(self.sent < 100_000, "the server read on")

    async def send(self):
        while self.sent < 100_000:
            await self.stream.send_message(pb.Request(payload=pattern(1000, self.sent), plan=self.plan))
            self.sent += 1
            await asyncio.sleep(0)  # sending alone does not let others run


@case
async def server_ends_early(c):
    plan, replies = pb.Plan(read=3, code=10, message="enough"), 0

    async def both(stream):
        nonlocal replies
        await stream.send_request()
        async with Endless(stream, plan):
            while await stream.recv_message() is not None:
                replies += 1
    (await c.fails("Bidi", both)).check(10, "enough", "Bidi")
    # Drops those that it reads together with the server's RST_STREAM.
    check(replies <= 3, "Bidi:", replies, "replies")

    async def up(stream):
        await stream.send_request()
        async with Endless(stream, plan):
            await stream.recv_message()
    (await c.fails("ClientStream", up)).check(10, "enough", "ClientStream")
    await unary(c)


@case
async def server_ends_early_ok(c):
    async with c.open("Bidi") as stream:
        await stream.send_request()
        async with Endless(stream, pb.Plan(read=3)):
            for i in range(3):
                check(await stream.recv_message() is not None, "no reply", i)
            await check_end(stream, "Bidi")
    await unary(c)


@case
async def large(c):
    request = pb.Request(payload=pattern(1 << 20, 1))
    check_reply(await c.unary(request), request, "Unary")
    async with c.open("Bidi") as stream:
        for i in range(4):
            await turn(stream, pb.Request(payload=pattern(1 << 20, i)), "Bidi")
        await stream.end()
        await check_end(stream, "Bidi")


@case
async def volume(c):
    await read_stream(c, 256, 64 << 10)
    await write_stream(c, 256, lambda i: 64 << 10)


@case
async def many(c):
    await read_stream(c, 10_000, 10)
    await write_stream(c, 10_000, lambda i: 10)


@case
async def too_long(c):
    (await c.unary_fails(pb.Request(payload=pattern(5 << 20, 0)))).check(8, what="a request of 5 MiB")
    # grpclib knows no limit.
    reply = await c.unary(pb.Request(plan=pb.Plan(reply_size=5 << 20)))
    check(reply.payload == pattern(5 << 20, 0), "a reply of 5 MiB came as", len(reply.payload), "bytes")
    await unary(c)


async def all_at_once(c, call_id, plan):
    requests = [pb.Request(id=call_id, text=str(i), payload=pattern(i % 100, i), plan=plan) for i in range(1000)]

    async def one(i, request):
        check_reply(await c.unary(request), request, f"call {i}")
    results = await asyncio.gather(*(one(i, request) for i, request in enumerate(requests)), return_exceptions=True)
    whys = [f"call {i}: {result!r}" for i, result in enumerate(results) if result is not None]
    check(not whys, len(whys), "of 1000 calls failed;", *whys[:1])


@case
async def crowd(c):
    await all_at_once(c, c.id(), pb.Plan(gather=1000))


@case
async def crowd_queued(c):
    # grpclib does not wait for the server's SETTINGS: a call first, after which it knows them.
    await unary(c)
    await all_at_once(c, "", None)


@case
async def ping_pong(c):
    async with c.open("Bidi", timeout=CALL_TIMEOUT + c.seconds) as stream:
        turns, end = 0, time.monotonic() + c.seconds
        while time.monotonic() < end:
            reply = await turn(stream, pb.Request(payload=pattern(turns % 1000, turns)), f"turn {turns}")
            turns += 1
            check(reply.count == turns, f"turn {turns} was counted as {reply.count}")
        await stream.end()
        await check_end(stream, "Bidi")
    check(turns > 100 * c.seconds, "only", turns, "turns in", c.seconds, "s")
