"""This process among all that share the database: others see whether it lives, and take over its work if it is dead."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import structlog

from modelyard.errors import ModelyardError, Unavailable
from modelyard.leases.domain import Lease, LeavingError, process_name
from modelyard.leases.service import Leases

logger = structlog.get_logger()

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5


class Membership:
    """Holds the lease of this process, and takes over the work of processes whose leases have expired.

    Args:
        working: the processes that have work under way, dead ones among them.
        take_over: makes the work of a process that is dead due again. It may come twice for one process.
    """

    def __init__(
        self,
        *,
        leases: Leases,
        working: Callable[[], Collection[str]],
        take_over: Callable[[str], None],
    ) -> None:
        self._leases = leases
        self._working = working
        self._take_over = take_over
        self._lease: Lease | None = None
        self._joining = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Become a member, and watch the others in the background until `stop`."""
        self._join()
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch nobody any more. The lease is given back with all others of this process."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """What the thread writes in the block is written only as long as nobody has taken over from this process.

        Waits before while another process is still doing that.

        Raises:
            LeaseLostError: from a write; the block shall end without any more effect.
            LeavingError: this process ends.
        """
        with self._leases.guarding(self._wait()):
            yield

    def look(self) -> None:
        """Join again if the lease was lost, and take over from every process that is dead."""
        self._join()
        if not self._leases.is_steady():
            return
        for holder in self._working():
            if holder == self._leases.holder:
                continue
            lease = self._leases.claim(process_name(holder))
            if lease is not None:
                self._take_over_from(holder, lease)

    def _take_over_from(self, holder: str, lease: Lease) -> None:
        logger.warning("the work of a process that is dead is taken over", process=holder)
        try:
            with self._leases.guarding(lease):
                self._take_over(holder)
        finally:
            self._leases.release(lease)

    def _join(self) -> Lease | None:
        with self._joining:
            if self._lease is None or not self._leases.is_held(self._lease):
                self._lease = self._leases.claim(process_name(self._leases.holder))
            return self._lease

    def _wait(self) -> Lease:
        while (lease := self._joined()) is None:
            if self._stopped.wait(_LOOK_SECONDS):
                raise LeavingError
        return lease

    def _joined(self) -> Lease | None:
        try:
            return self._join()
        except Unavailable as exc:
            logger.warning("the membership waits", reason=exc.message)
            return None

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                self.look()
            except ModelyardError as exc:
                logger.warning("the membership waits", reason=exc.message)
            except Exception:
                logger.exception("watching other processes broke off, and goes on")
