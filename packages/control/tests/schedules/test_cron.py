"""Planned times in time zones, and what of them is run when nobody was there."""

from datetime import UTC, datetime, timedelta

import pytest

from modelyard.errors import Invalid
from modelyard.schedules.cron import Cron, Missed, look

BERLIN = "Europe/Berlin"
FORWARD = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""The day before clocks in Berlin go from 02:00 to 03:00."""
BACK = datetime(2026, 10, 24, 12, tzinfo=UTC)
"""The day before they go from 03:00 to 02:00."""


def times(expression: str, after: datetime, count: int) -> list[str]:
    return [f"{each:%d. %H:%M}" for each in Cron(expression, BERLIN).after(after, count)]


class TestTimeZones:
    def test_a_time_in_the_gap_runs_once_at_its_end(self) -> None:
        assert times("30 2 * * *", FORWARD, 2) == ["29. 01:00", "30. 00:30"]

    def test_what_runs_all_the_time_goes_on_with_the_clock_over_the_gap(self) -> None:
        assert times("*/30 * * * *", datetime(2026, 3, 29, 0, tzinfo=UTC), 3) == ["29. 00:30", "29. 01:00", "29. 01:30"]

    def test_a_time_that_comes_twice_runs_the_first_time(self) -> None:
        assert times("30 2 * * *", BACK, 2) == ["25. 00:30", "26. 01:30"]

    def test_what_runs_every_hour_runs_in_both_hours(self) -> None:
        assert times("0 * * * *", datetime(2026, 10, 25, 0, tzinfo=UTC) - timedelta(minutes=1), 3) == [
            "25. 00:00",
            "25. 01:00",
            "25. 02:00",
        ]

    @pytest.mark.parametrize(
        ("expression", "zone", "code"),
        [
            ("61 * * * *", "UTC", "cron_invalid"),
            ("every day", "UTC", "cron_invalid"),
            ("", "UTC", "cron_invalid"),
            ("* * * * * *", "UTC", "cron_invalid"),
            ("0 0 30 2 *", "UTC", "cron_invalid"),
            ("0 3 * * *", "Berlin", "time_zone_unknown"),
            ("0 3 * * *", "../../etc/passwd", "time_zone_unknown"),
            ("0 3 * * *", "", "time_zone_unknown"),
            ("0 3 * * *", "Europe", "time_zone_unknown"),
            ("0 3 * * *", "x\N{NULL}y", "time_zone_unknown"),
        ],
    )
    def test_what_is_no_plan_is_refused(self, expression: str, zone: str, code: str) -> None:
        with pytest.raises(Invalid) as refused:
            Cron.checked(expression, zone)
        assert refused.value.code == code

    def test_a_plan_is_what_it_was_given(self) -> None:
        assert Cron.checked("30 3 * * mon-fri", BERLIN) == Cron("30 3 * * mon-fri", BERLIN)


class TestMissed:
    HOURLY = Cron("0 * * * *", "UTC")
    AT = datetime(2026, 6, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize("policy", Missed)
    def test_a_time_that_has_just_come_is_run(self, policy: Missed) -> None:
        due = look(self.HOURLY, self.AT, self.AT + timedelta(seconds=20), policy)
        assert (due.run_at, due.missed_at, due.missed) == (self.AT, None, 0)
        assert due.next_at == self.AT + timedelta(hours=1)

    def test_what_was_missed_is_skipped(self) -> None:
        due = look(self.HOURLY, self.AT, self.AT + timedelta(hours=5, minutes=30), Missed.SKIP)
        assert (due.run_at, due.missed_at, due.missed) == (None, self.AT + timedelta(hours=5), 6)
        assert due.next_at == self.AT + timedelta(hours=6)

    def test_or_the_last_of_it_is_caught_up_once(self) -> None:
        due = look(self.HOURLY, self.AT, self.AT + timedelta(hours=5, minutes=30), Missed.RUN_ONCE)
        assert (due.run_at, due.missed_at, due.missed) == (
            self.AT + timedelta(hours=5),
            self.AT + timedelta(hours=4),
            5,
        )

    def test_one_that_has_just_come_is_run_though_others_were_missed(self) -> None:
        due = look(self.HOURLY, self.AT, self.AT + timedelta(hours=2, seconds=5), Missed.SKIP)
        assert (due.run_at, due.missed) == (self.AT + timedelta(hours=2), 2)

    def test_a_year_of_minutes_is_looked_at_in_no_time(self) -> None:
        due = look(Cron("* * * * *", "UTC"), self.AT, self.AT + timedelta(days=365, seconds=1), Missed.RUN_ONCE)
        assert (due.run_at, due.missed) == (self.AT + timedelta(days=365), 1000)
