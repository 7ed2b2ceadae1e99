"""The gRPC server of a worker: connections of a listening socket that all workers share, on the worker's own event
loop. It has the same methods as `HttpServer`."""

import asyncio
import socket

from modelyard_serving.grpc.calls import CallFactory, Service
from modelyard_serving.grpc.http2.connection import Connection
from modelyard_serving.grpc.messages import PREFIX_SIZE
from modelyard_serving.grpc.status import ResponseHeads

_WINDOW_SLACK = 65_536
_SWEEP_S = 5.0


class GrpcServer:
    """Serves one service, on a listening socket of its own or on connections that another server hands over."""

    def __init__(
        self,
        service: Service,
        *,
        loop: asyncio.AbstractEventLoop,
        max_message_bytes: int,
        heads: ResponseHeads | None = None,
    ) -> None:
        self._service = service
        self._calls = CallFactory(
            service, max_message_bytes=max_message_bytes, loop=loop, heads=heads or ResponseHeads()
        )
        self._loop = loop
        self._stream_window = min(max_message_bytes + PREFIX_SIZE + _WINDOW_SLACK, 2**31 - 1)
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._is_stopping = False
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Calls that were begun and are not answered."""
        return sum(connection.in_flight for connection in self._connections)

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from now on. The socket is shared: closing it here closes it nowhere else."""
        self._server = await self._loop.create_server(self.open_connection, sock=listener)

    def begin_drain(self) -> None:
        """Send GOAWAY to every client."""
        for connection in list(self._connections):
            connection.begin_drain()

    def stop_accepting(self) -> None:
        """Accept no new connections, and keep the open ones."""
        if self._server is not None:
            self._server.close()

    async def stop(self, timeout_s: float) -> bool:
        """Accept no new call, wait for those in flight, and abort those that take too long.

        Returns:
            whether every call was answered.
        """
        self._is_stopping = True
        self.stop_accepting()
        self._service.end_streams()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections):
            connection.drain()
        try:
            async with asyncio.timeout(timeout_s):
                while self._connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            pass
        is_clean = not self.in_flight
        for connection in list(self._connections):
            connection.abort()
        return is_clean

    def _sweep(self) -> None:
        """Every few seconds: close the connections of stalled clients."""
        now = self._loop.time()
        for connection in list(self._connections):
            if connection.is_stalled(now):
                connection.abort()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def open_connection(self) -> Connection:
        """The protocol of a new connection, which the caller connects to its transport."""
        if self._sweeper is None:
            self._sweep()
        connection = Connection(
            self._calls.open,
            loop=self._loop,
            stream_window=self._stream_window,
            connections=self._connections,
            on_closed=self._empty.set,
        )
        if self._is_stopping:
            self._loop.call_soon(connection.drain)  # When it is open, and has taken what it came with.
        return connection
