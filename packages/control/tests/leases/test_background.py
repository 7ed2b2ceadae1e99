"""Passes in the background: one process makes them, and another goes on when it is gone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert
from waiting import Until

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.leases.background import BackgroundWork
from modelyard.leases.domain import LeaseLostError
from modelyard.leases.service import Leases
from modelyard.outbox.tables import outbox

MakeLeases = Callable[[], Leases]


class Passes:
    """Counts passes; writes a row in each when it is given a database."""

    def __init__(self, database: Database | None = None) -> None:
        self.made = 0
        self.fault: Exception | None = None
        self._database = database

    def __call__(self) -> bool:
        self.made += 1
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if self._database is not None:
            with self._database.write() as connection:
                connection.execute(insert(outbox).values(tenant_id="t", topic="t", payload={}, attempts=0, **_NOW))
        return False


_LASTS = timedelta(seconds=6)
_NOW = {"created_at": ManualClock().now()}


def background(leases: Leases, passes: Callable[[], bool]) -> BackgroundWork:
    return BackgroundWork(name="mirror", leases=leases, make_pass=passes, pause_seconds=0.01)


class TestOnePass:
    def test_while_one_process_has_the_lease_another_makes_none(self, make_leases: MakeLeases) -> None:
        mine, others = Passes(), Passes()
        background(make_leases(), mine).try_pass()
        background(make_leases(), others).try_pass()
        assert (mine.made, others.made) == (1, 0)

    def test_one_that_died_is_followed_when_its_lease_is_over(
        self, make_leases: MakeLeases, sqlite_database: Database, clock: ManualClock
    ) -> None:
        dead, alive = Passes(), Passes()
        make = [Leases(database=sqlite_database, clock=clock, holder=name, lasts=_LASTS) for name in ("dead", "alive")]
        background(make[0], dead).try_pass()
        successor = background(make[1], alive)
        successor.try_pass()
        assert alive.made == 0
        clock.sleep(_LASTS.total_seconds())
        successor.try_pass()
        assert alive.made == 1

    def test_a_pass_that_was_taken_over_writes_nothing(self, sqlite_database: Database, clock: ManualClock) -> None:
        slow, quick = (Leases(database=sqlite_database, clock=clock, holder=name, lasts=_LASTS) for name in "ab")
        write = Passes(sqlite_database)

        def taken_over() -> bool:
            clock.sleep(_LASTS.total_seconds())
            assert quick.claim("mirror") is not None
            return write()

        with pytest.raises(LeaseLostError):
            background(slow, taken_over).try_pass()


class TestInTheBackground:
    @pytest.mark.parametrize("fault", [Unavailable("away", code="away"), RuntimeError("a fault")])
    def test_a_pass_that_raises_is_followed_by_the_next(self, leases: Leases, until: Until, fault: Exception) -> None:
        passes = Passes()
        passes.fault = fault
        work = background(leases, passes)
        work.start()
        until(lambda: passes.made > 2)
        work.stop()

    def test_what_is_given_back_is_taken_at_once(self, make_leases: MakeLeases, until: Until) -> None:
        first, second = make_leases(), make_leases()
        one, other = Passes(), Passes()
        leading, waiting = background(first, one), background(second, other)
        leading.start()
        until(lambda: one.made > 0)
        waiting.start()
        leading.stop()
        first.stop()
        until(lambda: other.made > 0)
        waiting.stop()
