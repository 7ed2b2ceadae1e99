"""The verbs on holds: put, lift, list. A hold stops a deletion until the version's tombstone stands, not after it."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.holds import store
from modelyard.holds.domain import Hold
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.deletion_store import is_deletion_begun, lock_model
from modelyard.registry.domain import refuse_deleting
from modelyard.registry.service import RegistryService


class HoldService:
    """Holds of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, registry: RegistryService) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry

    def put(self, principal: Principal, model_name: str, number: int, *, reason: str, until: datetime | None) -> Hold:
        """Put a hold on a version, also on one that is just being deleted: then the deletion stops.

        Raises:
            NotFound: code `version_not_found`.
            Invalid: code `until_invalid`, when the time is over already.
        """
        now = self._clock.now()
        if until is not None and until <= now:
            raise Invalid(
                f"until: expected a time that is still to come, got {until.isoformat()}",
                code="until_invalid",
                field="until",
            )
        hold = Hold(
            hold_id=f"hold-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            model_name=model_name,
            version=number,
            reason=reason,
            until=until,
            put_by=principal.subject,
            put_at=now,
            lifted_by=None,
            lifted_at=None,
            lift_reason=None,
        )
        with self._database.write() as connection:
            lock_model(connection, principal.tenant_id, model_name, at=now)
            version = self._registry.version_within(connection, principal, model_name, number)
            if is_deletion_begun(connection, version):
                refuse_deleting(version)
            store.add(connection, hold)
            after = {"hold_id": hold.hold_id, "until": None if until is None else until.isoformat()}
            self._audit.record(
                connection, principal=principal, action="hold.put", subject=hold.subject, reason=reason, after=after
            )
        return hold

    def lift(self, principal: Principal, model_name: str, hold_id: str, *, reason: str) -> Hold:
        """Take a hold off.

        Raises:
            NotFound: code `hold_not_found`.
            Conflict: code `hold_lifted`, when it was lifted before; `hold_over`, when it has ended by itself.
        """
        with self._database.write() as connection:
            hold = self._hold(connection, principal, model_name, hold_id)
            if hold.lifted_at is not None:
                raise Conflict(
                    f"hold '{hold_id}' was lifted by {hold.lifted_by} at {hold.lifted_at:%Y-%m-%d %H:%M} UTC: "
                    f"{hold.lift_reason}",
                    code="hold_lifted",
                )
            now = self._clock.now()
            if hold.until is not None and not hold.is_active(now):
                raise Conflict(f"hold '{hold_id}' ended by itself at {hold.until:%Y-%m-%d %H:%M} UTC", code="hold_over")
            store.change(connection, hold, lifted_by=principal.subject, lifted_at=now, lift_reason=reason)
            self._audit.record(
                connection,
                principal=principal,
                action="hold.lifted",
                subject=hold.subject,
                reason=reason,
                before={"hold_id": hold_id, "reason": hold.reason},
            )
            return self._hold(connection, principal, model_name, hold_id)

    def page(
        self,
        principal: Principal,
        model_name: str,
        number: int | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Hold]:
        """Holds that lie or lay on a model's versions, or on one of them, the oldest first.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, model_name, number, limit=limit, cursor=cursor)

    def active_within(self, connection: Connection, tenant_id: str, model_name: str, number: int | None) -> list[Hold]:
        """The holds that lie on the version now, or on any of the model's, in the caller's transaction."""
        now = self._clock.now()
        return [hold for hold in store.not_lifted(connection, tenant_id, model_name, number) if hold.is_active(now)]

    @staticmethod
    def _hold(connection: Connection, principal: Principal, model_name: str, hold_id: str) -> Hold:
        hold = store.find(connection, principal.tenant_id, hold_id)
        if hold is None or hold.model_name != model_name:
            raise NotFound(f"model '{model_name}' has no hold '{hold_id}'", code="hold_not_found")
        return hold
