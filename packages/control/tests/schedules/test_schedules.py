"""Schedules over HTTP, on fakes: who may, what makes runs, what becomes of them, and that there is one job of each."""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from access_platform import Platform
from retraining_world import ALICE, World

from modelyard.main import ControlPlane
from modelyard.principals import FIRST_TENANT
from modelyard.registry.states import Stage
from modelyard.schedules import store
from modelyard.schedules.service import MOST_ANNOUNCED
from modelyard.schedules.starter import ScheduleStarter

SCHEDULES = "/api/v1/schedules"
HOURLY = {"cron": "0 * * * *"}


class Clockwork(World):
    """The same world, whose time goes on when a test says so."""

    @property
    def control(self) -> ControlPlane:
        return self.platform.control

    def schedule(self, model: str, **body: Any) -> Any:
        """A new schedule."""
        trigger = {} if {"cron", "event", "announced"} & body.keys() else HOURLY
        made = self.api.post(SCHEDULES, json={"model_name": model, "version": "latest", **trigger, **body})
        assert made.status_code == 201, made.text
        return made.json()

    def tick(self, **passed: float) -> None:
        """Time goes on, and somebody looks."""
        self.platform.clock.sleep(timedelta(**passed).total_seconds())
        self.control.schedules.starter.make_pass()

    def until_next(self, schedule: Mapping[str, Any]) -> None:
        """Its next time has come, and somebody looks."""
        next_at = datetime.fromisoformat(self.look(schedule)["next_times"][0])
        self.tick(seconds=(next_at - self.platform.clock.now()).total_seconds() + 1)

    def look(self, schedule: Mapping[str, Any]) -> Any:
        return self.api.get(f"{SCHEDULES}/{schedule['schedule_id']}").json()

    def runs(self, schedule: Mapping[str, Any]) -> list[Any]:
        """The oldest first."""
        found: list[Any] = list(reversed(self.look(schedule)["runs"]))
        return found

    def work(self) -> None:
        while self.platform.engine.run_next():
            pass

    def jobs_of(self, model: str) -> list[Any]:
        query = {"kind": "retraining", "model_name": model}
        found: list[Any] = self.api.get("/mlops/jobs", params=query).json()["jobs"]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clockwork]:
    home: Path = tmp_path_factory.mktemp("schedules") / "home"
    with Platform(home) as platform:
        # This module looks itself, so that every look is where a test has it.
        for work in platform.control.background:
            work.stop()
        yield Clockwork(platform)


class TestPlannedTimes:
    def test_a_schedule_retrains_its_version_when_its_time_has_come(self, world: Clockwork) -> None:
        world.train("nightly")
        schedule = world.schedule(
            "nightly", cron="30 3 * * *", time_zone="Europe/Berlin", recipe={"arguments": ["--deep"]}
        )
        assert len(schedule["next_times"]) == 5
        world.tick(minutes=1)
        assert world.runs(schedule) == []
        world.until_next(schedule)
        (run,) = world.runs(schedule)
        world.work()
        job = world.api.get(f"/mlops/jobs/{run['job_id']}").json()
        assert (run["status"], job["status"], job["model_version"]) == ("started", "succeeded", "2")
        assert world.runner.started[-1].arguments == ("--deep",)
        assert (job["retraining"]["parent_version"], run["planned_at"]) == (1, schedule["next_times"][0])
        world.tick(minutes=1)
        assert len(world.runs(schedule)) == 1

    def test_production_is_what_is_there_then(self, world: Clockwork) -> None:
        world.train("led")
        schedule = world.schedule("led", version="production")
        world.until_next(schedule)
        world.put_in_production("led", 1)
        world.until_next(schedule)
        refused, started = world.runs(schedule)
        assert (refused["status"], started["status"]) == ("refused", "started")
        assert "no version that is 'production'" in refused["reason"]

    @pytest.mark.parametrize(("policy", "statuses"), [("skip", ["missed"]), ("run_once", ["missed", "started"])])
    def test_what_nobody_was_there_for_is_reported_and_caught_up_at_most_once(
        self, world: Clockwork, policy: str, statuses: list[str]
    ) -> None:
        world.train(f"missing-{policy}")
        schedule = world.schedule(f"missing-{policy}", missed=policy)
        world.until_next(schedule)
        world.work()
        world.tick(hours=5, minutes=30)
        runs = world.runs(schedule)[1:]
        assert [run["status"] for run in runs] == statuses
        assert runs[0]["missed"] == (5 if policy == "skip" else 4)
        (reported,) = world.entries(f"missing-{policy}", "schedule.run_missed")
        assert reported["is_caught_up"] == (policy == "run_once")

    def test_a_pause_is_nothing_that_was_missed(self, world: Clockwork) -> None:
        world.train("paused")
        schedule = world.schedule("paused", missed="run_once")
        where = f"{SCHEDULES}/{schedule['schedule_id']}"
        assert world.api.post(f"{where}/pause").json()["next_times"] == []
        world.tick(hours=7)
        assert len(world.api.post(f"{where}/resume").json()["next_times"]) == 5
        world.tick(seconds=1)
        assert world.runs(schedule) == []
        world.until_next(schedule)
        assert [run["status"] for run in world.runs(schedule)] == ["started"]


