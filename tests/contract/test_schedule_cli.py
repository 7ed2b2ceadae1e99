"""`modelyard schedules` against the real application over real HTTP."""

import json
from collections.abc import Callable

import pytest
from access_platform import Platform
from retraining_world import World

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def world(platform: Platform) -> World:
    """A model `churn` with a version that a script trained."""
    world = World(platform)
    world.train("churn")
    return world


class TestSchedules:
    def test_it_is_made_seen_paused_run_and_deleted(self, world: World, run: Run) -> None:
        options = ["--cron", "30 3 * * *", "--time-zone", "Europe/Berlin", "--env", "REGION=eu", "--stage-if", "better"]
        code, out = run("schedules", "create", "churn", "--latest", *options, "-o", "json", "--", "--deep")
        assert code == 0, out
        made = json.loads(out)
        schedule = made["schedule_id"]
        assert made["recipe"] == {"arguments": ["--deep"], "environment": {"REGION": "eu"}, "stage_if": "better"}
        assert made["next_times"][0][:16].replace("T", " ") in run("schedules", "list")[1]
        assert "paused" in run("schedules", "pause", schedule)[1]
        assert run("schedules", "run", schedule)[0] == 6
        assert "active" in run("schedules", "resume", schedule)[1]
        assert "planned" in run("schedules", "run", schedule)[1]
        world.platform.control.schedules.starter.make_pass()
        shown = run("schedules", "show", schedule)[1]
        assert "started" in shown
        assert "30 3 * * * Europe/Berlin" in shown
        assert run("schedules", "delete", schedule)[0] == 0
        assert run("schedules", "show", schedule)[0] == 3

    def test_the_address_of_announcements_is_printed_once(self, world: World, run: Run) -> None:
        code, out = run("schedules", "create", "churn/1", "--announced", "-o", "json")
        made = json.loads(out)
        assert (code, made["version"]) == (0, "1")
        assert world.platform.at(None).post(made["address"]).status_code == 202
        assert "address" not in world.api.get(f"/api/v1/schedules/{made['schedule_id']}").json()

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            (["churn"], 2),
            (["churn", "--cron", "never"], 2),
            (["churn", "--cron", "0 3 * * *", "--overlap", "both"], 2),
            (["churn/1", "--latest", "--announced"], 2),
            (["nosuch", "--announced"], 3),
        ],
    )
    @pytest.mark.usefixtures("world")
    def test_what_cannot_be_has_its_exit_code(self, run: Run, options: list[str], code: int) -> None:
        assert run("schedules", "create", *options)[0] == code
