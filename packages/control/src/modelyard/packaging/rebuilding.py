"""Gives servers the bundles of their versions, and builds those again that are not on this machine any more.

Bundles are in no backup, and somebody may take one away. Building takes minutes, so it happens beside who asks; one
that fails is retried with back-off; meanwhile its error is returned to every caller.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from modelyard.errors import ModelyardError, Unavailable
from modelyard.packaging.domain import Bundle
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.registry.domain import Version

logger = structlog.get_logger()

_BUILDERS = 2
_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Attempt:
    build: Future[Bundle]
    next_wait: timedelta
    not_before: datetime
    """When the next attempt may begin."""


class Rebuilding:
    """Whole bundles of versions that shall serve. Its attempts are of this process; the next one begins anew."""

    def __init__(self, *, packaging: PackagingService, clock: Clock) -> None:
        self._packaging = packaging
        self._clock = clock
        self._attempts: dict[str, _Attempt] = {}
        self._builders = ThreadPoolExecutor(_BUILDERS, thread_name_prefix="rebuilding")

    def bundle(self, version: Version) -> Bundle:
        """The version's bundle, with its environment.

        Raises:
            Unavailable: code `bundle_rebuilding`, when it is not here; then it is being built, or will be again.
        """
        bundle = self._packaging.ready(version)
        if bundle is not None:
            self._attempts.pop(version.key, None)
            return bundle
        attempt = self._attempts.get(version.key)
        if attempt is None or (attempt.build.done() and attempt.not_before <= self._clock.now()):
            attempt = self._begin(version, attempt)
        raise Unavailable(_failure_message(attempt.build), code="bundle_rebuilding")

    def stop(self) -> None:
        """Begin no more builds. One that is under way leaves nothing that is half done."""
        self._builders.shutdown(wait=False, cancel_futures=True)

    def _begin(self, version: Version, earlier: _Attempt | None) -> _Attempt:
        logger.info("a bundle that is not here any more is built again", version=version.subject)
        wait = _FIRST_WAIT if earlier is None else earlier.next_wait
        attempt = _Attempt(
            build=self._builders.submit(self._build, version),
            next_wait=min(2 * wait, _LONGEST_WAIT),
            not_before=self._clock.now() + wait,
        )
        self._attempts[version.key] = attempt
        return attempt

    def _build(self, version: Version) -> Bundle:
        try:
            return self._packaging.build(version, log=lambda line: logger.debug(line, version=version.subject))
        except ModelyardError as exc:
            logger.warning("a bundle could not be built again", version=version.subject, reason=exc.message)
            raise
        except Exception:
            logger.exception("building a bundle again broke off", version=version.subject)
            raise


def _failure_message(build: "Future[Bundle]") -> str:
    if not build.done() or build.cancelled() or (error := build.exception()) is None:
        return "its bundle is not on this machine any more, and is being built again"
    why = error.message if isinstance(error, ModelyardError) else "an internal error, which is in the log"
    return f"its bundle is not on this machine any more, and could not be built again: {why}"
