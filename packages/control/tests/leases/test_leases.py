"""Claim, renew, fence, take over: by several processes on one database, each played by a `Leases` of its own."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text
from waiting import Until

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.clock.system import SystemClock
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.leases import store
from modelyard.leases.domain import Lease, LeaseLostError
from modelyard.leases.service import Leases
from modelyard.leases.tables import leases as rows
from modelyard.outbox.tables import outbox

_LASTS = timedelta(seconds=6)
"""Longer than a busy machine lets any of these threads wait."""
_SOON = timedelta(seconds=0.5)
"""For those that are to be over: the tests wait for it."""
Begin = Callable[..., Leases]
_NAME = "reconciler/local"
_OUTER, _INNER = "process/one", "bundle/iris"


@pytest.fixture
def process(database: Database) -> Iterator[Begin]:
    """Begins another process on the database."""
    begun: list[Leases] = []

    def begin(lasts: timedelta = _LASTS) -> Leases:
        begun.append(Leases(database=database, clock=SystemClock(), holder=uuid4().hex, lasts=lasts))
        return begun[-1]

    yield begin
    for one in begun:
        one.stop()


class TestLeases:
    def test_a_lease_is_one_process_s_at_a_time(self, process: Begin) -> None:
        first, second = process(), process()
        assert first.claim(_NAME) is not None
        assert second.claim(_NAME) is None

    def test_who_waits_for_a_lease_reads_and_does_not_write(
        self, process: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = process(), process()
        lease = first.claim(_NAME)
        assert lease is not None
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", lambda _: pytest.fail("a lease that is taken is no reason to write"))
            assert second.claim(_NAME) is None
        first.release(lease)
        assert second.claim(_NAME) is not None

    def test_within_a_process_it_is_one_claimant_s_too(self, process: Begin) -> None:
        one = process()
        assert one.claim(_NAME) is not None
        assert one.claim(_NAME) is None

    def test_a_lease_that_is_given_back_is_free_at_once(self, process: Begin) -> None:
        first, second = process(), process()
        lease = first.claim(_NAME)
        assert lease is not None
        first.release(lease)
        taken = second.claim(_NAME)
        assert taken is not None
        assert taken.fence > lease.fence

    def test_a_lease_that_nobody_renews_can_be_taken_over(self, process: Begin, until: Until) -> None:
        first, second = process(_SOON), process()
        lease = first.claim(_NAME)
        until(lambda: second.claim(_NAME) is not None, seconds=5)
        first.renew()
        assert lease is not None
        assert not first.is_held(lease)

    def test_a_lease_that_is_renewed_in_the_background_is_kept(self, process: Begin) -> None:
        lasts = timedelta(seconds=2)
        first, second = process(lasts), process()
        lease = first.claim(_NAME)
        first.start()
        for _ in range(5):
            _pass(lasts / 4)
            assert second.claim(_NAME) is None
        assert lease is not None
        assert first.is_held(lease)

    def test_a_late_renewal_holds_while_nobody_took_over(self, process: Begin) -> None:
        one, other = process(_SOON), process()
        lease = one.claim(_NAME)
        _pass(2 * _SOON)
        one.renew()
        assert lease is not None
        assert one.is_held(lease)
        assert other.claim(_NAME) is None

    def test_who_wakes_up_late_cannot_write(self, process: Begin, database: Database, until: Until) -> None:
        sleeper, other = process(_SOON), process()
        lease = sleeper.claim(_NAME)
        assert lease is not None
        until(lambda: other.claim(_NAME) is not None, seconds=5)
        with sleeper.guarding(lease):
            with pytest.raises(LeaseLostError, match="reconciler/local"), database.write() as connection:
                connection.execute(insert(outbox).values(**_MESSAGE))
            with database.read() as connection:  # Reading harms nobody.
                assert connection.execute(select(outbox)).first() is None

    def test_who_holds_the_lease_writes_and_others_write_unguarded(self, process: Begin, database: Database) -> None:
        holder = process()
        lease = holder.claim(_NAME)
        assert lease is not None
        with holder.guarding(lease), database.write() as connection:
            connection.execute(insert(outbox).values(**_MESSAGE))
        with database.write() as connection:
            connection.execute(insert(outbox).values(**_MESSAGE))
        with database.read() as connection:
            assert len(connection.execute(select(outbox)).all()) == 2

    def test_of_many_that_claim_at_once_one_succeeds(self, process: Begin) -> None:
        many = [process() for _ in range(8)]
        claims: list[Lease | None] = []

        def claim(process: Leases) -> None:
            claims.append(process.claim(_NAME))

        threads = [threading.Thread(target=claim, args=(one,)) for one in many]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([claim for claim in claims if claim is not None]) == 1


class TestTakeOver:
    def test_a_write_under_way_ends_before_the_lease_changes_hands(self, postgres_database: Database) -> None:
        first = Leases(database=postgres_database, clock=SystemClock(), holder="first", lasts=_SOON)
        second = Leases(database=postgres_database, clock=SystemClock(), holder="second", lasts=_LASTS)
        lease = first.claim(_NAME)
        assert lease is not None
        taken = threading.Event()

        def take_over() -> None:
            while second.claim(_NAME) is None:
                taken.wait(0.05)
            taken.set()

        with first.guarding(lease), postgres_database.write() as connection:
            thread = threading.Thread(target=take_over)
            thread.start()
            assert not taken.wait(3 * _SOON.total_seconds())
            connection.execute(insert(outbox).values(**_MESSAGE))
        thread.join(timeout=5)
        assert taken.is_set()


class TestGivingBack:
    def test_a_lease_whose_release_failed_is_given_back_by_the_next_renewal(
        self, process: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = process(), process()
        lease, kept = first.claim(_NAME), first.claim("kept")
        assert lease is not None
        assert kept is not None
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", _unavailable)
            with pytest.raises(Unavailable):
                first.release(lease)
        first.renew()
        assert second.claim(_NAME) is not None
        assert first.is_held(kept)

    def test_who_lost_an_outer_lease_gives_an_inner_one_back(
        self, process: Begin, database: Database, until: Until
    ) -> None:
        sleeper, other = process(_SOON), process()
        outer = sleeper.claim(_OUTER)
        assert outer is not None
        with sleeper.guarding(outer), sleeper.exclusively(_INNER):
            until(lambda: other.claim(_OUTER) is not None, seconds=5)
            renewal = threading.Thread(target=sleeper.renew)  # As in the background: under no guard.
            renewal.start()
            renewal.join()
            with pytest.raises(LeaseLostError), database.write():
                pytest.fail("the outer lease was taken over")
        assert other.claim(_INNER) is not None


class TestOrderOfLocks:
    """Writes and renewals lock the rows of several leases in one order, so they never wait for each other in turn."""

    def test_nested_guards_lock_in_the_order_of_names(self, postgres_database: Database, until: Until) -> None:
        one = Leases(database=postgres_database, clock=SystemClock(), holder="one", lasts=_LASTS)
        outer, inner = one.claim(_OUTER), one.claim(_INNER)
        assert outer is not None
        assert inner is not None

        def write() -> None:
            with one.guarding(outer), one.guarding(inner), postgres_database.write():
                pass

        _assert_waits_without_the_outer_row(postgres_database, until, write)

    def test_a_renewal_locks_in_the_order_of_names(self, postgres_database: Database, until: Until) -> None:
        one = Leases(database=postgres_database, clock=SystemClock(), holder="one", lasts=_LASTS)
        for name in (_OUTER, _INNER):
            assert one.claim(name) is not None
        _assert_waits_without_the_outer_row(postgres_database, until, one.renew)


class TestForgetting:
    def test_after_its_row_is_deleted_a_lease_has_a_greater_fencing_number(
        self, process: Begin, database: Database
    ) -> None:
        one = process()
        former = one.claim(_NAME)
        assert former is not None
        one.release(former)
        with database.write() as connection:
            store.forget(connection, None, now=SystemClock().now(), kept=timedelta(0))
        assert _names(database) == set()
        present = one.claim(_NAME)
        assert present is not None
        assert present.fence > former.fence

    def test_the_row_of_a_dead_process_goes_once_renewals_are_steady(
        self, sqlite_database: Database, clock: ManualClock
    ) -> None:
        dead, alive = (Leases(database=sqlite_database, clock=clock, holder=name, lasts=_LASTS) for name in "ab")
        assert dead.claim("process/a") is not None
        assert alive.claim("process/b") is not None
        clock.sleep(2 * 24 * 3600)
        alive.forget()
        assert _names(sqlite_database) == {"process/a", "process/b"}
        for _ in range(2):
            alive.renew()
            clock.sleep(_LASTS.total_seconds() / 2)
        alive.forget()
        assert _names(sqlite_database) == {"process/b"}

    def test_the_row_of_a_lease_in_use_stays_and_an_old_one_goes(
        self, sqlite_database: Database, clock: ManualClock
    ) -> None:
        leases = Leases(database=sqlite_database, clock=clock, holder="one", lasts=_LASTS)
        kept, given_back = leases.claim("kept"), leases.claim("given-back")
        assert kept is not None
        assert given_back is not None
        leases.release(given_back)
        leases.forget()
        assert _names(sqlite_database) == {"kept", "given-back"}
        clock.sleep(2 * 24 * 3600)
        leases.forget()
        assert _names(sqlite_database) == {"kept"}


_MESSAGE = {
    "tenant_id": "default",
    "topic": "mirror",
    "payload": {},
    "created_at": SystemClock().now(),
    "attempts": 0,
}


def _names(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(rows.c.name)).scalars())


def _unavailable(_: Database) -> NoReturn:
    raise Unavailable("away", code="database_unavailable")


def _assert_waits_without_the_outer_row(database: Database, until: Until, write: Callable[[], None]) -> None:
    """While somebody else has the row whose name comes first, the write waits for it and has not locked the other."""
    thread = threading.Thread(target=write)
    locked = select(rows.c.name).with_for_update(skip_locked=True)
    with database.write() as first, database.write() as second:
        first.execute(locked.where(rows.c.name == _INNER)).one()
        thread.start()
        until(lambda: bool(second.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).all()), seconds=5)
        assert second.execute(locked.where(rows.c.name == _OUTER)).first() is not None
    thread.join(timeout=5)
    assert not thread.is_alive()


def _pass(time: timedelta) -> None:
    """Let real time pass: the database's own clock judges."""
    threading.Event().wait(time.total_seconds())
