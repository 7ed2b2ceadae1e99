"""Keeps the mirror equal and imports what comes, in the background. Of several control planes one does it at a time.

Short passes look only at models in which the tracker made or dropped a version since the last one; a long pass, now and
then, looks at all.
"""

import threading
import uuid
from datetime import datetime, timedelta
from itertools import islice

import structlog

from modelyard.access.tenants import Tenants
from modelyard.db import Database
from modelyard.errors import Kind, ModelyardError
from modelyard.mirror import store
from modelyard.mirror.domain import tracker
from modelyard.mirror.places import Place, Places
from modelyard.mirror.reconciliation import Reconciliation
from modelyard.ports.clock import Clock
from modelyard.ports.registered_models import RegisteredModels, ShownModel

logger = structlog.get_logger()

_LEASE = "mirror"
_LEASE_TIME = timedelta(minutes=2)
_OVERLAP_MS = 60_000
"""A change is dated before it is committed: so long later it may appear."""
_PAGE = 50
_STOP_SECONDS = 5


class _LeaseLostError(Exception):
    """Another process reconciles now."""


class MirrorReconciler:
    """A thread that makes passes.

    Args:
        short_seconds: the pause between two passes.
        long_seconds: how often a pass looks at all models.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        reconciliation: Reconciliation,
        places: Places,
        registered: RegisteredModels,
        tenants: Tenants,
        short_seconds: float,
        long_seconds: float,
    ) -> None:
        self._database = database
        self._clock = clock
        self._reconciliation = reconciliation
        self._places = places
        self._registered = registered
        self._tenants = tenants
        self._short_seconds = short_seconds
        self._long = timedelta(seconds=long_seconds)
        self._holder = uuid.uuid4().hex
        self._looked_at_all: datetime | None = None
        self._seen: dict[str, int] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Reconcile in the background until `stop`."""
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the model at hand and end the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)
            self._let_go()

    def pass_once(self) -> bool:
        """Look at what changed, or at all when that is due; whether it was this process's turn."""
        now = self._clock.now()
        is_long = self._looked_at_all is None or now - self._looked_at_all >= self._long
        try:
            self._hold()
            changed = self._changed_lately()
            if is_long:
                self._pass_over_all()
                self._looked_at_all = now
            else:
                for model in changed:
                    if self._seen.get(model.name) != model.changed_at:
                        self._reconcile(self._places.of(model.name))
            self._seen = {model.name: model.changed_at for model in changed}
        except _LeaseLostError:
            self._looked_at_all = None  # What the other one saw, we have not.
            return False
        self._let_go()
        return True

    def _changed_lately(self) -> list[ShownModel]:
        """The models that changed since the latest change that we have seen, and shortly before; else the latest."""
        if not self._seen:
            return list(islice(self._registered.changed_since(0), 1))
        return list(self._registered.changed_since(max(0, max(self._seen.values()) - _OVERLAP_MS)))

    def _pass_over_all(self) -> None:
        tenants: str | None = None
        while True:
            page = self._tenants.page(limit=_PAGE, cursor=tenants)
            for tenant in page.items:
                self._pass_over(tenant.tenant_id)
            tenants = page.next_cursor
            if tenants is None:
                return

    def _pass_over(self, tenant_id: str) -> None:
        cursor: str | None = None
        while True:
            page = self._places.page(tracker(tenant_id), limit=_PAGE, cursor=cursor)
            for place in page.items:
                self._reconcile(place)
            cursor = page.next_cursor
            if cursor is None:
                return

    def _reconcile(self, place: Place) -> None:
        """What goes wrong in one model holds up no other."""
        self._hold()
        if place.fault is not None:
            return
        try:
            for outcome in self._reconciliation.settle(place):
                if outcome.is_settled:
                    done = "repaired" if outcome.version is None else "imported"
                    logger.info("the mirror is settled", model=place.tracker_name, done=done, why=outcome.drift.reason)
        except ModelyardError as exc:
            if exc.kind is Kind.UNAVAILABLE:
                raise
            logger.warning("a model is not mirrored", model=place.tracker_name, reason=exc.message)

    def _hold(self) -> None:
        """Take or keep the lease."""
        if self._stopped.is_set():
            raise _LeaseLostError
        now = self._clock.now()
        with self._database.write() as connection:
            if not store.take_lease(
                connection, name=_LEASE, holder=self._holder, now=now, expires_at=now + _LEASE_TIME
            ):
                raise _LeaseLostError

    def _let_go(self) -> None:
        """Give the lease back."""
        with self._database.write() as connection:
            store.leave_lease(connection, name=_LEASE, holder=self._holder)

    def _run(self) -> None:
        while not self._stopped.wait(self._short_seconds):
            try:
                self.pass_once()
            except ModelyardError as exc:
                logger.warning("the mirror waits", reason=exc.message)
            except Exception:
                logger.exception("the mirror's reconciler broke off, and goes on")
