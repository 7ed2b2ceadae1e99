"""What other nouns call to leave their mark in the log, inside their own transaction; and what auditors ask of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelyard.audit import store
from modelyard.audit.domain import Anchor, Entry, Filter, InProduction, Verdict, prove
from modelyard.db import Database
from modelyard.errors import Invalid, NotFound
from modelyard.paging import Page, decode_cursor, decode_number_cursor, encode_cursor
from modelyard.ports.clock import Clock
from modelyard.principals import Principal

Listener = Callable[[Connection, Entry], None]
"""Hears of an entry in the transaction that writes it, and may write there too. What it raises undoes the change."""

_BATCH = 1000
_LAST = 2**31 - 1


class AuditLog:
    """The log's only door. A change and its entry stand or fall together: `record` takes the change's connection."""

    def __init__(self, *, database: Database, clock: Clock, listeners: Sequence[Listener] = ()) -> None:
        self._database = database
        self._clock = clock
        self._listeners = listeners

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
        entry = store.append(
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
        for listener in self._listeners:
            listener(connection, entry)

    def latest(self, connection: Connection, tenant_id: str, *, action: str, subject_prefix: str) -> Iterator[Entry]:
        """Entries of one action on subjects that begin so, newest first, in the caller's transaction."""
        return store.latest(connection, tenant_id, action=action, subject_prefix=subject_prefix)

    def entries(self, tenant_id: str, *, subject: str | None = None) -> list[Entry]:
        """The tenant's log in order; of one subject when it is named."""
        return list(self.stream(tenant_id, Filter(subject=subject)))

    def page(self, principal: Principal, which: Filter, *, limit: int, cursor: str | None) -> Page[Entry]:
        """Entries of the caller's tenant, newest first."""
        before = None if cursor is None else decode_number_cursor(cursor)
        with self._database.read() as connection:
            found = store.backward(connection, principal.tenant_id, which, before=before, limit=limit + 1)
        items = found[:limit]
        return Page(items, encode_cursor(str(items[-1].sequence)) if len(found) > limit else None)

    def stream(self, tenant_id: str, which: Filter) -> Iterator[Entry]:
        """Entries in their order up to the one that is the last now, in constant memory and short transactions."""
        head = self.head(tenant_id)
        done, last = 0, 0 if head is None else head.sequence
        while done < last:
            with self._database.read() as connection:
                batch = store.forward(connection, tenant_id, which, after=done, through=last, limit=_BATCH)
            yield from batch
            done = batch[-1].sequence if len(batch) == _BATCH else last

    def following(self, tenant_id: str, *, after: int, limit: int) -> list[Entry]:
        """The first entries after a number, in their order."""
        with self._database.read() as connection:
            return store.forward(connection, tenant_id, Filter(), after=after, through=_LAST, limit=limit)

    def head(self, tenant_id: str) -> Anchor | None:
        """The last entry's number and hash: what an operator keeps elsewhere."""
        with self._database.read() as connection:
            return store.head(connection, tenant_id)

    def tenants(self) -> list[str]:
        """Every tenant that has a log."""
        with self._database.read() as connection:
            return store.tenants(connection)

    def numbered(self, tenant_id: str, sequences: Iterable[int]) -> dict[int, Entry]:
        """Entries by their numbers."""
        with self._database.read() as connection:
            return {entry.sequence: entry for entry in store.numbered(connection, tenant_id, list(sequences))}

    def verify(self, principal: Principal, *, expected: Anchor | None = None) -> Verdict:
        """Prove the chain of the caller's tenant, in constant memory."""
        return prove(self.stream(principal.tenant_id, Filter()), expected=expected)

    def production_at(
        self, principal: Principal, model: str, at: datetime | None
    ) -> tuple[datetime, InProduction | None]:
        """What was in production at a moment, now without one; also of a model that is gone since.

        Now is no moment before the log's last entry: clocks of two machines differ, and one can be set back.

        Raises:
            NotFound: code `model_not_found`, when the log has never heard of it.
            Invalid: code `at_in_future`.
        """
        with self._database.read() as connection:
            moment = self._past(connection, principal, at)
            if not store.knows_model(connection, principal.tenant_id, model):
                raise NotFound(f"there is no model '{model}'", code="model_not_found")
            return moment, store.in_production(connection, principal.tenant_id, model, moment)

    def stays_in_production(
        self, principal: Principal, model: str, *, limit: int, cursor: str | None
    ) -> Page[InProduction]:
        """Every stay of a model's versions in production, the last one first; also of a model that is gone since.

        Raises:
            NotFound: code `model_not_found`, when the log has never heard of it.
        """
        before = None if cursor is None else decode_number_cursor(cursor)
        with self._database.read() as connection:
            if not store.knows_model(connection, principal.tenant_id, model):
                raise NotFound(f"there is no model '{model}'", code="model_not_found")
            found = store.stays_in_production(connection, principal.tenant_id, model, before=before, limit=limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return Page(items, encode_cursor(str(items[-1].since.sequence)) if more else None)

    def all_in_production(
        self, principal: Principal, at: datetime | None, *, limit: int, cursor: str | None
    ) -> tuple[datetime, Page[tuple[str, InProduction]]]:
        """What was in production at a moment, now without one, of all models, by their names.

        Raises:
            Invalid: code `at_in_future`.
        """
        after = None if cursor is None else decode_cursor(cursor, parts=1)[0]
        with self._database.read() as connection:
            moment = self._past(connection, principal, at)
            found = store.all_in_production(connection, principal.tenant_id, moment, after=after, limit=limit + 1)
        items = found[:limit]
        return moment, Page(items, encode_cursor(items[-1][0]) if len(found) > limit else None)

    def _past(self, connection: Connection, principal: Principal, at: datetime | None) -> datetime:
        """The moment, which has been; now is not before the log's last entry."""
        written = store.written_at(connection, principal.tenant_id)
        now = self._clock.now() if written is None else max(self._clock.now(), written)
        if at is not None and at > now:
            raise Invalid(f"at: expected a moment that has been, got {at.isoformat()}", code="at_in_future", field="at")
        return now if at is None else at


def lock_chain(connection: Connection, tenant_id: str) -> None:
    """Let no other transaction of the tenant come to its audit entry until this one ends.

    What all of a tenant's writers share is written under this lock: they take it anyway, and with a second one, two
    could wait for each other.
    """
    store.lock(connection, tenant_id)