class TestOverlap:
    def test_a_run_that_meets_the_one_before_is_refused(self, world: Clockwork) -> None:
        world.train("slow")
        schedule = world.schedule("slow")
        for _ in range(2):
            world.until_next(schedule)
        first, second = world.runs(schedule)
        assert (first["status"], second["status"]) == ("started", "refused")
        assert first["job_id"] in second["reason"]
        (reported,) = world.entries("slow", "schedule.run_refused")
        assert reported["occasion"] == second["occasion"]

    def test_or_it_waits_and_one_more_does_not(self, world: Clockwork) -> None:
        world.train("queued")
        schedule = world.schedule("queued", overlap="queue")
        for _ in range(3):
            world.until_next(schedule)
        assert [run["status"] for run in world.runs(schedule)] == ["started", "planned", "refused"]
        world.work()
        world.tick(seconds=1)
        assert [run["status"] for run in world.runs(schedule)] == ["started", "started", "refused"]
        assert len(world.jobs_of("queued")) == 2


class TestTriggers:
    def test_an_event_of_the_model_makes_a_run(self, world: Clockwork) -> None:
        for name in ("left", "other"):
            world.train(name)
        schedule = world.schedule("left", event="version.archived")
        for name in ("left", "other"):
            world.put_in_production(name, 1)
            stage = f"/api/v1/ml/registry/models/{name}/versions/1/stage"
            archived = world.api.post(stage, json={"stage": "archived", "comment": "old"})
            assert archived.status_code == 200, archived.text
        world.tick(seconds=1)
        (run,) = world.runs(schedule)
        assert (run["status"], run["occasion"].partition("-")[0]) == ("started", "event")
        assert len(world.jobs_of("left")) == 1

    def test_who_has_the_address_announces_new_data(self, world: Clockwork) -> None:
        world.train("fed")
        schedule = world.schedule("fed", announced=True)
        anybody = world.platform.at(None)
        same = {"Idempotency-Key": "delivery-7"}
        answers = [anybody.post(schedule["address"], headers=same) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        world.tick(seconds=1)
        (run,) = world.runs(schedule)
        assert (run["status"], run["occasion"]) == ("started", answers[0].json()["occasion"])
        newer = {"data": {"rows": {"uri": "s3://sales/12"}}}
        assert anybody.post(schedule["address"], json={"data": {"rows": {"uri": "no"}}}).status_code == 400
        world.work()
        assert anybody.post(schedule["address"], json=newer).status_code == 202
        world.tick(seconds=1)
        world.work()
        assert world.runner.started[-1].environment["MODELYARD_DATA_ROWS"] == "s3://sales/12"
        wrong = anybody.post(schedule["address"][:-1] + "_")
        other = anybody.post(schedule["address"].replace(schedule["schedule_id"], "sch-0"))
        assert [wrong.status_code, other.status_code] == [404, 404]
        assert "address" not in world.look(schedule)

    def test_an_address_takes_so_many_announcements_in_an_hour(self, world: Clockwork) -> None:
        world.train("flooded")
        schedule = world.schedule("flooded", announced=True)
        anybody = world.platform.at(None)

        def announce(delivery: int) -> httpx.Response:
            return anybody.post(schedule["address"], headers={"Idempotency-Key": str(delivery)})

        assert {announce(each).status_code for each in range(MOST_ANNOUNCED)} == {202}
        refused = announce(MOST_ANNOUNCED)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_announcements")
        assert int(refused.headers["retry-after"]) == 3600
        assert announce(0).status_code == 202  # The same announcement is the same run.
        where = f"{SCHEDULES}/{schedule['schedule_id']}/run"
        assert world.api.post(where).status_code == 202
        world.platform.clock.sleep(3600)
        assert announce(MOST_ANNOUNCED).status_code == 202

    def test_wrong_keys_are_counted_by_the_address_that_they_come_from(self, world: Clockwork) -> None:
        world.train("guessed")
        schedule = world.schedule("guessed", announced=True)
        guesser = world.platform.at(None, address="127.0.0.9")
        statuses = [guesser.post(schedule["address"][:-3] + "abc").status_code for _ in range(31)]
        assert statuses == [404] * 30 + [429]
        refused = guesser.post(schedule["address"])
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_failed_logins")
        assert world.platform.at(None).post(schedule["address"]).status_code == 202
        world.platform.clock.sleep(61)
        assert guesser.post(schedule["address"]).status_code == 202

    def test_somebody_asks_for_a_run(self, world: Clockwork) -> None:
        world.train("asked")
        schedule = world.schedule("asked")
        where = f"{SCHEDULES}/{schedule['schedule_id']}/run"
        first, again = (world.api.post(where, headers={"Idempotency-Key": "now"}).json() for _ in range(2))
        assert first == again
        world.tick(seconds=1)
        assert [run["status"] for run in world.runs(schedule)] == ["started"]


class TestRights:
    def test_a_maker_who_may_no_more_has_no_runs(self, world: Clockwork) -> None:
        world.train("handed")
        dora = world.platform.member(world.api, "dora", "developer")
        made = dora.post(SCHEDULES, json={"model_name": "handed", "version": "latest", **HOURLY}).json()
        changed = world.api.patch("/api/v1/access/members/dora", json={"role": "viewer"})
        assert changed.status_code == 200
        world.until_next(made)
        assert world.api.delete("/api/v1/access/members/dora").status_code == 204
        world.until_next(made)
        reasons = [run["reason"] for run in world.runs(made)]
        assert [run["status"] for run in world.runs(made)] == ["refused", "refused"]
        assert "jobs:write" in reasons[0]
        assert "'dora' is not a member" in reasons[1]
        assert world.jobs_of("handed") == []

    def test_a_narrow_token_makes_a_narrow_schedule(self, world: Clockwork) -> None:
        world.train("narrow")
        scopes = ["jobs:write", "jobs:read", "models:read"]
        nora = world.platform.member(world.api, "nora", "developer", scopes=scopes)
        body = {"model_name": "narrow", "version": "latest", **HOURLY}
        refused = nora.post(SCHEDULES, json={**body, "recipe": {"stage_if": "always"}})
        assert refused.json()["code"] == "permission_missing"
        made = nora.post(SCHEDULES, json=body).json()
        world.until_next(made)
        world.work()
        (job,) = world.jobs_of("narrow")
        assert job["status"] == "succeeded"

    def test_another_tenant_has_none_of_it(self, world: Clockwork) -> None:
        world.train("ours")
        where = f"{SCHEDULES}/{world.schedule('ours')['schedule_id']}"
        theirs = world.platform.tenant("acme-schedules")
        assert theirs.get(SCHEDULES).json()["schedules"] == []
        for answer in (theirs.get(where), theirs.post(f"{where}/run"), theirs.delete(where)):
            assert answer.status_code == 404
        viewer = world.platform.member(world.api, "vera", "viewer")
        assert viewer.get(where).status_code == 200
        assert viewer.post(f"{where}/pause").status_code == 403

    def test_a_tenant_has_at_most_so_many(self, world: Clockwork) -> None:
        world.train("counted")
        quotas = {"quotas": {"schedules": 0}}
        changed = world.api.patch(f"/api/v1/access/tenants/{FIRST_TENANT}", json=quotas)
        assert changed.status_code == 200, changed.text
        refused = world.api.post(SCHEDULES, json={"model_name": "counted", **HOURLY})
        assert (refused.status_code, refused.json()["code"]) == (409, "quota_exceeded")
        assert world.api.patch(f"/api/v1/access/tenants/{FIRST_TENANT}", json={"quotas": {}}).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"cron": "61 * * * *"}, "cron_invalid"),
            ({"cron": "0 3 * * *", "time_zone": "Mars/Olympus"}, "time_zone_unknown"),
            ({}, "trigger_invalid"),
            ({"cron": "0 3 * * *", "event": "version.archived"}, "trigger_invalid"),
            ({"event": "version.registered"}, "event_type_unknown"),
            ({**HOURLY, "version": "newest"}, "version_invalid"),
            ({**HOURLY, "version": "9"}, "version_not_found"),
            ({**HOURLY, "model_name": "nosuch"}, "model_not_found"),
            ({**HOURLY, "recipe": {"runner": "moon"}}, "runner_unknown"),
            ({**HOURLY, "recipe": {"secrets": {"A": "b"}}}, "request_invalid"),
            ({**HOURLY, "overlap": "both"}, "request_invalid"),
        ],
    )
    def test_what_cannot_be_is_refused_when_it_is_made(self, world: Clockwork, body: dict[str, Any], code: str) -> None:
        if not world.api.get("/api/v1/ml/registry/models/refused").is_success:
            world.train("refused")
        refused = world.api.post(SCHEDULES, json={"model_name": "refused", "version": "latest", **body})
        assert (refused.status_code in {400, 404}, refused.json()["code"]) == (True, code), refused.text

    def test_a_recipe_that_needs_secrets_cannot_be_scheduled(self, world: Clockwork) -> None:
        world.train("secretive", secrets={"API_KEY": "a-long-secret"})
        refused = world.api.post(SCHEDULES, json={"model_name": "secretive", "version": "latest", **HOURLY})
        assert refused.json()["code"] == "secrets_missing"

    def test_a_schedule_that_is_deleted_makes_no_runs(self, world: Clockwork) -> None:
        world.train("gone")
        schedule = world.schedule("gone")
        assert world.api.delete(f"{SCHEDULES}/{schedule['schedule_id']}").status_code == 204
        world.tick(hours=2)
        assert world.jobs_of("gone") == []
        assert world.api.get(f"{SCHEDULES}/{schedule['schedule_id']}").status_code == 404


