"""The chain of the audit log, over real rows."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from audit_tampering import tampering
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.domain import Anchor, Entry, Filter, prove
from modelyard.audit.service import AuditLog, Listener
from modelyard.audit.tables import audit_entries
from modelyard.db import Database
from modelyard.errors import Invalid
from modelyard.principals import Principal

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abö"), inner, max_size=3),
    max_leaves=6,
)


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
        verdict = chain.verify(alice)
        last = chain.entries(alice.tenant_id)[-1]
        assert (verdict.is_valid, verdict.entries, verdict.head) == (True, 3, Anchor(3, last.hash))
        assert chain.head(alice.tenant_id) == verdict.head

    @pytest.mark.parametrize(
        ("column", "value"), [("actor", "eve"), ("reason", ""), ("after", {"stage": "production"}), ("action", "x")]
    )
    def test_a_changed_row_is_the_first_that_does_not_hold(
        self, chain: AuditLog, database: Database, alice: Principal, column: str, value: object
    ) -> None:
        with tampering(database) as connection:
            connection.execute(update(audit_entries).where(audit_entries.c.sequence == 2).values({column: value}))
        verdict = chain.verify(alice)
        assert (verdict.is_valid, verdict.entries, verdict.broken_at) == (False, 1, 2)
        assert verdict.reason == "entry 2 is not what it was when it was written"

    @pytest.mark.parametrize(("sequence", "broken_at"), [(1, 2), (2, 3)])
    def test_a_row_that_was_taken_out_is_missed(
        self, chain: AuditLog, database: Database, alice: Principal, sequence: int, broken_at: int
    ) -> None:
        with tampering(database) as connection:
            connection.execute(delete(audit_entries).where(audit_entries.c.sequence == sequence))
        verdict = chain.verify(alice)
        assert (verdict.is_valid, verdict.broken_at) == (False, broken_at)
        assert verdict.reason == f"entry {broken_at} follows entry {sequence - 1}: what stood between them is gone"

    def test_two_tenants_have_two_chains(
        self, chain: AuditLog, database: Database, alice: Principal, stranger: Principal
    ) -> None:
        with database.write() as connection:
            chain.record(connection, principal=stranger, action="model.created", subject="models/other")
        assert [entry.sequence for entry in chain.entries(stranger.tenant_id)] == [1]
        assert chain.verify(stranger).is_valid
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
        assert [entry.sequence for entry in chain.entries(alice.tenant_id)] == [1, 2, 3, 4]
        assert chain.verify(alice).is_valid

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
        verdict = audit.verify(alice)
        assert (verdict.is_valid, verdict.entries) == (True, 40)

    def test_a_clock_that_is_set_back_does_not_set_the_log_back(
        self, chain: AuditLog, database: Database, clock: ManualClock, alice: Principal
    ) -> None:
        before = chain.entries(alice.tenant_id)[-1].at
        clock.sleep(-3600)
        with database.write() as connection:
            chain.record(connection, principal=alice, action="model.created", subject="models/iris")
        assert chain.entries(alice.tenant_id)[-1].at == before

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(state=st.dictionaries(st.text("xyz", max_size=2), JSON, max_size=3))
    def test_whatever_json_is_recorded_holds_as_the_database_gives_it_back(
        self, audit: AuditLog, database: Database, alice: Principal, state: dict[str, Any]
    ) -> None:
        with database.write() as connection:
            audit.record(connection, principal=alice, action="a.b", subject="models/iris", after={"state": state})
        verdict = audit.verify(alice)
        assert verdict.is_valid, (state, verdict)


class TestAnchor:
    def test_a_log_whose_end_was_cut_off_holds_but_for_the_anchor(
        self, chain: AuditLog, database: Database, alice: Principal
    ) -> None:
        anchor = chain.head(alice.tenant_id)
        assert anchor is not None
        with tampering(database) as connection:
            connection.execute(delete(audit_entries).where(audit_entries.c.sequence == 3))
        assert chain.verify(alice).is_valid
        verdict = chain.verify(alice, expected=anchor)
        assert (verdict.entries, verdict.broken_at) == (2, 3)
        assert verdict.reason == "the log ends at entry 2, and the anchor is entry 3: its end was cut off"

    def test_a_log_that_was_written_anew_from_the_first_entry_on_is_not_the_anchors(
        self, chain: AuditLog, database: Database, alice: Principal
    ) -> None:
        anchor = chain.head(alice.tenant_id)
        with tampering(database) as connection:
            connection.execute(delete(audit_entries))
        for _ in range(4):
            with database.write() as connection:
                chain.record(connection, principal=alice, action="version.moved", subject="models/iris/versions/1")
        assert chain.verify(alice).is_valid
        assert chain.verify(alice, expected=anchor).reason == "entry 3 is not the anchor: the log was written anew"

    def test_one_of_an_entry_in_the_middle_holds_while_the_log_grows(self, chain: AuditLog, alice: Principal) -> None:
        second = chain.entries(alice.tenant_id)[1]
        assert chain.verify(alice, expected=Anchor(second.sequence, second.hash)).is_valid

    def test_it_is_written_and_read_as_one_word(self) -> None:
        anchor = Anchor(17, "5f" * 32)
        assert Anchor.parse(str(anchor)) == anchor

    @pytest.mark.parametrize("text", ["", "17", "0:" + "a" * 64, "17:" + "A" * 64, "17:" + "a" * 63, "-1:" + "a" * 64])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid, match="expect: expected an entry's number"):
            Anchor.parse(text)

    def test_an_empty_log_holds(self) -> None:
        assert prove([]).is_valid
        assert not prove([], expected=Anchor(1, "a" * 64)).is_valid


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_entries SET actor = 'eve' WHERE sequence = 2",
            "DELETE FROM audit_entries WHERE sequence = 3",
            "DELETE FROM audit_entries",
        ],
    )
    def test_the_database_itself_refuses_to_change_it(
        self, chain: AuditLog, database: Database, alice: Principal, statement: str
    ) -> None:
        before = chain.entries(alice.tenant_id)
        with pytest.raises(DBAPIError, match="the audit log is append-only"), database.write() as connection:
            connection.execute(text(statement))
        assert chain.entries(alice.tenant_id) == before

    def test_postgresql_refuses_to_truncate_it(self, postgres_database: Database) -> None:
        with pytest.raises(DBAPIError, match="append-only"), postgres_database.write() as connection:
            connection.execute(text("TRUNCATE audit_entries"))


class TestListeners:
    def test_they_hear_of_an_entry_in_its_transaction_and_can_undo_it(
        self, chain: AuditLog, database: Database, clock: ManualClock, alice: Principal
    ) -> None:
        heard: list[Entry] = []

        def refuse(*_: object) -> None:
            raise LookupError

        def record(*listeners: Listener) -> None:
            log = AuditLog(database=database, clock=clock, listeners=[lambda _, entry: heard.append(entry), *listeners])
            with database.write() as connection:
                log.record(connection, principal=alice, action="model.created", subject="models/other")

        record()
        assert heard == chain.entries(alice.tenant_id, subject="models/other")
        with pytest.raises(LookupError):
            record(refuse)
        assert len(chain.entries(alice.tenant_id)) == 4


class TestStream:
    def test_it_is_read_in_batches_and_ends_where_the_log_ended_when_it_began(
        self, audit: AuditLog, database: Database, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.audit.service._BATCH", 3)

        def record(number: int) -> None:
            with database.write() as connection:
                audit.record(connection, principal=alice, action="model.created", subject=f"models/m{number}")

        for number in range(7):
            record(number)
        stream = audit.stream(alice.tenant_id, Filter())
        got = [next(stream).sequence]
        record(8)
        assert got + [entry.sequence for entry in stream] == [1, 2, 3, 4, 5, 6, 7]
        assert [entry.subject for entry in audit.stream(alice.tenant_id, Filter(subject="models/m5"))] == ["models/m5"]
