"""The cases of the grpcio peer's client; tests/interop/README.md says what each must check."""
import time
import zlib

import grpc

import interop_pb2 as pb
from client import CALL_TIMEOUT, Failure, Sender, check, check_end, check_status, fails
from interop_common import pattern

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def check_reply(reply, request, what):
    check(reply.payload == request.payload, what, len(request.payload), "bytes of payload came back as", len(reply.payload), "others")
    check(reply.text == request.text, what, repr(request.text), "came back as", repr(reply.text))


def check_totals(reply, count, size, crc, what):
    got, want = (reply.count, reply.size, reply.crc), (count, size, crc)
    check(got == want, what, "messages, bytes and crc: sent", want, "the server counted", got)


@case
def unary(c):
    for k in range(5):
        request = pb.Request(payload=pattern(100 * k, k), text=f"unary {k}")
        reply = c.unary(request)
        check_reply(reply, request, request.text)
        check_totals(reply, 1, 100 * k, zlib.crc32(request.payload), request.text)


def read_stream(c, n, size):
    stream = c.ServerStream(pb.Request(text="down", plan=pb.Plan(replies=n, reply_size=size)), timeout=CALL_TIMEOUT)
    for i in range(n):
        reply = next(stream)
        check(reply.count == i and reply.text == "down" and reply.payload == pattern(size, i),
              f"reply {i} of {n}: got number {reply.count}, {len(reply.payload)} bytes")
    check_end(stream, "ServerStream")


def write_stream(c, n, size):
    total = crc = 0
    sender = Sender()
    for i in range(n):
        payload = pattern(size(i), i)
        total, crc = total + len(payload), zlib.crc32(payload, crc)
        sender.send(pb.Request(payload=payload, text=str(i)))
    sender.close()
    reply = c.ClientStream(iter(sender), timeout=CALL_TIMEOUT)
    check_totals(reply, n, total, crc, "ClientStream")
    check(n == 0 or reply.text == str(n - 1), "text of the last message:", reply.text)


@case
def server_stream(c):
    read_stream(c, 10, 1000)
    read_stream(c, 0, 0)


@case
def client_stream(c):
    write_stream(c, 10, lambda i: 100 * i)
    write_stream(c, 0, None)


@case
def bidi(c):
    stream, sender = c.bidi()
    total = crc = 0
    for i in range(10):
        request = pb.Request(payload=pattern(50 * i, i), text=f"ping {i}")
        if i == 0:
            request.plan.replies, request.plan.reply_size = 3, 10
        total, crc = total + 50 * i, zlib.crc32(request.payload, crc)
        sender.send(request)
        reply = next(stream)
        check_reply(reply, request, request.text)
        check_totals(reply, i + 1, total, crc, request.text)
    sender.close()
    for i in range(3):
        reply = next(stream)
        check(reply.payload == pattern(10, i), f"reply {i} after the half-close: {len(reply.payload)} bytes")
        check_totals(reply, 10, total, crc, "after the half-close")
    check_end(stream, "Bidi")


@case
def empty(c):
    check(c.unary(pb.Request()) == pb.Reply(count=1), "Unary")
    check_end(c.ServerStream(pb.Request(), timeout=CALL_TIMEOUT), "ServerStream without replies")
    down = c.ServerStream(pb.Request(plan=pb.Plan(replies=2)), timeout=CALL_TIMEOUT)
    check(next(down).ByteSize() == 0, "the reply is not empty")
    check(next(down) == pb.Reply(count=1), "the second reply")
    check_end(down, "ServerStream")
    check(c.ClientStream(iter([pb.Request()] * 3), timeout=CALL_TIMEOUT) == pb.Reply(count=3), "ClientStream")
    both, sender = c.bidi()
    for i in range(3):
        sender.send(pb.Request())
        check(next(both) == pb.Reply(count=i + 1), "Bidi")
    sender.close()
    check_end(both, "Bidi")


def values_of(metadata, key):
    return [value for k, value in metadata or () if k == key]


def check_values(c, metadata, key, want, where):
    if c.joined and not key.endswith("-bin") and len(want) > 1:
        want = [", ".join(want)]
    got = values_of(metadata, key)
    check(got == want, key, "of the", where, "want", want, "got", got)


