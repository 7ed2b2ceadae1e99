"""The SHA-256 of what is read from a file while another thread writes it and hashes it for itself."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

_WAITING = 4
"""Chunks that wait to be hashed, at most; a caller that is faster waits for the first of them."""


class Hash(Protocol):
    """A hash of bytes that come in chunks, as `hashlib` has them."""

    def update(self, chunk: bytes, /) -> None:
        """Hash a chunk, after those before it."""

    def hexdigest(self) -> str:
        """Of all chunks up to now."""


class BackgroundHash:
    """Hashes chunks in a thread of its own. Python's lock is free while a chunk is hashed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._waiting: deque[Future[None]] = deque()

    def update(self, chunk: bytes, /) -> None:
        """Hash a chunk, after those before it."""
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._hash.update, chunk))

    def hexdigest(self) -> str:
        """Of all chunks up to now."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        """Take chunks."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)
