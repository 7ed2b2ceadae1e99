"""Responds on the listening sockets while no worker is ready, so that clients get a fast 503 and liveness probes pass.
It stops as soon as a worker is ready."""

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import orjson

from modelyard_serving.model_header import VERSION_HEADER
from modelyard_serving.workers.listener import Listeners

_HEAD_TIMEOUT_S = 5.0
_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 1024 * 1024


class NotReadyResponder(Protocol):
    """Serves one listening socket while no worker does. Every method is idempotent."""

    def open(self) -> None:
        """Start to accept."""

    def close(self) -> None:
        """Stop accepting."""

    async def finish(self) -> None:
        """Respond to all waiting connections, then stop."""


def not_ready_responders(listeners: Listeners, *, version: str, reason: Callable[[], str]) -> list[NotReadyResponder]:
    """A responder for each socket; `reason` says why no worker of this version is ready."""
    http = HttpNotReadyResponder(listeners.http, version=version, reason=reason)
    if listeners.grpc is None:
        return [http]
    from modelyard_serving.grpc.not_ready import GrpcNotReadyResponder  # noqa: PLC0415  # Its libraries are an extra.

    return [http, GrpcNotReadyResponder(listeners.grpc, version=version, reason=reason)]


class HttpNotReadyResponder:
    """Accepts connections of the shared listener while it is `open`."""

    def __init__(self, listener: socket.socket, *, version: str, reason: Callable[[], str]) -> None:
        self._listener = listener
        self._version = version
        self._reason = reason
        self._is_open = False
        self._connections: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        if not self._is_open:
            self._is_open = True
            asyncio.get_running_loop().add_reader(self._listener, self._accept_waiting)

    def close(self) -> None:
        """Stop accepting; accepted connections get their response."""
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._listener)

    async def finish(self) -> None:
        """Respond to all waiting connections, then stop."""
        self._accept_waiting()
        self.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_HEAD_TIMEOUT_S)

    def _accept_waiting(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # A worker accepted it first, or no connection waits.
                return
            task = asyncio.get_running_loop().create_task(self._serve(connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003  # The socket module takes it by position.
        reader, writer = await asyncio.open_connection(sock=connection, limit=_MAX_HEAD_BYTES)
        try:
            async with asyncio.timeout(_HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                await _skip_body(reader, head)
                writer.write(_response(head, self._reason(), version=self._version))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # A client that does not send HTTP, or has disconnected, gets no response.
        finally:
            writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read the body: closing on unread bytes would reset the connection and lose the response."""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while 0 < length <= _MAX_BODY_BYTES:
        part = await reader.read(min(length, 65536))
        if not part:
            return
        length -= len(part)


def _response(head: bytes, reason: str, *, version: str) -> bytes:
    path = head.split(b" ", 2)[1].partition(b"?")[0] if head.count(b" ") >= 2 else b""
    if path == b"/v2/health/live":
        return _render(HTTPStatus.OK, orjson.dumps({"live": True}), version)
    content: dict[str, object] = {"error": f"no worker is ready: {reason}"}
    if path == b"/v2/health/ready" or path.endswith(b"/ready"):
        content["ready"] = False
    return _render(HTTPStatus.SERVICE_UNAVAILABLE, orjson.dumps(content), version)


def _render(status: HTTPStatus, body: bytes, version: str) -> bytes:
    retry = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n{retry}"
        f"{VERSION_HEADER}: {version}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1", "replace") + body
