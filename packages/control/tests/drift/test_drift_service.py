"""Counters of servers, collected, reported and judged, on a control plane over fakes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rollout_world import SHORT, RolloutWorld
from sqlalchemy import update

from modelyard.analysis.drift import DriftVerdict
from modelyard.analysis.guardrails import Guardrail, Verdict, split_alpha
from modelyard.deployments.domain import Deployment
from modelyard.drift.collector import DriftCollector
from modelyard.drift.service import DriftService
from modelyard.errors import NotFound
from modelyard.main import ControlPlane
from modelyard.packaging.tables import bundles
from modelyard.ports.drift_counts import ServedCounts
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.rollouts.plan import DriftGuardrail
from modelyard.rollouts.states import RolloutStatus
from modelyard.schedules import store
from modelyard.schedules.cron import Missed
from modelyard.schedules.domain import Overlap, Schedule, checked_trigger
from modelyard.schedules.states import ScheduleStatus

FEATURE = {
    "side": "input",
    "tensor": "age",
    "column": None,
    "edges": [1.0, 2.0],
    "categories": None,
    "bins": [500, 500, 500],
    "missing": 0,
    "unseen": 0,
}
LIKE_TRAINING, MOVED = [[300, 300, 300, 0, 0]], [[0, 0, 900, 0, 0]]


class FakeServers:
    """Answers as the servers of each version do; each question may reach another of them."""

    def __init__(self) -> None:
        self.answers: dict[str, list[ServedCounts]] = {}

    def fetch(self, url: str) -> ServedCounts | None:
        """The next server's counters."""
        answers = self.answers.get(url, [])
        return answers.pop(0) if len(answers) > 1 else next(iter(answers), None)


class DriftWorld(RolloutWorld):
    """With servers that count."""

    def __init__(self, plane: ControlPlane, principal: Principal, log_model: Callable[..., LoggedModel]) -> None:
        super().__init__(plane, principal, log_model)
        self.servers = FakeServers()
        self.drift: DriftService = plane.drift_parts.drift
        self._collector = DriftCollector(drift=self.drift, deployments=plane.deployments, counts=self.servers)

    def profiled(self, version: int, digest: str = "d") -> None:
        """Let a version's bundle have a profile."""
        profile = {"digest": digest, "rows": 1500, "features": [FEATURE], "left_out": []}
        with self.control_plane.database.write() as connection:
            connection.execute(update(bundles).where(bundles.c.version == version).values(profile=profile))

    def deployment(self, version: int) -> Deployment:
        """Of a version."""
        found = self.control_plane.deployments.left(self.principal, "iris", version)
        return next(one for one in found if one.version == version)

    def count(self, version: int, *answers: tuple[str, Any], digest: str = "d") -> None:
        """Have servers of a version answer this, by their instances, and ask each once."""
        url = self.deployment(version).url
        assert url is not None
        self.servers.answers[url] = [ServedCounts(str(version), who, digest, counts) for who, counts in answers]
        for _ in answers:
            self._collector.make_pass()

    def report(self, version: int, **options: Any) -> Any:
        """On a version's deployment."""
        return self.drift.report(self.principal, self.deployment(version).deployment_id, **options)


@pytest.fixture
def world(sqlite_control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]) -> DriftWorld:
    made = DriftWorld(sqlite_control_plane, alice, log_model)
    made.profiled(1)
    return made


def _schedule(world: DriftWorld, model: str, event: str) -> Schedule:
    """One that waits for an event. Its row is written directly, as versions of this world have no recipe."""
    now = world.clock.now()
    return Schedule(
        schedule_id=f"sch-{model}-{event}",
        tenant_id=world.principal.tenant_id,
        model_name=model,
        description="",
        which="latest",
        trigger=checked_trigger(cron=None, time_zone="UTC", event=event, is_announced=False),
        changes={},
        overlap=Overlap.REFUSE,
        missed=Missed.SKIP,
        status=ScheduleStatus.ACTIVE,
        next_at=None,
        key_digest=None,
        created_by=world.principal.subject,
        scopes=None,
        made_by=[],
        created_at=now,
        updated_at=now,
    )


class TestCounters:
    def test_several_servers_of_one_address_are_added(self, world: DriftWorld) -> None:
        world.count(1, ("one", [[10, 0, 0, 0, 0]]), ("other", [[5, 0, 0, 1, 0]]))
        assert world.report(1).rows == 16

    def test_they_count_from_the_last_look_on_and_whole_where_a_server_began_anew(self, world: DriftWorld) -> None:
        for counts in (10, 10, 25, 5):
            world.count(1, ("one", [[counts, 0, 0, 0, 0]]))
        world.count(1, ("after a restart", [[7, 0, 0, 0, 0]]))
        assert world.report(1).rows == 10 + 15 + 5 + 7

    @pytest.mark.parametrize(
        "answer",
        [
            ServedCounts("2", "one", "d", LIKE_TRAINING),
            ServedCounts("1", "one", "other bins", LIKE_TRAINING),
            ServedCounts("1", "one", "d", [[1, 2]]),
            ServedCounts("1", "one", "d", []),
        ],
    )
    def test_those_of_another_version_or_of_other_bins_are_not_taken(
        self, world: DriftWorld, answer: ServedCounts
    ) -> None:
        world.servers.answers[str(world.deployment(1).url)] = [answer]
        world.count(1)
        world._collector.make_pass()
        assert world.report(1).rows == 0

    def test_old_ones_leave_the_report_and_are_forgotten(self, world: DriftWorld) -> None:
        world.count(1, ("one", MOVED))
        world.clock.sleep(2 * 3600)
        world.count(1, ("one", [[300, 300, 1200, 0, 0]]))
        assert [world.report(1).rows, world.report(1, hours=24).rows] == [900, 1800]
        world.clock.sleep(49 * 3600)
        world._collector.make_pass()
        assert world.report(1, hours=48).rows == 0


