"""Keeps what nodes refuse of the newest configuration, and tells its owners: when it begins, and when it is over."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.gateway.publishing import store
from modelyard.gateway.publishing.domain import LIVE_FOR, Refusal
from modelyard.gateway_node.control_plane import RefusedPart
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role

_SYSTEM = "modelyard"


class Refusals:
    """Refusals of all nodes and tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def note(self, node: str, parts: Sequence[RefusedPart]) -> None:
        """Keep what a node refuses now, in place of what it refused before."""
        with self._database.read() as connection:
            present = store.refusals(connection, node=node)
        if _reasons(present) == _reasons(parts):
            return
        found = [self._refusal(each, present) for each in parts]
        with self._database.write() as connection:
            for tenant_id in sorted({each.tenant_id for each in (*present, *found)}):
                lock_chain(connection, tenant_id)  # So that two nodes do not tell the same.
            before = _by_key(store.refusals(connection))
            store.put_refusals(connection, node, found)
            after = _by_key(store.refusals(connection))
            for key in after.keys() - before.keys():
                self._record(connection, after[key], "refusal.found")
            for key in before.keys() - after.keys():
                self._record(connection, before[key], "refusal.ended")

    def of_tenant(self, tenant_id: str) -> Sequence[Refusal]:
        """What live nodes refuse of a tenant's."""
        return [each for each in self.every() if each.tenant_id == tenant_id]

    def routes_of(self, tenant_id: str) -> Mapping[str, str]:
        """Which parts of a tenant's routes live nodes refuse, and why."""
        return {each.name: each.reason for each in self.of_tenant(tenant_id) if each.kind == "routes"}

    def every(self) -> Sequence[Refusal]:
        """What live nodes refuse."""
        with self._database.read() as connection:
            return store.refusals(connection, since=self._clock.now() - LIVE_FOR)

    def _refusal(self, part: RefusedPart, present: Sequence[Refusal]) -> Refusal:
        known = next((each for each in present if (each.kind, each.name) == (part.kind, part.name)), None)
        return Refusal(
            tenant_id=part.name.partition("/")[0],
            kind=part.kind,
            name=part.name,
            reason=part.reason,
            since=self._clock.now() if known is None else known.since,
        )

    def _record(self, connection: Connection, refusal: Refusal, action: str) -> None:
        is_refused = action == "refusal.found"
        self._audit.record(
            connection,
            principal=Principal(tenant_id=refusal.tenant_id, subject=_SYSTEM, role=Role.DEVELOPER),
            action=action,
            subject=refusal.subject,
            reason=refusal.reason if is_refused else "",
        )


def _reasons(refused: Sequence[Refusal | RefusedPart]) -> Mapping[tuple[str, str], str]:
    return {(each.kind, each.name): each.reason for each in refused}


def _by_key(refusals: Sequence[Refusal]) -> Mapping[tuple[str, str], Refusal]:
    return {(each.kind, each.name): each for each in refusals}
