"""gRPC without grpcio: HTTP/2 on the worker's own event loop, calls on top of it, and the protocol's services.

The reasons against grpcio, with measurements, are in docs/decisions/0110-grpc-on-our-own-event-loop.md.
"""

from importlib.util import find_spec


def has_grpc() -> bool:
    """Whether the libraries of the extra `grpc` are installed. They are not imported."""
    return find_spec("hpack") is not None and find_spec("google.protobuf") is not None
