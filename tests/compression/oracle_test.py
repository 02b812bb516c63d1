#!/usr/bin/env python3
"""Our encodings against those of others, both ways: what they write we read, and what we write they read.

  oracle_test.py gzip|deflate|zstd CODER ZSTD

CODER is compression_coder, ZSTD the command of that name.
"""
import argparse
import gzip
import io
import random
import struct
import subprocess
import sys
import zlib

LIMIT = 4 << 20


class Coder:
    """Our side."""

    def __init__(self, program, name):
        self.process = subprocess.Popen([program, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, data, limit=LIMIT):
        """(True, bytes) or (False, text of the error)."""
        self.process.stdin.write(kind + struct.pack("<II", limit, len(data)) + data)
        self.process.stdin.flush()
        good, size = struct.unpack("<cI", self.process.stdout.read(5))
        answer = self.process.stdout.read(size)
        return (True, answer) if good == b"." else (False, answer.decode())

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def messages():
    """(name, bytes): small and large, dull and loud."""
    noise = random.Random(7)
    words = b" ".join(noise.choice([b"alpha", b"beta", b"gamma", b"%d" % noise.randrange(10 ** 6)]) for _ in range(60000))
    for size in (0, 1, 2, 10, 255, 256, 257, 1000, 65535, 65536, 65537, 250000):
        yield f"{size} words", words[:size]
        yield f"{size} zeros", bytes(size)
        yield f"{size} noise", noise.randbytes(size)
    yield "a megabyte", (words * 5)[:1 << 20]


def gzip_file(data, level=9, **header):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=level, **header) as file:
        file.write(data)
    return out.getvalue()


def gzip_with_all_fields(data):
    """RFC 1952's FTEXT, FHCRC, FEXTRA, FNAME and FCOMMENT, which python's module does not write."""
    head = b"\x1f\x8b\x08\x1f" + struct.pack("<I", 1) + b"\x02\x03" + struct.pack("<H", 5) + b"ab\x01\x00x" + b"name\0" + b"comment\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xffff)
    body = zlib.compressobj(6, zlib.DEFLATED, -15)
    return head + body.compress(data) + body.flush() + struct.pack("<II", zlib.crc32(data), len(data))


