"""What server and client of the grpclib peer share: patterns, addresses, details of a status."""
from grpclib.encoding.base import StatusDetailsCodecBase


class RawDetails(StatusDetailsCodecBase):
    """Details as the bytes of a google.rpc.Status, which grpclib else takes apart by a package of Google's."""

    def encode(self, status, message, details):
        return details

    def decode(self, status, message, data):
        return data


def pattern(size, seed):
    """Byte i is seed + 7 i."""
    block = bytes((seed + 7 * i) & 255 for i in range(256))
    return (block * (size // 256 + 1))[:size]


def split_addr(addr):
    """tcp:127.0.0.1:0 is ("127.0.0.1", 0, None), unix:PATH is (None, None, PATH)."""
    scheme, _, rest = addr.partition(":")
    if scheme == "unix":
        return None, None, rest
    if scheme != "tcp":
        raise ValueError(f"want tcp:HOST:PORT or unix:PATH, got: {addr}")
    host, _, port = rest.rpartition(":")
    return host, int(port), None
