"""The life of a job as design.md (section 6) has it: queued → running → succeeded | failed | cancelled."""

from modelyard.jobs.domain import PHASES, JobKind
from modelyard.jobs.states import FINAL, TRANSITIONS, JobStatus


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
        assert [str(phase) for phase in PHASES[JobKind.ONE_CLICK]] == names

    def test_every_kind_of_job_has_its_own(self) -> None:
        assert PHASES.keys() == set(JobKind)
        assert PHASES[JobKind.TRAINING] + PHASES[JobKind.DEPLOYMENT] == PHASES[JobKind.ONE_CLICK]