def zlib_ways(bits):
    for level in (0, 1, 6, 9):
        yield f"level {level}", level, bits, 8, zlib.Z_DEFAULT_STRATEGY
    for strategy in (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
        yield f"strategy {strategy}", 6, bits, 8, strategy
    yield "little memory", 6, bits, 1, zlib.Z_DEFAULT_STRATEGY
    yield "small window", 6, bits - 6, 9, zlib.Z_DEFAULT_STRATEGY


def with_zlib(data, level, bits, memory, strategy, flushes=0):
    stream = zlib.compressobj(level, zlib.DEFLATED, bits, memory, strategy)
    out = b""
    for i in range(flushes):
        out += stream.compress(data[i * 100:(i + 1) * 100]) + stream.flush(zlib.Z_FULL_FLUSH)
    return out + stream.compress(data[flushes * 100:]) + stream.flush()


def zstd(program, data, *options):
    done = subprocess.run([program, "-q", "-c", *options], input=data, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode())
    return done.stdout


def encoders(kind, program):
    """(name, function from bytes to bytes)."""
    if kind == "zstd":
        for options in (["-1"], ["-19"], ["--no-check"], ["--fast=5"], ["--ultra", "-22"], ["--long=27"]):
            yield " ".join(options), lambda data, o=options: zstd(program, data, *o)
        yield "size known", lambda data: zstd(program, data, f"--stream-size={len(data)}")
        return
    if kind == "gzip":
        yield "GzipFile", lambda data: gzip_file(data, filename="a name", mtime=1)
        yield "gzip.compress", gzip.compress
        yield "all header fields", gzip_with_all_fields
    else:
        yield "zlib.compress", zlib.compress
    for name, *way in zlib_ways(31 if kind == "gzip" else 15):
        yield name, lambda data, w=way: with_zlib(data, *w)
    yield "flushes", lambda data: with_zlib(data, 6, 31 if kind == "gzip" else 15, 8, 0, 50)


def decoder(kind, program):
    return {"gzip": gzip.decompress, "deflate": zlib.decompress, "zstd": lambda data: zstd(program, data, "-d")}[kind]


class Check:
    def __init__(self):
        self.count, self.wrong = 0, []

    def expect(self, got, wanted, what):
        self.count += 1
        if got != wanted:
            self.wrong.append(f"{what}: {got!r:.200}, not {wanted!r:.200}")


def check_whole(check, coder, kind, program):
    few = {"10 words", "65537 words", "a megabyte"}
    for name, data in messages():
        if kind == "zstd" and name not in few:  # a process each
            continue
        good, packed = coder.ask(b"c", data)
        check.expect(good and decoder(kind, program)(packed), data, f"ours, {name}")
        for way, encode in encoders(kind, program):
            packed = encode(data)
            check.expect(coder.ask(b"d", packed), (True, data), f"{way}, {name}")
            if data:
                check.expect(coder.ask(b"d", packed, len(data)), (True, data), f"{way}, {name}, limit")
                good, why = coder.ask(b"d", packed, len(data) - 1)
                check.expect((good, str(why)[:18]), (False, "RESOURCE_EXHAUSTED"), f"{way}, {name}, one too many")


def check_broken(check, coder, kind, program):
    data = b"the same words again and again and again " * 5
    way, encode = next(iter(encoders(kind, program)))
    packed = encode(data)
    for n in range(1, len(packed)):
        good, why = coder.ask(b"d", packed[:n])
        check.expect((good, str(why)[:9]), (False, "INTERNAL:"), f"{way}, the first {n} bytes")
    for garbage in (b"\0", b"x", b"some garbage", packed[:10], packed[:-1]):
        good, why = coder.ask(b"d", packed + garbage)
        check.expect((good, str(why)[:9]), (False, "INTERNAL:"), f"{way}, and {garbage!r}")
    # Several in a row are one in gzip (RFC 1952, 2.2) and zstd (RFC 8878, 3.1), not in zlib's format.
    several = coder.ask(b"d", packed + encode(b"") + encode(b"more"))
    if kind == "deflate":
        check.expect(several, (False, "INTERNAL: corrupt deflate message: there are bytes behind its end"), "two streams")
    else:
        check.expect(several, (True, data + b"more"), "several members")
        good, why = coder.ask(b"d", packed + encode(b"more"), len(data) + 3)
        check.expect((good, str(why)[:18]), (False, "RESOURCE_EXHAUSTED"), "several members over the limit")


def check_strange(check, coder, kind, program):
    data = b"some data"
    if kind == "deflate":
        raw = with_zlib(data, 6, -15, 8, 0)
        check.expect(coder.ask(b"d", raw)[0], False, "RFC 1951 without zlib's header")
        wants = zlib.compressobj(zdict=b"some dictionary")
        check.expect(coder.ask(b"d", wants.compress(data) + wants.flush()),
                     (False, "INTERNAL: corrupt deflate message: it wants a dictionary"), "a dictionary")
    if kind == "gzip":
        wrong_size = bytearray(gzip.compress(data))
        wrong_size[-1] ^= 1
        check.expect(coder.ask(b"d", bytes(wrong_size)),
                     (False, "INTERNAL: corrupt gzip message: incorrect length check"), "a wrong length")
        wrong_size[-1] ^= 1
        wrong_size[-5] ^= 1
        check.expect(coder.ask(b"d", bytes(wrong_size)),
                     (False, "INTERNAL: corrupt gzip message: incorrect data check"), "a wrong check sum")
    if kind == "zstd":
        skippable = b"\x53\x2a\x4d\x18" + struct.pack("<I", 5) + b"12345"
        packed = zstd(program, data)
        check.expect(coder.ask(b"d", skippable + packed + skippable), (True, data), "skippable frames")
        # A frame header with nothing behind it that announces 4 GiB, in 8 bytes.
        liar = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 32) + b"\x01\x00\x00"
        good, why = coder.ask(b"d", liar)
        check.expect((good, str(why)[:18]), (False, "RESOURCE_EXHAUSTED"), "an announced size over the limit")
        liar = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", LIMIT) + b"\x01\x00\x00"
        good, why = coder.ask(b"d", liar)
        check.expect((good, str(why)[:9]), (False, "INTERNAL:"), "an announced size that is a lie")
        check.expect(coder.ask(b"d", b"\x25\xb5\x2f\xfd" + packed[4:]),
                     (False, "INTERNAL: corrupt zstd message: it is no frame"), "a format older than the standard")


def main():
    parser = argparse.ArgumentParser()
    for name in ("kind", "coder", "zstd"):
        parser.add_argument(name)
    args = parser.parse_args()
    check, coder = Check(), Coder(args.coder, args.kind)
    for part in (check_whole, check_broken, check_strange):
        part(check, coder, args.kind, args.zstd)
    check.expect(coder.close(), 0, "the coder's exit code")
    print("\n".join(check.wrong[:40]))
    print(f"{check.count} checks, {len(check.wrong)} wrong")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
