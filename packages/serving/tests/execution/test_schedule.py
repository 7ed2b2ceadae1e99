"""The schedule policy's parameters."""

from typing import Any

import pytest

from modelyard_serving.errors import InvalidInput
from modelyard_serving.execution.schedule import DEFAULT_SCHEDULE, Schedule, schedule_of


class TestScheduleOf:
    def test_nothing_is_asked_for_by_default(self) -> None:
        assert schedule_of(None) is DEFAULT_SCHEDULE
        assert schedule_of({"other": "x"}) == DEFAULT_SCHEDULE

    def test_priority_and_timeout_in_microseconds(self) -> None:
        assert schedule_of({"priority": 2, "timeout": 500_000}) == Schedule(2, 0.5)

    def test_the_shorter_wait_counts(self) -> None:
        assert schedule_of({"timeout": 500_000}, 0.1).timeout_s == 0.1
        assert schedule_of({"timeout": 500_000}, 1.0).timeout_s == 0.5
        assert schedule_of({"timeout": 0}, 1.0).timeout_s == 1.0
        assert schedule_of(None, 1.0).timeout_s == 1.0

    @pytest.mark.parametrize("value", [-1, 1.5, True, "soon", None, 2**63, 10**400, "9" * 5000])
    @pytest.mark.parametrize("name", ["priority", "timeout"])
    def test_anything_but_a_whole_number_is_refused(self, name: str, value: Any) -> None:
        with pytest.raises(InvalidInput, match=f"parameter '{name}' must be a whole number of at least 0"):
            schedule_of({name: value})