def exchange(c, sent):
    """A Unary and a Bidi call with the metadata: what came back, and what the server saw."""
    keys = list(dict.fromkeys(key for key, _ in sent))
    for shape in ("Unary", "Bidi"):
        if shape == "Unary":
            reply, call = c.Unary.with_call(pb.Request(), metadata=sent, timeout=CALL_TIMEOUT)
            header = call.initial_metadata()
        else:
            call, sender = c.bidi(pb.Request(), metadata=sent)
            header = call.initial_metadata()
            reply = next(call)
            sender.close()
            check_end(call, "Bidi")
        trailer = call.trailing_metadata()
        seen = [(pair.key, pair.value if pair.key.endswith("-bin") else pair.value.decode()) for pair in reply.metadata]
        for key in keys:
            values = values_of(sent, key)
            check_values(c, seen, key, values, shape + " request")
            check_values(c, header, key, values if key.startswith("x-header") else [], shape + " header")
            check_values(c, trailer, key, values if key.startswith("x-trailer") else [], shape + " trailer")
        check({key for key, _ in seen} == set(keys), shape, "the server saw", seen)


@case
def metadata(c):
    exchange(c, (("x-header", "one"), ("x-header-2", "two words, and a comma"),
                 ("x-trailer", "!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~"), ("x-other", "only seen")))
    error = fails(lambda: c.unary(pb.Request(plan=pb.Plan(code=5, message="none")), metadata=(("x-trailer", "of a failure"),)))
    check_status(error, 5, "none")
    check_values(c, error.trailing_metadata(), "x-trailer", ["of a failure"], "failure's trailer")


@case
def metadata_many(c):
    exchange(c, (("x-header", "one"), ("x-header", "two, three"), ("x-header", "four"), ("x-trailer", "b"),
                 ("x-trailer", "a"), ("x-trailer", "b"), ("x-other", "1"), ("x-other", "2")))


@case
def metadata_bin(c):
    exchange(c, (("x-header-bin", bytes(range(256))), ("x-trailer-bin", b"\x00"), ("x-trailer-bin", b"\xff\xfe"),
                 ("x-trailer-bin", b"abc"), ("x-other-bin", b"")))


@case
def metadata_big(c):
    exchange(c, tuple((f"x-header-{i}", chr(97 + i) * 150) for i in range(20)) + (("x-trailer", "t" * 3000),))


@case
def sequence(c):
    for i in range(1000):
        key, value = f"x-header-{i % 13}", f"{i}{'v' * (i % 97)}"
        _, call = c.Unary.with_call(pb.Request(), metadata=((key, value),), timeout=CALL_TIMEOUT)
        check_values(c, call.initial_metadata(), key, [value], f"header of call {i}")


@case
def status_message(c):
    for code in range(1, 17):
        error = fails(lambda: c.unary(pb.Request(plan=pb.Plan(code=code, message=f"code {code}"))))
        check_status(error, code, f"code {code}")
    for message in ("grüße, 火, 🎈", "100% of %41 and %zz, %", "a\nb\tc\x7f", "long " * 200 + "end"):
        check_status(fails(lambda: c.unary(pb.Request(plan=pb.Plan(code=9, message=message)))), 9, message)


@case
def status_plain(c):
    error = fails(lambda: c.unary(pb.Request(plan=pb.Plan(code=5))))
    check_status(error, 5, "")
    check(not values_of(error.trailing_metadata(), "grpc-status-details-bin"), "there are details")


@case
def status_details(c):
    details = pb.StatusDetails(code=7, message="with details", details=[
        pb.Detail(type_url="type.googleapis.com/sluice.interop.Pair", value=b"\x0a\x01k\x12\x01v")]).SerializeToString()
    error = fails(lambda: c.unary(pb.Request(plan=pb.Plan(code=7, message="with details", details=details))))
    check_status(error, 7, "with details")
    got = values_of(error.trailing_metadata(), "grpc-status-details-bin")
    check(got == [details], "details: want", details, "got", got)


