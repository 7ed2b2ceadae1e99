"""The HTTP server of one worker: it accepts on a listening socket that all workers share, enforces timeouts, and drains
without losing a request."""

import asyncio
import socket
import time
from collections.abc import Callable
from functools import partial

from modelyard_serving.http.connection import Application, Connection, ConnectionContext
from modelyard_serving.http.wire import common_lines
from modelyard_serving.origin_policy import OriginPolicy

_SWEEP_S = 1.0
_POLL_S = 0.02
_FIRST_REQUEST_S = 1.0
"""How long a draining server waits for the first request of an accepted connection: a client that has just connected is
about to send one."""


class HttpServer:
    """Serves one application.

    Args:
        open_http2: makes the protocol of a connection whose client speaks HTTP/2; without it such a client is refused.
    """

    def __init__(
        self,
        app: Application,
        *,
        loop: asyncio.AbstractEventLoop,
        max_body_bytes: int,
        sources: OriginPolicy,
        version: str,
        open_http2: Callable[[], asyncio.Protocol] | None = None,
    ) -> None:
        self._loop = loop
        self._version = version
        self._context = ConnectionContext(
            app=app,
            loop=loop,
            max_body_bytes=max_body_bytes,
            sources=sources,
            common=common_lines(time.time(), version),
            now=loop.time(),
            open_http2=open_http2,
        )
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Requests that came whole and are not yet answered."""
        return self._context.in_flight

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from now on. The socket is shared: closing it here closes it nowhere else."""
        self._server = await self._loop.create_server(partial(Connection, self._context), sock=listener)
        self._sweep()

    def begin_drain(self) -> None:
        """Close every connection after its next response."""
        self._context.is_draining = True

    def stop_accepting(self) -> None:
        """Accept no new connections, and keep the open ones."""
        if self._server is not None:
            self._server.close()

    async def stop(self, timeout_s: float) -> bool:
        """Close idle connections, wait for the responses of the others, and abort those that take too long.

        Returns:
            whether every request was answered.
        """
        self.begin_drain()
        self.stop_accepting()
        first_request_until = self._loop.time() + min(_FIRST_REQUEST_S, timeout_s)
        until = self._loop.time() + timeout_s
        while self._context.connections and self._loop.time() < until:
            for connection in list(self._context.connections):
                if connection.is_idle and (connection.has_received_request or self._loop.time() > first_request_until):
                    connection.close()
            await asyncio.sleep(_POLL_S)
        is_clean = not self._context.in_flight
        for connection in list(self._context.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return is_clean

    def _sweep(self) -> None:
        """Once a second: update the clock, and close stalled connections."""
        context = self._context
        context.now = self._loop.time()
        context.common = common_lines(time.time(), self._version)
        for connection in list(context.connections):
            if connection.deadline < context.now and connection.is_stalled:
                connection.abort()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)
