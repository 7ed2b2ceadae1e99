"""Granian under the application. The one module that knows Granian's inside: it hands Granian a listening socket that
was made elsewhere, and is called back without a coroutine or task for each request: a fifth more requests."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self

from granian import _granian
from granian.http import HTTP1Settings

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.http.app import App
from modelyard_serving.http.errors import error_response
from modelyard_serving.http.exchange import Request, Response

BACKLOG = 2048
_CLOSE = ("connection", "close")
_native: Any = _granian  # Its stub is of another release than its code, so it is taken without types.
_log = logging.getLogger(__name__)


class HttpServer:
    """Serves one application on an inherited listening socket."""

    def __init__(
        self,
        app: App,
        *,
        listener: int,
        loop: asyncio.AbstractEventLoop,
        max_body_bytes: int,
        max_connections: int = 8192,
    ) -> None:
        self._app = app
        self._listener = listener
        self._loop = loop
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._signal = _native.WorkerSignal()
        self._stopped = loop.create_future()
        self._in_flight = 0
        self._is_leaving = False
        self._silence: socket.socket | None = None

    @property
    def in_flight(self) -> int:
        """Requests that were begun and are not answered."""
        return self._in_flight

    def start(self) -> None:
        """Accept connections from now on."""
        self._signal.add_cb(partial(self._loop.call_soon_threadsafe, self._stopped.set_result, None))
        worker = _native.RSGIWorker(
            worker_id=1,
            sock=(None, _native.SocketHolder(self._listener, False, BACKLOG)),  # noqa: FBT003  # It is not a Unix socket.
            ipc=None,
            threads=1,
            blocking_threads=1,
            py_threads=1,
            py_threads_idle_timeout=30,
            backpressure=self._max_connections,
            http_mode="1",
            http1_opts=HTTP1Settings(),
            http2_opts=None,
            websockets_enabled=False,
            static_files=None,
            ssl_enabled=False,
            ssl_cert=None,
            ssl_key=None,
            ssl_key_password=None,
            ssl_protocol_min="tls1.3",
            ssl_ca=None,
            ssl_crl=[],
            ssl_client_verify=False,
            metrics=(None, None),
        )
        worker.serve_async(_Scheduler(self._loop, self._begin), self._loop, self._signal)

    def leave(self) -> None:
        """Ask every connection to close after its next answer."""
        self._is_leaving = True

    def stop_accepting(self) -> None:
        """Leave new connections to the other workers, and keep those that are here.

        Granian knows its listener by the number of its file; from now on this number is a socket that nobody can
        connect to. The shared listener itself is untouched.
        """
        self._silence = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._silence.bind("")
        self._silence.listen(1)
        self._silence.setblocking(False)  # noqa: FBT003  # The socket module takes it by position.
        os.dup2(self._silence.fileno(), self._listener)

    async def stop(self) -> None:
        """Finish what is in flight, close the connections, end."""
        self._signal.set()
        await self._stopped

    def _begin(self, watcher: Any) -> None:
        """A request's head has come; its body may still be on the way."""
        self._in_flight += 1
        scope = watcher.scope
        if scope.method in ("GET", "HEAD"):
            self._handle(watcher, b"")
            return
        length = scope.headers.get("content-length")
        if length is None or int(length) > self._max_body_bytes:
            self._loop.create_task(self._begin_unmeasured(watcher, length))
            return
        body = watcher.proto()
        body.add_done_callback(partial(self._on_body, watcher), context=None)

    def _on_body(self, watcher: Any, body: Any) -> None:
        try:
            next(body)
        except StopIteration as end:
            self._handle(watcher, end.value)
        except Exception:  # noqa: BLE001  # The client went away in the middle of its body.
            self._end(watcher, error_response(ServingError("the body did not come whole", kind=Kind.INVALID)))

    async def _begin_unmeasured(self, watcher: Any, length: str | None) -> None:
        """A body of unknown length is read by pieces, up to the limit; one that is told to be too large not at all."""
        if length is not None:
            self._end(watcher, self._too_large())
            return
        parts: list[bytes] = []
        size = 0
        try:
            async for part in watcher.proto:
                size += len(part)
                if size > self._max_body_bytes:
                    self._end(watcher, self._too_large())
                    return
                parts.append(part)
        except Exception:  # noqa: BLE001  # The client went away in the middle of its body.
            self._end(watcher, error_response(ServingError("the body did not come whole", kind=Kind.INVALID)))
            return
        self._handle(watcher, b"".join(parts))

    def _too_large(self) -> Response:
        response = error_response(
            ServingError(f"the body is larger than {self._max_body_bytes} bytes", kind=Kind.TOO_LARGE)
        )
        response.headers = [*response.headers, _CLOSE]
        return response

    def _handle(self, watcher: Any, body: bytes) -> None:
        scope = watcher.scope
        answer = self._app.handle(Request(scope.method, scope.path, scope.headers, body, scope.query_string))
        if isinstance(answer, Response):
            self._end(watcher, answer)
        else:
            self._loop.create_task(self._end_later(watcher, answer))

    async def _end_later(self, watcher: Any, answer: Awaitable[Response]) -> None:
        try:
            response = await answer
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its 500.
            response = error_response(error)
        self._end(watcher, response)

    def _end(self, watcher: Any, response: Response) -> None:
        headers = [*response.headers, _CLOSE] if self._is_leaving else response.headers
        watcher.proto.response_bytes(response.status, headers, response.body)
        watcher.done()
        self._in_flight -= 1


class _Scheduler(_native.CallbackScheduler):  # type: ignore[misc]  # See `_native`.
    """Granian calls `_schedule_fn` on its own thread, once for each request."""

    __slots__ = ()

    def __init__(self, loop: asyncio.AbstractEventLoop, begin: Callable[[Any], None]) -> None:
        super().__init__()
        call, context = loop.call_soon_threadsafe, self._ctx

        def schedule(watcher: Any) -> None:
            call(begin, watcher, context=context)

        self._schedule_fn = schedule  # type: ignore[misc]  # A slot of its native base.

    def __new__(cls, loop: asyncio.AbstractEventLoop, begin: Callable[[Any], None]) -> Self:
        scheduler: Self = super().__new__(cls, loop, begin, None, None, None)
        return scheduler