@case
def status_kinds(c):
    plan = pb.Plan(replies=2, code=10, message="aborted, after all")
    down = c.ServerStream(pb.Request(plan=plan), timeout=CALL_TIMEOUT)
    next(down), next(down)
    check_status(fails(lambda: next(down)), 10, plan.message, "ServerStream")
    error = fails(lambda: c.ClientStream(iter([pb.Request(plan=plan)]), timeout=CALL_TIMEOUT))
    check_status(error, 10, plan.message, "ClientStream")
    both, sender = c.bidi(pb.Request(plan=plan))
    sender.close()
    next(both), next(both), next(both)
    check_status(fails(lambda: next(both)), 10, plan.message, "Bidi")


@case
def unimplemented(c):
    check_status(fails(lambda: c.NotThere(pb.Request(), timeout=CALL_TIMEOUT)), 12, what="a method that is not there")
    check_status(fails(lambda: c.Missing(pb.Request(), timeout=CALL_TIMEOUT)), 12, what="a service that is not there")
    unary(c)


@case
def utf8(c):
    for text in ("grüße", "日本語", "🎈\U0010ffff", "\0\1\x7f\x80\uffff", "العربية\u200f", "e\u0301"):
        request = pb.Request(text=text)
        check_reply(c.unary(request), request, "Unary")


def waiting(call_id):
    return pb.Request(id=call_id, plan=pb.Plan(wait=True))


@case
def deadline(c):
    call_id, start = c.id(), time.monotonic()
    check_status(fails(lambda: c.unary(waiting(call_id), timeout=0.3)), 4)
    check(0.25 < time.monotonic() - start < 5, "after", time.monotonic() - start)
    seen = c.seen_cancelled(call_id)
    check(0 < seen.timeout_ms <= 350, "of 300 ms the server saw", seen.timeout_ms)
    call_id = c.id()
    c.unary(pb.Request(id=call_id), timeout=100)
    seen = c.seen(call_id, "the end", lambda r: r.ended == 1)
    check(80_000 < seen.timeout_ms <= 101_000, "of 100 s the server saw", seen.timeout_ms, "ms")
    call_id = c.id()
    c.unary(pb.Request(id=call_id), timeout=None)
    seen = c.seen(call_id, "the end", lambda r: r.ended == 1)
    check(seen.timeout_ms == -1 and not seen.cancelled, "without deadline the server saw", seen)


@case
def deadline_stream(c):
    call_id = c.id()
    stream, _ = c.bidi(waiting(call_id), timeout=0.3)
    next(stream)
    check_status(fails(lambda: next(stream)), 4)
    c.seen_cancelled(call_id)


@case
def cancel_unary(c):
    call_id = c.id()
    call = c.Unary.future(waiting(call_id), timeout=CALL_TIMEOUT)
    c.seen(call_id, "the call", lambda r: r.started == 1)
    call.cancel()
    check(call.code() == grpc.StatusCode.CANCELLED, call.code())
    c.seen_cancelled(call_id)


@case
def cancel_stream(c):
    call_id = c.id()
    stream = c.ServerStream(pb.Request(id=call_id, plan=pb.Plan(replies=1_000_000, reply_size=1000)), timeout=CALL_TIMEOUT)
    for _ in range(5):
        next(stream)
    stream.cancel()
    check(stream.code() == grpc.StatusCode.CANCELLED, stream.code())
    seen = c.seen_cancelled(call_id)
    check(seen.sent < 1_000_000, "the server sent all replies:", seen.sent)


@case
def cancel_bidi(c):
    call_id = c.id()
    stream, _ = c.bidi(waiting(call_id))
    next(stream)
    stream.cancel()
    check_status(fails(lambda: next(stream)), 1)
    c.seen_cancelled(call_id)


class Endless:
    """Requests without end, and how many of them were taken."""

    def __init__(self, plan):
        self.plan, self.sent = plan, 0

    def __iter__(self):
        while self.sent < 100_000:
            yield pb.Request(payload=pattern(1000, self.sent), plan=self.plan)
            self.sent += 1

    def check(self):
        check(self.sent < 100_000, "the server read on")