class TestAReport:
    def test_it_goes_back_as_far_as_a_judgement_needs(self, world: DriftWorld) -> None:
        world.count(1, ("one", MOVED))
        world.clock.sleep(5 * 3600)
        world.count(1, ("one", [[0, 0, 1000, 0, 0]]))
        report = world.report(1)
        assert (report.verdict, report.rows) == (DriftVerdict.DRIFTED, 1000)

    def test_without_a_profile_it_says_what_to_do(self, world: DriftWorld) -> None:
        world.deploy(world.candidate)
        report = world.report(2)
        assert (report.verdict, report.profile_rows) == (DriftVerdict.TOO_LITTLE_DATA, None)
        assert report.message.startswith("no training profile: drift cannot be judged. Log the training data")

    def test_another_tenant_gets_none(self, world: DriftWorld) -> None:
        mallory = Principal(tenant_id="other", subject="mallory", role=Role.DEVELOPER)
        with pytest.raises(NotFound):
            world.drift.report(mallory, world.deployment(1).deployment_id)


class TestEvents:
    def test_drift_is_an_event_once_when_it_is_found_and_once_when_it_ends(self, world: DriftWorld) -> None:
        world.count(1, ("one", MOVED))
        world.count(1, ("one", [[0, 0, 1800, 0, 0]]))
        world.clock.sleep(2 * 3600)
        world.count(1, ("one", [[500, 500, 2300, 0, 0]]))
        assert [one for one in world.actions(world.deployment(1).subject) if one.startswith("drift.")] == [
            "drift.found",
            "drift.ended",
        ]

    def test_it_makes_one_run_of_the_schedules_of_its_model_that_wait_for_it(self, world: DriftWorld) -> None:
        plane = world.control_plane
        waiting = [
            _schedule(world, model, event) for model, event in (("iris", "drift.found"), ("other", "drift.found"))
        ]
        waiting.append(_schedule(world, "iris", "version.archived"))
        with plane.database.write() as connection:
            for schedule in waiting:
                store.add(connection, schedule)
        world.count(1, ("one", MOVED))
        world.count(1, ("one", [[0, 0, 1800, 0, 0]]))
        with plane.database.read() as connection:
            runs = [store.last_runs(connection, schedule.schedule_id, limit=9) for schedule in waiting]
        assert [len(each) for each in runs] == [1, 0, 0]
        assert runs[0][0].occasion.startswith("event-")


class TestARollout:
    """Whose plan watches drift."""

    PLAN = replace(SHORT, guardrails=replace(SHORT.guardrails, errors=None, drift=DriftGuardrail()))

    def _begun(self, world: DriftWorld) -> Any:
        rollout = world.begun(self.PLAN)
        world.parts.reconciler._meter = world.parts._meter
        return rollout

    def _goes_on(self, world: DriftWorld, former: Any, candidate: Any) -> None:
        world.profiled(2)
        world.meter.count(2, 1_000)
        world.count(1, ("one", former))
        world.count(2, ("two", candidate))
        world.look(2)

    def test_a_candidate_that_gets_something_else_than_it_was_trained_on_is_taken_back(self, world: DriftWorld) -> None:
        rollout = self._begun(world)
        self._goes_on(world, LIKE_TRAINING, MOVED)
        after = world.now(rollout)
        assert after.status in {RolloutStatus.ROLLING_BACK, RolloutStatus.ROLLED_BACK}
        assert "version 2 is worse: drift: against its training data: age (PSI: " in str(after.reason)

    def test_one_that_gets_what_it_was_trained_on_passes(self, world: DriftWorld) -> None:
        rollout = self._begun(world)
        self._goes_on(world, LIKE_TRAINING, LIKE_TRAINING)
        after = world.now(rollout)
        assert after.progress.drift is not None
        assert after.progress.drift.verdict is Verdict.NOT_WORSE
        assert after.status.sends_requests

    def test_without_training_data_it_never_passes_and_says_why(self, world: DriftWorld) -> None:
        rollout = self._begun(world)
        world.count(1, ("one", LIKE_TRAINING))
        world.look(3)
        assert "drift: no training profile: drift cannot be judged" in str(world.now(rollout).reason)

    def test_other_guardrails_have_their_whole_level(self) -> None:
        rails = replace(SHORT.guardrails, drift=DriftGuardrail())
        assert rails.watched == {Guardrail.ERRORS, Guardrail.DRIFT}
        assert split_alpha(0.05, rails.watched) == {Guardrail.ERRORS: 0.05}
