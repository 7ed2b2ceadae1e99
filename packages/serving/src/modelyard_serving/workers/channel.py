"""The messages between the supervisor and a worker: JSON lines over a socket pair that the worker inherits."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import orjson

Message = dict[str, Any]


class Channel:
    """One end of the pair on an event loop. `on_close` is called once, when the other end is gone."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003  # The socket module takes it by position.
        self._end = end
        self._unread = b""
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, on_message: Callable[[Message], None], on_close: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end, self._read, on_message, on_close)

    def send(self, message: Message) -> None:
        """Send, or drop the message when the other end is closed or does not read; the heartbeat detects that."""
        try:
            self._end.send(orjson.dumps(message) + b"\n")
        except OSError:
            return

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._end)
            self._loop = None
        self._end.close()

    def _read(self, on_message: Callable[[Message], None], on_close: Callable[[], None]) -> None:
        try:
            content = self._end.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self.close()
            on_close()
            return
        *lines, self._unread = (self._unread + content).split(b"\n")
        for line in lines:
            on_message(orjson.loads(line))
