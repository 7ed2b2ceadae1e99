"""The life cycle of a job (docs/architecture/02-life-cycles.md)."""

from contextlib import nullcontext

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.jobs.service import JobService
from modelyard.jobs.states import FINAL, TRANSITIONS, JobStatus
from modelyard.jobs.workflow import JobWork, workflows
from modelyard.main.kinds import JOB_KINDS
from modelyard.mlops.schemas import JobKind as JobKindOnTheWire
from modelyard.training.kinds import ONE_CLICK, TRAINING


class TestTransitions:
    def test_the_table_knows_every_status(self) -> None:
        assert TRANSITIONS.keys() == set(JobStatus)

    def test_a_job_that_waits_runs_or_ends_without_having_run(self) -> None:
        assert TRANSITIONS[JobStatus.QUEUED] == {JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}

    def test_a_job_that_runs_ends_in_one_of_three_ways(self) -> None:
        assert TRANSITIONS[JobStatus.RUNNING] == {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}

    def test_an_end_is_an_end(self) -> None:
        assert {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED} == FINAL
        assert all(not TRANSITIONS[status] for status in FINAL)


class TestPhases:
    def test_one_click_goes_through_all_of_them_in_the_contracts_order(self) -> None:
        names = ["training", "registering", "building", "deploying", "deployed"]
        assert [str(phase) for phase in ONE_CLICK.phases] == names

    def test_every_kind_of_job_has_its_own(self) -> None:
        assert all(kind.phases for kind in JOB_KINDS)
        assert TRAINING.phases + DEPLOYMENT.phases == ONE_CLICK.phases


class TestKinds:
    def test_the_api_knows_every_kind_that_a_noun_brings(self) -> None:
        assert [kind.name for kind in JOB_KINDS] == [kind.value for kind in JobKindOnTheWire]

    def test_a_kind_whose_work_nobody_brings_stops_the_start(self, jobs: JobService, clock: ManualClock) -> None:
        works = [JobWork(kind, lambda _: {}, lambda _: None) for kind in JOB_KINDS[1:]]
        with pytest.raises(RuntimeError, match=r"nobody says what these jobs do.*: training$"):
            workflows(works, jobs=jobs, clock=clock, guarding=nullcontext, check_space=lambda: None)
