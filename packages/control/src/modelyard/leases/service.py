"""Claims, renews and gives back the leases of one process, and keeps work whose lease was lost from writing.

A lease that is not renewed for `lasts` may be taken over by another process. The kept clock is the database's, so
clocks that differ between machines do not matter.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.db.fencing import fenced, unfenced
from modelyard.errors import ModelyardError
from modelyard.leases import store
from modelyard.leases.domain import Lease, LeaseLostError
from modelyard.ports.clock import Clock

logger = structlog.get_logger()

_RENEWALS_EACH = 4
_KEPT = timedelta(days=1)
FORGET_SECONDS = 3600.0
"""Between two passes that delete old rows."""
_WAIT_SECONDS = 0.2
_STOP_SECONDS = 5


class Leases:
    """The leases of this process. `start` renews all of them in the background until `stop` gives them back."""

    def __init__(self, *, database: Database, clock: Clock, holder: str, lasts: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lasts = lasts
        self.holder = holder
        """This process. No other one has the same name, also not later."""
        self._held: dict[str, Lease] = {}
        self._renewed_at: datetime | None = None
        self._steady_since: datetime | None = None
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self, name: str) -> Lease | None:
        """The lease, if nobody else holds it: no other process, and nobody else in this one."""
        with self._changing:
            if name in self._held:
                return None
            with self._database.read() as connection:
                if store.is_taken(connection, name, self.holder, now=self._clock.now()):
                    return None
            with self._database.write() as connection:
                lease = store.claim(connection, name, self.holder, now=self._clock.now(), lasts=self._lasts)
            if lease is not None:
                self._held[name] = lease
            return lease

    def release(self, lease: Lease) -> None:
        """Give the lease back, so that somebody else can take it at once.

        It names its own fencing number, so it is written also when the process has lost another lease that guards the
        caller. If the write fails, the next renewal gives it back.
        """
        with self._changing:
            self._drop(lease)
            with unfenced(), self._database.write() as connection:
                store.release(connection, lease, now=self._clock.now())

    def is_held(self, lease: Lease) -> bool:
        """Whether it was still held when it was last renewed. Only a fenced write is certain."""
        return self._held.get(lease.name) == lease

    def check(self, connection: Connection, lease: Lease) -> None:
        """Hold up whoever takes the lease over until this transaction ends.

        Raises:
            LeaseLostError: it was taken over already.
        """
        if not store.is_held(connection, lease):
            self._drop(lease)
            raise LeaseLostError(lease)

    @contextmanager
    def guarding(self, lease: Lease) -> Iterator[None]:
        """What the thread writes inside of the block raises LeaseLostError once the lease has been taken over."""
        with fenced(lease.name, lambda connection: self.check(connection, lease)):
            yield

    @contextmanager
    def exclusively(self, name: str) -> Iterator[None]:
        """Wait for the lease, hold it during the block, and guard what the block writes with it."""
        while (lease := self.claim(name)) is None:
            self._clock.sleep(_WAIT_SECONDS)
        try:
            with self.guarding(lease):
                yield
        finally:
            self.release(lease)

    def renew(self) -> None:
        """Prolong the leases that are held, drop those that were lost, and give back rows that nothing here holds."""
        with self._changing:
            held = frozenset(self._held.values())
            with self._database.write() as connection:
                renewed = store.renew(connection, self.holder, held, now=self._clock.now(), lasts=self._lasts)
            self._note_renewal()
            for lost in held - renewed:
                logger.warning("a lease was lost", lease=lost.name)
                self._drop(lost)

    def is_steady(self) -> bool:
        """Whether renewals have gone through for a while without a gap.

        After the database was away for everybody, all leases are expired. Who waits until then has seen the others
        renew theirs.
        """
        return self._steady_since is not None and self._clock.now() - self._steady_since >= self._lasts / 2

    def forget(self) -> bool:
        """Delete the rows of leases that were given back, or expired in dead processes, long ago.

        Which processes are dead can be seen only while renewals are steady. Nothing more is to be deleted after it.
        """
        living = self.holder if self.is_steady() else None
        with self._database.write() as connection:
            store.forget(connection, living, now=self._clock.now(), kept=_KEPT)
        return False

    def start(self) -> None:
        """Renew in the background until `stop`."""
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the renewals and give every lease back."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)
        try:
            for lease in list(self._held.values()):
                self.release(lease)
        except ModelyardError as exc:
            logger.warning("leases are not given back, and expire", reason=exc.message)

    def _run(self) -> None:
        while not self._stopped.wait(self._lasts.total_seconds() / _RENEWALS_EACH):
            try:
                self.renew()
            except ModelyardError as exc:
                logger.warning("leases are not renewed", reason=exc.message)
            except Exception:
                logger.exception("renewing leases broke off, and goes on")

    def _note_renewal(self) -> None:
        now = self._clock.now()
        if self._renewed_at is None or now - self._renewed_at > self._lasts / 2:
            self._steady_since = now
        self._renewed_at = now

    def _drop(self, lease: Lease) -> None:
        if self._held.get(lease.name) == lease:
            del self._held[lease.name]
