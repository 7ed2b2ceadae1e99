"""Responds to gRPC calls with UNAVAILABLE while no worker is ready, so that a client does not wait for its deadline."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.calls import Context, Streaming, Unary
from modelyard_serving.grpc.server import GrpcServer
from modelyard_serving.grpc.status import Metadata, ResponseHeads

_MAX_MESSAGE_BYTES = 1024 * 1024
_DRAIN_TIMEOUT_S = 5.0


class GrpcNotReadyResponder:
    """Accepts connections of the shared listening socket while it is open."""

    def __init__(self, listener: socket.socket, *, version: str, reason: Callable[[], str]) -> None:
        self._listener = listener
        self._heads = ResponseHeads(version)
        self._service = _UnavailableService(reason)
        self._server: GrpcServer | None = None
        self._opening: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to accept."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = GrpcServer(self._service, loop=loop, max_message_bytes=_MAX_MESSAGE_BYTES, heads=self._heads)
            self._opening = loop.create_task(self._server.start(self._listener.dup()))

    def close(self) -> None:
        """Stop accepting, and ask connected clients to reconnect to the workers."""
        server, opening = self._server, self._opening
        if server is not None and opening is not None:
            self._server = None
            opening.add_done_callback(lambda _: _begin_drain(server))

    async def finish(self) -> None:
        """Respond to the connected clients, then stop."""
        server, opening = self._server, self._opening
        if server is not None and opening is not None:
            self._server = None
            await opening
            await server.stop(_DRAIN_TIMEOUT_S)


def _begin_drain(server: GrpcServer) -> None:
    server.begin_drain()
    server.stop_accepting()


class _UnavailableService:
    """A service in which every method fails with UNAVAILABLE."""

    def __init__(self, reason: Callable[[], str]) -> None:
        self.unary: Mapping[bytes, Unary] = _AnyPath(self._refuse)
        self.streaming: Mapping[bytes, Streaming] = {}
        self._reason = reason

    def refusal(self, _metadata: Metadata) -> None:
        """No call is rejected by its metadata: each fails anyway."""

    def end_streams(self) -> None:
        """There are no streams."""

    def _refuse(self, _message: bytes, _context: Context) -> bytes:
        raise ServingError(f"no worker is ready: {self._reason()}", kind=Kind.UNAVAILABLE)


class _AnyPath(Mapping[bytes, Unary]):
    """The same method at every path."""

    def __init__(self, method: Unary) -> None:
        self._method = method

    def __getitem__(self, path: bytes) -> Unary:
        return self._method

    def __contains__(self, path: object) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 0
