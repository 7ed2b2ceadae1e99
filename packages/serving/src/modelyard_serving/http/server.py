"""The HTTP server of one worker: it accepts on a listening socket that was made elsewhere and is shared with other
workers, keeps time for its connections, and leaves without losing a request."""

import asyncio
import socket
import time
from functools import partial

from modelyard_serving.http.connection import Application, Connection, Site
from modelyard_serving.http.wire import date_line
from modelyard_serving.sources import Sources

_SWEEP_S = 1.0
_POLL_S = 0.02
_FIRST_REQUEST_S = 1.0
"""How long a server that leaves waits for the first request on a connection that it took: whoever connected a moment
before is on its way to ask."""


class HttpServer:
    """Serves one application."""

    def __init__(
        self, app: Application, *, loop: asyncio.AbstractEventLoop, max_body_bytes: int, sources: Sources
    ) -> None:
        self._loop = loop
        self._site = Site(
            app=app,
            loop=loop,
            max_body_bytes=max_body_bytes,
            sources=sources,
            date=date_line(time.time()),
            now=loop.time(),
        )
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Requests that came whole and are not yet answered."""
        return self._site.in_flight

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from now on. The socket is shared: closing it here closes it nowhere else."""
        self._server = await self._loop.create_server(partial(Connection, self._site), sock=listener)
        self._sweep()

    def leave(self) -> None:
        """Ask every connection to close after its next answer."""
        self._site.is_leaving = True

    def stop_accepting(self) -> None:
        """Leave new connections to others, and keep those that are here."""
        if self._server is not None:
            self._server.close()

    async def stop(self, timeout_s: float) -> bool:
        """Close idle connections, wait for the others to be answered, cut those that take too long.

        Returns:
            whether every request was answered.
        """
        self.leave()
        self.stop_accepting()
        first_request_until = self._loop.time() + min(_FIRST_REQUEST_S, timeout_s)
        until = self._loop.time() + timeout_s
        while self._site.connections and self._loop.time() < until:
            for connection in list(self._site.connections):
                if connection.is_idle and (connection.has_asked or self._loop.time() > first_request_until):
                    connection.close()
            await asyncio.sleep(_POLL_S)
        is_clean = not self._site.in_flight
        for connection in list(self._site.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return is_clean

    def _sweep(self) -> None:
        """Once a second: tell the time, and part from callers that stand still."""
        site = self._site
        site.now = self._loop.time()
        site.date = date_line(time.time())
        for connection in list(site.connections):
            if connection.deadline < site.now and connection.is_overdue:
                connection.abort()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)
