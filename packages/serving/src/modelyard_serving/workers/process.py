"""A worker process as the supervisor's handle: start, send, measure, kill. It decides nothing."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard_serving.workers.channel import Channel, Message
from modelyard_serving.workers.memory import resident_bytes

_TAIL_LINES = 40
_TAIL_LINE_BYTES = 4096
"""The most bytes of a line: the end of the log is part of the status file, which is written often."""


class Worker(Protocol):
    """The supervisor's view of a worker."""

    @property
    def pid(self) -> int: ...

    @property
    def log_tail(self) -> str:
        """The last lines that it wrote to stderr."""

    def send(self, message: Message) -> None:
        """Send a message; no effect when the process is gone."""

    def kill(self) -> None:
        """Kill it; no effect when the process is gone."""

    def rss_bytes(self) -> int | None:
        """Its resident memory; None where the system does not report it."""

    async def wait(self) -> int:
        """Its return code, negative for a signal, when it has ended and its log is read to the end."""


class SpawnWorker(Protocol):
    """Starts a worker that inherits `files`, sends it `boot` first, and passes on its messages."""

    async def __call__(
        self, *, boot: Message, files: Sequence[int], on_message: Callable[[Message], None]
    ) -> Worker: ...


class ProcessWorker:
    """A worker in a Python process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self._process = process
        self._channel = channel
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._log = asyncio.get_running_loop().create_task(self._relay())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log_tail(self) -> str:
        return "\n".join(self._tail)

    def send(self, message: Message) -> None:
        self._channel.send(message)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    def rss_bytes(self) -> int | None:
        return resident_bytes(self.pid)

    async def wait(self) -> int:
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._log), 1.0)  # A grandchild may hold the pipe open for longer.
        self._channel.close()
        return code

    async def _relay(self) -> None:
        """Copy its stderr to ours, and keep the end of it. The worker keeps running when our stderr is closed."""
        stream = self._process.stderr
        if stream is None:
            return
        while line := await _read_line(stream):
            with contextlib.suppress(OSError):
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
            self._tail.append(line[:_TAIL_LINE_BYTES].decode(errors="replace").rstrip())


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """The next line; one without an end that is longer than the reader's buffer comes in pieces, and none is lost."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed)


async def spawn_process(*, boot: Message, files: Sequence[int], on_message: Callable[[Message], None]) -> ProcessWorker:
    """Start `modelyard_serving.workers.child` in this interpreter's environment."""
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "modelyard_serving.workers.child",
            str(theirs.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[theirs.fileno(), *files],
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    channel = Channel(ours)
    channel.send(boot)
    channel.listen(on_message, lambda: None)
    return ProcessWorker(process, channel)
