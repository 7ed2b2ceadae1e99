"""Limits of a connection: the budget of stream resets, and the signal on which a sender waits."""

import asyncio

from modelyard_serving.grpc.http2.frames import ErrorCode, Http2Error

RESETS_AT_ONCE = 1000
RESETS_PER_SECOND = 50


class ResetBudget:
    """Opening and resetting streams is cheap for a client and not for us (CVE-2023-44487)."""

    def __init__(self) -> None:
        self._left = float(RESETS_AT_ONCE)
        self._at = 0.0

    def spend(self, now: float) -> None:
        """One stream was reset.

        Raises:
            Http2Error: too many were.
        """
        self._left = min(RESETS_AT_ONCE, self._left + (now - self._at) * RESETS_PER_SECOND) - 1
        self._at = now
        if self._left < 0:
            raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "too many streams were reset")


class Signal:
    """Wakes all current waiters, and no later ones."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Until the next `set`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def set(self) -> None:
        """Wake the current waiters."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
