"""gRPC without grpcio: HTTP/2 on the worker's own event loop, calls on top of it, and the protocol's services.

The reasons against grpcio, with measurements, are in docs/decisions/0110-grpc-on-our-own-event-loop.md.
"""
