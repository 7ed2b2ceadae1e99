"""Work in the background that one process at a time does, pass after pass, under a lease."""

import threading
from collections.abc import Callable

import structlog

from modelyard.errors import ModelyardError
from modelyard.leases.domain import LeaseLostError
from modelyard.leases.leadership import Leadership
from modelyard.leases.service import Leases
from modelyard.repeated_warnings import RepeatedWarnings

logger = structlog.get_logger()

_CLAIM_SECONDS = 1.0
"""Between two tries to get the lease that another process holds."""
_STOP_SECONDS = 5


class BackgroundWork:
    """A thread that makes passes while this process holds the lease, and otherwise waits for it.

    What a pass writes is refused once another process has taken the lease over. A pass that raises is logged, and the
    next one comes all the same; a reason that stays is logged now and then.

    Args:
        name: of the work and of its lease.
        make_pass: makes one pass; whether there is more to do at once.
        pause_seconds: between two passes.
    """

    def __init__(self, *, name: str, leases: Leases, make_pass: Callable[[], bool], pause_seconds: float) -> None:
        self._name = name
        self._leases = leases
        self._make_pass = make_pass
        self._pause_seconds = pause_seconds
        self._leadership = Leadership(leases, name)
        self._warnings = RepeatedWarnings()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Work in the background until `stop`."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no more passes. One that does not end soon is refused its writes once the lease is given back."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)

    def try_pass(self) -> bool:
        """Make a pass if this process holds the lease or gets it; whether there is more to do at once.

        Raises:
            LeaseLostError: another process took over during the pass.
        """
        lease = self._leadership.lease()
        if lease is None:
            return False
        with self._leases.guarding(lease):
            return self._make_pass()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self._passed():
                self._stopped.wait(self._pause_seconds if self._leadership.is_held else _CLAIM_SECONDS)

    def _passed(self) -> bool:
        try:
            has_more = self.try_pass()
            if self._warnings.has_ended(self._name):
                logger.info("work in the background goes on", work=self._name)
            return has_more
        except LeaseLostError as exc:
            logger.info("work in the background was taken over", work=self._name, reason=str(exc))
        except ModelyardError as exc:
            if self._warnings.is_due(self._name, exc.message):
                logger.warning("work in the background waits", work=self._name, reason=exc.message)
        except Exception:
            logger.exception("a pass in the background broke off", work=self._name)
        return False
