"""What other nouns call to leave their mark in the log, inside their own transaction."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from modelyard.access.domain import Principal
from modelyard.audit import store
from modelyard.audit.domain import Entry
from modelyard.db import Database
from modelyard.ports.clock import Clock


class AuditLog:
    """The log's only door. A change and its entry stand or fall together: `record` takes the change's connection."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(
        self,
        connection: Connection,
        *,
        principal: Principal,
        action: str,
        subject: str,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one entry to the chain of the principal's tenant."""
        store.append(
            connection,
            tenant_id=principal.tenant_id,
            at=self._clock.now(),
            actor=principal.subject,
            action=action,
            subject=subject,
            reason=reason,
            before=before,
            after=after,
        )

    def latest(self, connection: Connection, tenant_id: str, *, action: str, subject_prefix: str) -> Iterator[Entry]:
        """Entries of one action on subjects that begin so, newest first, in the caller's transaction."""
        return store.latest(connection, tenant_id, action=action, subject_prefix=subject_prefix)

    def entries(self, tenant_id: str, *, subject: str | None = None) -> list[Entry]:
        """The tenant's log in order; of one subject when it is named."""
        with self._database.read() as connection:
            return store.entries(connection, tenant_id, subject=subject)