@case
def server_ends_early(c):
    plan = pb.Plan(read=3, code=10, message="enough")
    requests = Endless(plan)
    stream, replies = c.Bidi(iter(requests), timeout=CALL_TIMEOUT), 0
    try:
        for _ in stream:
            replies += 1
        raise Failure("Bidi ended with OK")
    except grpc.RpcError as error:
        check_status(error, 10, "enough", "Bidi")
    check(replies == 3, "Bidi:", replies, "replies")
    requests.check()
    requests = Endless(plan)
    check_status(fails(lambda: c.ClientStream(iter(requests), timeout=CALL_TIMEOUT)), 10, "enough", "ClientStream")
    requests.check()
    unary(c)


@case
def server_ends_early_ok(c):
    requests = Endless(pb.Plan(read=3))
    stream = c.Bidi(iter(requests), timeout=CALL_TIMEOUT)
    next(stream), next(stream), next(stream)
    check_end(stream, "Bidi")
    requests.check()
    unary(c)


@case
def large(c):
    request = pb.Request(payload=pattern(1 << 20, 1))
    check_reply(c.unary(request), request, "Unary")
    stream, sender = c.bidi()
    for i in range(4):
        request = pb.Request(payload=pattern(1 << 20, i))
        sender.send(request)
        check_reply(next(stream), request, "Bidi")
    sender.close()
    check_end(stream, "Bidi")


@case
def volume(c):
    read_stream(c, 256, 64 << 10)
    write_stream(c, 256, lambda i: 64 << 10)


@case
def many(c):
    read_stream(c, 10_000, 10)
    write_stream(c, 10_000, lambda i: 10)


@case
def too_long(c):
    check_status(fails(lambda: c.unary(pb.Request(payload=pattern(5 << 20, 0)))), 8, what="a request of 5 MiB")
    check_status(fails(lambda: c.unary(pb.Request(plan=pb.Plan(reply_size=5 << 20)))), 8, what="a reply of 5 MiB")
    unary(c)


def all_at_once(c, call_id, plan):
    requests = [pb.Request(id=call_id, text=str(i), payload=pattern(i % 100, i), plan=plan) for i in range(1000)]
    calls = [c.Unary.future(request, timeout=CALL_TIMEOUT) for request in requests]
    whys = []
    for i, (request, call) in enumerate(zip(requests, calls)):
        try:
            check_reply(call.result(), request, f"call {i}")
        except (grpc.RpcError, Failure) as error:
            whys.append(f"call {i}: {error}")
    check(not whys, len(whys), "of 1000 calls failed;", *whys[:1])


@case
def crowd(c):
    all_at_once(c, c.id(), pb.Plan(gather=1000))


@case
def crowd_queued(c):
    all_at_once(c, "", None)


@case
def drain(c):
    stream, sender = c.bidi()
    call_id = c.id()

    def turn():
        request = pb.Request(id=call_id, text="turn")
        sender.send(request)
        check_reply(next(stream), request, "the call that runs")
    turn()
    c.Drain(pb.DrainRequest(), timeout=CALL_TIMEOUT)
    end, error = time.monotonic() + 10, None
    while time.monotonic() < end and error is None:
        turn()
        try:
            c.unary(pb.Request())
        except grpc.RpcError as failed:
            error = failed
        time.sleep(0.005)
    check(error is not None, "new calls are still served")
    check_status(error, 14, what="a new call")
    for _ in range(10):
        turn()
    sender.close()
    check_end(stream, "the call that runs")


@case
def ping_pong(c):
    stream, sender = c.bidi(timeout=CALL_TIMEOUT + c.seconds)
    turns, end = 0, time.monotonic() + c.seconds
    while time.monotonic() < end:
        request = pb.Request(payload=pattern(turns % 1000, turns))
        sender.send(request)
        reply = next(stream)
        check_reply(reply, request, f"turn {turns}")
        turns += 1
        check(reply.count == turns, f"turn {turns} was counted as {reply.count}")
    sender.close()
    check_end(stream, "Bidi")
    check(turns > 100 * c.seconds, "only", turns, "turns in", c.seconds, "s")
