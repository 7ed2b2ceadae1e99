"""Writes splits and their entries of the audit log, in the caller's transaction."""

from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.traffic import store
from modelyard.traffic.domain import Split, Traffic


class TrafficBook:
    """What the verbs and roll-outs write with."""

    def __init__(self, *, clock: Clock, audit: AuditLog) -> None:
        self._clock = clock
        self._audit = audit

    def lock(self, connection: Connection, principal: Principal, model_name: str) -> Traffic | None:
        """The split of a model, which nobody else changes until the transaction ends."""
        return store.lock(connection, principal.tenant_id, model_name)

    def set(
        self,
        connection: Connection,
        principal: Principal,
        model_name: str,
        split: Split,
        *,
        rollout_id: str | None,
        reason: str,
    ) -> Traffic:
        """Divide the requests of a model, whoever held the split. The same again writes nothing."""
        before = store.lock(connection, principal.tenant_id, model_name)
        if before is not None and before.split == split and before.rollout_id == rollout_id:
            return before
        after = Traffic(
            tenant_id=principal.tenant_id,
            model_name=model_name,
            split=split,
            # A roll-out begins with other callers than the one before; a change of weights moves as few as it can.
            salt=rollout_id or (before.salt if before is not None else uuid4().hex),
            rollout_id=rollout_id,
            updated_by=principal.subject,
            updated_at=self._clock.now(),
            revision=1 if before is None else before.revision + 1,
        )
        store.put(connection, after)
        self._audit.record(
            connection,
            principal=principal,
            action="traffic.set",
            subject=after.subject,
            reason=reason,
            before=None if before is None else before.split.to_json(),
            after=split.to_json(),
        )
        return after

    def remove(self, connection: Connection, principal: Principal, model_name: str, *, reason: str) -> None:
        """Remove the split of a model if it has one, whoever held it."""
        before = store.lock(connection, principal.tenant_id, model_name)
        if before is None:
            return
        store.remove(connection, principal.tenant_id, model_name)
        self._audit.record(
            connection,
            principal=principal,
            action="traffic.removed",
            subject=before.subject,
            reason=reason,
            before=before.split.to_json(),
        )
