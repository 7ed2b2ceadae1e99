"""Stays in production, of one model and of all, against a naive reading of a random history."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.console.pictures.timeline import timeline
from modelyard.db import Database
from modelyard.errors import NotFound
from modelyard.paging import MAX_LIMIT
from modelyard.principals import Principal, Role

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_STAGES = ("production", "archived", "staging", "none", "deleted")

Step = tuple[str, int, str, int]
"""The model, the version, the stage that it comes to, and seconds since the step before."""

steps = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from(_STAGES), st.integers(0, 5)), max_size=25
)


@dataclass
class Stay:
    version: int
    since: datetime
    until: datetime | None = None


def naive(history: list[Step]) -> dict[str, list[Stay]]:
    """Stays by model, as one reads the history from its beginning. One version of a model is live at a time."""
    now, found = _BEGIN, dict[str, list[Stay]]()
    for model, version, stage, seconds in history:
        now += timedelta(seconds=seconds)
        stays = found.setdefault(model, [])
        if stage == "production":
            stays.append(Stay(version, now))
            continue
        for stay in stays:
            if stay.version == version and stay.until is None:
                stay.until = now
    return found


def consistent(history: list[Step]) -> list[Step]:
    """The history as the registry writes it: who comes into production archives who was there, first."""
    live: dict[str, int] = {}
    kept: list[Step] = []
    for model, version, stage, seconds in history:
        pause = seconds
        if stage == "production":
            if live.get(model) == version:
                continue
            if model in live:
                kept.append((model, live[model], "archived", seconds))
                pause = 0
            live[model] = version
        elif live.get(model) == version:
            del live[model]
        kept.append((model, version, stage, pause))
    return kept


@given(steps, st.integers(0, 60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_they_agree_with_the_log(sqlite_database: Database, history: list[Step], second: int) -> None:
    history = consistent(history)
    clock = ManualClock(_BEGIN)
    audit = AuditLog(database=sqlite_database, clock=clock)
    # A tenant of its own for each run, also of a history that was run before: the log is one chain for each.
    caller = Principal(tenant_id=uuid4().hex, subject="ann", role=Role.ADMIN)
    for model, version, stage, seconds in history:
        clock.sleep(seconds)
        with sqlite_database.write() as connection:
            audit.record(
                connection,
                principal=caller,
                action=f"version.{stage}",
                subject=f"models/{model}/versions/{version}",
            )
    clock.sleep(100)
    expected = naive(history)
    moment = _BEGIN + timedelta(seconds=second)
    live_then = {}
    for model, stays in expected.items():
        page = audit.stays_in_production(caller, model, limit=MAX_LIMIT, cursor=None)
        found = [(stay.version, stay.since.at, stay.until) for stay in reversed(page.items)]
        assert found == [(stay.version, stay.since, stay.until) for stay in stays]
        at_moment = [stay for stay in stays if stay.since <= moment and (stay.until is None or stay.until > moment)]
        _, one = audit.production_at(caller, model, moment)
        assert (one and one.version) == (at_moment[-1].version if at_moment else None)
        if at_moment:
            live_then[model] = at_moment[-1].version
        on_the_wire = [
            {
                "version": stay.version,
                "since": stay.since.isoformat(),
                "until": stay.until and stay.until.isoformat(),
                "by": "ann",
            }
            for stay in reversed(stays)
        ]
        picture = timeline(on_the_wire, now=clock.now(), chosen=moment.isoformat())
        chosen = [bar.version for bar in picture.bars if bar.is_chosen] if picture else []
        assert chosen[-1:] == [stay.version for stay in at_moment][-1:]
    _, everything = audit.all_in_production(caller, moment, limit=MAX_LIMIT, cursor=None)
    assert {name: stay.version for name, stay in everything.items} == live_then


class TestPages:
    def test_they_go_on_where_the_page_before_ended(self, sqlite_database: Database) -> None:
        clock = ManualClock(_BEGIN)
        audit = AuditLog(database=sqlite_database, clock=clock)
        caller = Principal(tenant_id="paged", subject="ann", role=Role.ADMIN)
        for version in range(1, 6):
            for model in ("x", "y"):
                with sqlite_database.write() as connection:
                    audit.record(
                        connection,
                        principal=caller,
                        action="version.production",
                        subject=f"models/{model}/versions/{version}",
                    )
        seen, cursor = [], None
        while True:
            page = audit.stays_in_production(caller, "x", limit=2, cursor=cursor)
            seen += [stay.version for stay in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert seen == [5, 4, 3, 2, 1]
        _, first = audit.all_in_production(caller, None, limit=1, cursor=None)
        _, second = audit.all_in_production(caller, None, limit=1, cursor=first.next_cursor)
        assert [name for name, _ in (*first.items, *second.items)] == ["x", "y"]
        assert second.next_cursor is None

    def test_a_model_of_which_the_log_knows_nothing_is_not_there(
        self, sqlite_database: Database, tmp_path: Path
    ) -> None:
        audit = AuditLog(database=sqlite_database, clock=ManualClock(_BEGIN))
        with pytest.raises(NotFound):
            audit.stays_in_production(
                Principal(tenant_id="paged", subject="ann", role=Role.ADMIN), "nothing", limit=1, cursor=None
            )
