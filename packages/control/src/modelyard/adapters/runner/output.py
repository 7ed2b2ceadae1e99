"""What a script writes: read from its pipe as it comes, and copied to a log that takes so much and no more."""

import os
import selectors
import signal
import time
from contextlib import suppress
from typing import IO

from modelyard.adapters.runner.failure import readable_bytes
from modelyard.adapters.runner.masking import Mask

_CHUNK_BYTES = 64 * 1024


class Output:
    """The pipe that the script and its children write to, copied to the log; the end of a child interrupts the wait."""

    def __init__(self, pipe: int, log: "CappedLog") -> None:
        self._pipe = pipe
        self._log = log
        os.set_blocking(pipe, False)
        self._wake, wakened = os.pipe()
        for end in (self._wake, wakened):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(pipe, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def copy(self, *, until: float) -> None:
        """Copy what comes until then (of the monotonic clock), or until a child ends."""
        while (left := until - time.monotonic()) > 0:
            ready = [key.fd for key, _ in self._selector.select(left)]
            if self._pipe in ready and not self._copy_once():
                self._selector.unregister(self._pipe)  # Nobody can write any more.
            if self._wake in ready:
                os.read(self._wake, _CHUNK_BYTES)
                return

    def drain(self) -> None:
        """Copy what is still in the pipe when nobody is left to write."""
        with suppress(BlockingIOError):
            while self._copy_once():
                pass

    def _copy_once(self) -> bool:
        data = os.read(self._pipe, _CHUNK_BYTES)
        self._log.write(data)
        return bool(data)


class CappedLog:
    """A log that takes so many bytes, says once that it is full, and remembers the end of all that came.

    Both show secrets as `***`.
    """

    def __init__(self, file: IO[bytes], *, limit: int, mask: Mask) -> None:
        self._file = file
        self._mask = mask
        self._limit = limit
        self._left = limit
        self.end = b""

    def write(self, data: bytes) -> None:
        """Append what there is room for."""
        self._append(self._mask.feed(data))

    def finish(self) -> None:
        """Append what could have been the beginning of a secret, when nothing more comes."""
        self._append(self._mask.flush())

    def _append(self, data: bytes) -> None:
        self.end = (self.end + data)[-_CHUNK_BYTES:]
        if self._left <= 0:
            return
        self._file.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            limit = readable_bytes(self._limit)
            self._file.write(f"\n[The log is full at {limit}: what comes after this is dropped.]\n".encode())
