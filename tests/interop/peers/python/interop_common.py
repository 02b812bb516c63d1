"""What server and client of the grpcio peer share: methods, patterns, addresses."""
import grpc

import interop_pb2 as pb

SERVICE = "sluice.interop.Interop"
# name: (request type, reply type, client streams, server streams)
METHODS = {
    "Unary": (pb.Request, pb.Reply, False, False),
    "ServerStream": (pb.Request, pb.Reply, False, True),
    "ClientStream": (pb.Request, pb.Reply, True, False),
    "Bidi": (pb.Request, pb.Reply, True, True),
    "Seen": (pb.SeenRequest, pb.SeenReply, False, False),
    "Drain": (pb.DrainRequest, pb.DrainReply, False, False),
}
CODES = {code.value[0]: code for code in grpc.StatusCode}


def kind(client_streams, server_streams):
    """unary_unary and the like: how grpcio names a shape."""
    return f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"


def pattern(size, seed):
    """Byte i is seed + 7 i."""
    block = bytes((seed + 7 * i) & 255 for i in range(256))
    return (block * (size // 256 + 1))[:size]


def grpc_addr(addr):
    """tcp:127.0.0.1:0 is 127.0.0.1:0 here; unix:PATH is the same."""
    scheme, _, rest = addr.partition(":")
    if scheme not in ("tcp", "unix"):
        raise ValueError(f"want tcp:HOST:PORT or unix:PATH, got: {addr}")
    return rest if scheme == "tcp" else addr
