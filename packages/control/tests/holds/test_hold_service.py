"""Holds: each put and lift is on record with who did it and why, and an expired one lies no more."""

from datetime import timedelta

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.holds.service import HoldService
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService


@pytest.fixture
def holds(database: Database, clock: ManualClock, audit: AuditLog, registry: RegistryService) -> HoldService:
    return HoldService(database=database, clock=clock, audit=audit, registry=registry)


class TestRecord:
    def test_the_audit_log_tells_who_put_and_who_lifted_a_hold_and_why(
        self, holds: HoldService, audit: AuditLog, alice: Principal, version: Version
    ) -> None:
        hold = holds.put(alice, "iris", 1, reason="the regulator asks", until=None)
        holds.lift(alice, "iris", hold.hold_id, reason="the case is closed")
        reported = [entry for entry in audit.entries("default") if entry.action.startswith("hold.")]
        assert [(entry.action, entry.actor, entry.reason) for entry in reported] == [
            ("hold.put", "alice", "the regulator asks"),
            ("hold.lifted", "alice", "the case is closed"),
        ]
        assert [entry.after for entry in reported] == [{"hold_id": hold.hold_id, "until": None}, None]

    def test_a_hold_is_lifted_once(self, holds: HoldService, alice: Principal, version: Version) -> None:
        hold = holds.put(alice, "iris", 1, reason="law", until=None)
        lifted = holds.lift(alice, "iris", hold.hold_id, reason="done")
        with pytest.raises(Conflict) as reported:
            holds.lift(alice, "iris", hold.hold_id, reason="done again")
        assert reported.value.code == "hold_lifted"
        assert holds.page(alice, "iris").items == [lifted]

    def test_nobody_else_finds_it(
        self, holds: HoldService, alice: Principal, stranger: Principal, version: Version
    ) -> None:
        hold = holds.put(alice, "iris", 1, reason="law", until=None)
        with pytest.raises(NotFound):
            holds.lift(stranger, "iris", hold.hold_id, reason="mine")
        assert holds.page(stranger, "iris").items == []


class TestPages:
    def test_holds_come_page_by_page_the_oldest_first_also_those_of_one_moment(
        self, holds: HoldService, clock: ManualClock, alice: Principal, version: Version
    ) -> None:
        put = [holds.put(alice, "iris", 1, reason=f"law {number}", until=None) for number in range(3)]
        clock.sleep(1)
        put.append(holds.put(alice, "iris", 1, reason="the last", until=None))
        pages = [holds.page(alice, "iris", limit=2)]
        pages.append(holds.page(alice, "iris", limit=2, cursor=pages[0].next_cursor))
        reported = [hold for page in pages for hold in page.items]
        assert reported == [*sorted(put[:3], key=lambda hold: hold.hold_id), put[3]]
        assert [page.next_cursor is None for page in pages] == [False, True]

    @pytest.mark.parametrize(("number", "found"), [(1, 1), (2, 0), (2**40, 0), (-1, 0)])
    def test_holds_of_one_version_are_distinguished(
        self, holds: HoldService, alice: Principal, version: Version, number: int, found: int
    ) -> None:
        holds.put(alice, "iris", 1, reason="law", until=None)
        assert len(holds.page(alice, "iris", number).items) == found

    def test_a_cursor_of_somebody_else_is_refused(self, holds: HoldService, alice: Principal) -> None:
        with pytest.raises(Invalid, match="cursor"):
            holds.page(alice, "iris", cursor="bm9uc2Vuc2U")


class TestTime:
    def test_it_lies_until_its_time_is_over(
        self, holds: HoldService, database: Database, clock: ManualClock, alice: Principal, version: Version
    ) -> None:
        hold = holds.put(alice, "iris", 1, reason="law", until=clock.now() + timedelta(days=1))
        with database.read() as connection:
            assert holds.active_within(connection, "default", "iris", 1) == [hold]
            clock.sleep(timedelta(days=1).total_seconds())
            assert holds.active_within(connection, "default", "iris", 1) == []

    def test_one_that_has_ended_by_itself_is_not_lifted(
        self, holds: HoldService, clock: ManualClock, alice: Principal, version: Version
    ) -> None:
        hold = holds.put(alice, "iris", 1, reason="law", until=clock.now() + timedelta(days=1))
        clock.sleep(timedelta(days=1).total_seconds())
        with pytest.raises(Conflict, match="ended by itself") as reported:
            holds.lift(alice, "iris", hold.hold_id, reason="late")
        assert reported.value.code == "hold_over"
        assert holds.page(alice, "iris").items == [hold]

    def test_a_time_that_is_over_already_is_refused(
        self, holds: HoldService, clock: ManualClock, alice: Principal, version: Version
    ) -> None:
        with pytest.raises(Invalid, match="still to come"):
            holds.put(alice, "iris", 1, reason="law", until=clock.now())
