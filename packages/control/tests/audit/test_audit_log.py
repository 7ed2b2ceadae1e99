"""The chain of the audit log, over real rows."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import delete, update

from modelyard.access.domain import Principal
from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.domain import GENESIS, Entry, entry_hash
from modelyard.audit.service import AuditLog
from modelyard.audit.tables import audit_entries
from modelyard.db import Database


def is_unbroken(entries: Iterable[Entry]) -> bool:
    """Whether each entry follows the one before, and none was changed."""
    previous, sequence = GENESIS, 0
    for entry in entries:
        fields = asdict(entry)
        stored = fields.pop("hash")
        if (entry.sequence, entry.previous_hash, stored) != (sequence + 1, previous, entry_hash(**fields)):
            return False
        previous, sequence = stored, entry.sequence
    return True


@pytest.fixture
def chain(database: Database, audit: AuditLog, clock: ManualClock, alice: Principal) -> AuditLog:
    """A log with three entries of all shapes."""
    states: list[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]
    states = [(None, {"stage": "none"}), ({"stage": "none"}, {"stage": "staging", "ö": [1, 0.5]}), (None, None)]
    for before, after in states:
        clock.sleep(0.123456)
        with database.write() as connection:
            audit.record(
                connection,
                principal=alice,
                action="version.moved",
                subject="models/iris/versions/1",
                reason="größer als zuvor",
                before=before,
                after=after,
            )
    return audit


class TestChain:
    def test_the_hashes_hold_over_the_rows_as_they_are_stored(self, chain: AuditLog, alice: Principal) -> None:
        entries = chain.entries(alice.tenant_id)
        assert [entry.sequence for entry in entries] == [1, 2, 3]
        assert is_unbroken(entries)

    @pytest.mark.parametrize(
        ("column", "value"), [("actor", "eve"), ("reason", ""), ("after", {"stage": "production"}), ("action", "x")]
    )
    def test_a_changed_row_breaks_it(
        self, chain: AuditLog, database: Database, alice: Principal, column: str, value: object
    ) -> None:
        with database.write() as connection:
            connection.execute(update(audit_entries).where(audit_entries.c.sequence == 2).values({column: value}))
        assert not is_unbroken(chain.entries(alice.tenant_id))

    @pytest.mark.parametrize("sequence", [1, 2])
    def test_a_row_that_was_taken_out_breaks_it(
        self, chain: AuditLog, database: Database, alice: Principal, sequence: int
    ) -> None:
        with database.write() as connection:
            connection.execute(delete(audit_entries).where(audit_entries.c.sequence == sequence))
        assert not is_unbroken(chain.entries(alice.tenant_id))

    def test_two_tenants_have_two_chains(
        self, chain: AuditLog, database: Database, alice: Principal, stranger: Principal
    ) -> None:
        with database.write() as connection:
            chain.record(connection, principal=stranger, action="model.created", subject="models/other")
        assert [entry.sequence for entry in chain.entries(stranger.tenant_id)] == [1]
        assert is_unbroken(chain.entries(stranger.tenant_id))
        assert len(chain.entries(alice.tenant_id)) == 3

    def test_a_transaction_that_is_rolled_back_leaves_no_entry_and_no_gap(
        self, chain: AuditLog, database: Database, alice: Principal
    ) -> None:
        def append_and_break() -> None:
            with database.write() as connection:
                chain.record(connection, principal=alice, action="model.created", subject="models/iris")
                raise LookupError

        with pytest.raises(LookupError):
            append_and_break()
        with database.write() as connection:
            chain.record(connection, principal=alice, action="model.created", subject="models/iris")
        entries = chain.entries(alice.tenant_id)
        assert [entry.sequence for entry in entries] == [1, 2, 3, 4]
        assert is_unbroken(entries)

    def test_many_that_append_at_once_make_one_chain(
        self, audit: AuditLog, database: Database, alice: Principal
    ) -> None:
        together = threading.Barrier(8)

        def append(writer: int) -> None:
            together.wait()
            for number in range(5):
                with database.write() as connection:
                    audit.record(connection, principal=alice, action="job.queued", subject=f"jobs/{writer}-{number}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(append, range(8)))
        entries = audit.entries(alice.tenant_id)
        assert len(entries) == 40
        assert is_unbroken(entries)


class TestEntries:
    def test_those_of_one_subject_are_found(self, chain: AuditLog, database: Database, alice: Principal) -> None:
        with database.write() as connection:
            chain.record(connection, principal=alice, action="model.created", subject="models/other")
        found = chain.entries(alice.tenant_id, subject="models/other")
        assert [(entry.action, entry.sequence, entry.actor) for entry in found] == [("model.created", 4, "alice")]