class Killed(BaseException):
    """The process is gone."""


class TestOnce:
    @pytest.mark.parametrize("place", ["after the plan", "after the job", "after the note"])
    def test_a_process_that_is_killed_leaves_one_job(
        self, world: Clockwork, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = f"killed-{place.rpartition(' ')[2]}"
        world.train(name)
        schedule = world.schedule(name)
        whose, what = {
            "after the plan": (ScheduleStarter, "_begin"),
            "after the job": (ScheduleStarter, "_end"),
            "after the note": (store, "change_run"),
        }[place]

        def die(*_: Any, **__: Any) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(whose, what, die)
            with pytest.raises(Killed):
                world.until_next(schedule)
        world.tick(seconds=1)
        assert [run["status"] for run in world.runs(schedule)] == ["started"]
        assert len(world.jobs_of(name)) == 1
        assert len(world.entries(name, "schedule.run_started")) == 1

    def test_several_that_look_at_once_make_one_job(self, world: Clockwork) -> None:
        """Without the lease that lets one of them look, so that the rows alone have to hold it."""
        world.train("shared")
        schedule = world.schedule("shared")
        next_at = datetime.fromisoformat(schedule["next_times"][0])
        world.platform.clock.sleep((next_at - world.platform.clock.now()).total_seconds() + 1)
        together = threading.Barrier(4)

        def look() -> None:
            together.wait()
            for _ in range(3):
                world.control.schedules.starter.make_pass()

        lookers = [threading.Thread(target=look) for _ in range(4)]
        for looker in lookers:
            looker.start()
        for looker in lookers:
            looker.join()
        assert [run["status"] for run in world.runs(schedule)] == ["started"]
        assert len(world.jobs_of("shared")) == 1


def test_both_databases_keep_a_schedule_and_its_runs(
    control_plane: ControlPlane, client: httpx.Client, log_model: Any
) -> None:
    """Rows on SQLite and PostgreSQL: made, planned once by two control planes, refused with a reason, deleted."""
    control_plane.registry.register(ALICE, model_name="iris", logged=log_model())
    made = client.post(SCHEDULES, json={"model_name": "iris", "version": "production", **HOURLY})
    assert made.status_code == 201, made.text
    schedule_id = made.json()["schedule_id"]
    mover = control_plane.registry_parts.mover
    with control_plane.database.write() as connection:
        version = control_plane.registry.version_within(connection, ALICE, "iris", 1)
        staged = mover.move(connection, ALICE, version, Stage.STAGING, reason="good")
        mover.move(connection, ALICE, staged, Stage.PRODUCTION, reason="approved")
    other = ControlPlane(control_plane._settings, control_plane._adapters)
    control_plane._context.clock.sleep(3601)
    for each in (control_plane, other, control_plane):
        each.schedules.starter.make_pass()
    other.database.close()
    found = client.get(f"{SCHEDULES}/{schedule_id}").json()
    assert [(run["status"], "recipe_missing" in (run["reason"] or "")) for run in found["runs"]] == [("refused", True)]
    listed = client.get(SCHEDULES, params={"model_name": "iris"}).json()["schedules"]
    assert [one["schedule_id"] for one in listed] == [schedule_id]
    assert client.delete(f"{SCHEDULES}/{schedule_id}").status_code == 204
