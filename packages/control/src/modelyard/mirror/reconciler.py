"""Keeps the mirror equal and imports what comes, in the background.

Short passes look only at models in which the tracker made or dropped a version since the last one; a long pass, now and
then, looks at all.
"""

from datetime import datetime, timedelta
from itertools import islice

import structlog

from modelyard.access.tenants import Tenants
from modelyard.errors import Kind, ModelyardError
from modelyard.leases.domain import LeaseLostError
from modelyard.mirror.domain import tracker
from modelyard.mirror.places import Place, Places
from modelyard.mirror.reconciliation import Reconciliation
from modelyard.ports.clock import Clock
from modelyard.ports.registered_models import RegisteredModels, ShownModel

logger = structlog.get_logger()

_OVERLAP_MS = 60_000
"""A change is dated before it is committed: so long later it may appear."""
_PAGE = 50


class MirrorReconciler:
    """Makes passes.

    Args:
        all_seconds: how often a pass looks at all models.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        reconciliation: Reconciliation,
        places: Places,
        registered: RegisteredModels,
        tenants: Tenants,
        all_seconds: float,
    ) -> None:
        self._clock = clock
        self._reconciliation = reconciliation
        self._places = places
        self._registered = registered
        self._tenants = tenants
        self._long = timedelta(seconds=all_seconds)
        self._looked_at_all: datetime | None = None
        self._seen: dict[str, int] = {}

    def make_pass(self) -> bool:
        """One pass: over what changed, or over all models when that is due. Nothing more is to be done after it.

        Raises:
            LeaseLostError: another process reconciles now; what it sees, this one has not seen.
        """
        now = self._clock.now()
        is_long = self._looked_at_all is None or now - self._looked_at_all >= self._long
        try:
            changed = self._changed_lately()
            if is_long:
                self._pass_over_all()
                self._looked_at_all = now
            else:
                for model in changed:
                    if self._seen.get(model.name) != model.changed_at:
                        self._reconcile(self._places.of(model.name))
        except LeaseLostError:
            self._looked_at_all = None
            raise
        self._seen = {model.name: model.changed_at for model in changed}
        return False

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
