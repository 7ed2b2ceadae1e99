"""Builds that happen beside who asks for them, since they take minutes. One that fails is retried with back-off."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from modelyard.errors import ModelyardError
from modelyard.ports.clock import Clock

logger = structlog.get_logger()

T = TypeVar("T")
_BUILDERS = 2
_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T]):
    """A build that is under way or has ended."""

    build: Future[T]
    next_wait: timedelta
    not_before: datetime
    """When the next attempt may begin."""

    @property
    def error(self) -> str | None:
        """Why it failed, in words; None while it has not."""
        if not self.build.done() or self.build.cancelled() or (error := self.build.exception()) is None:
            return None
        return error.message if isinstance(error, ModelyardError) else "an internal error, which is in the log"


class BackgroundBuilds(Generic[T]):
    """Attempts at builds by key. They are of this process; the next one begins anew."""

    def __init__(self, clock: Clock, *, name: str) -> None:
        self._clock = clock
        self._attempts: dict[str, Attempt[T]] = {}
        self._builders = ThreadPoolExecutor(_BUILDERS, thread_name_prefix=name)

    def attempt(self, key: str, build: Callable[[], T]) -> Attempt[T]:
        """The attempt under way, or the last one until the next may begin; else a new one."""
        known = self._attempts.get(key)
        if known is not None and not (known.build.done() and known.not_before <= self._clock.now()):
            return known
        logger.info("what is not here any more is built again", what=key)
        wait = _FIRST_WAIT if known is None else known.next_wait
        begun = Attempt(
            build=self._builders.submit(_logged, key, build),
            next_wait=min(2 * wait, _LONGEST_WAIT),
            not_before=self._clock.now() + wait,
        )
        self._attempts[key] = begun
        return begun

    def last(self, key: str) -> Attempt[T] | None:
        """The attempt under way, or the last one."""
        return self._attempts.get(key)

    def forget(self, key: str) -> None:
        """Begin the next attempt at once: what was built is here."""
        self._attempts.pop(key, None)

    def settle(self, seconds: float) -> None:
        """Wait until no build is under way."""
        for attempt in list(self._attempts.values()):
            attempt.build.exception(timeout=seconds)

    def stop(self) -> None:
        """Begin no more builds. One that is under way leaves nothing that is half done."""
        self._builders.shutdown(wait=False, cancel_futures=True)


def _logged(key: str, build: Callable[[], T]) -> T:
    try:
        return build()
    except ModelyardError as exc:
        logger.warning("building again failed", what=key, reason=exc.message)
        raise
    except Exception:
        logger.exception("building again broke off", what=key)
        raise
