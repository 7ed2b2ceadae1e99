from datetime import UTC, datetime

import pytest
from modelyard_standin import FakeClock, StandIn, error, job

from modelyard_client import Client, Failure, Job
from modelyard_client.errors import Conflict, JobFailed, NotFound, Unavailable, UnexpectedAnswer, WaitTimedOut

FAILED = job(status="failed", error={"code": "script_failed", "message": "ValueError: no such column"})
COURSE = [
    job(),
    job(status="running", phase="training"),
    job(status="running", phase="training"),
    job(status="running", phase="building", progress=0.5, model_version="1"),
    job(status="succeeded", phase="deployed", progress=1.0, model_version="1", deployment_url="http://127.0.0.1:8101"),
]


class TestGet:
    def test_a_job_is_read_with_its_types(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = [FAILED | {"duration_seconds": 3, "model_version": "2"}]
        read = client.jobs.get("job-1")
        assert read.created_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
        assert (read.duration_seconds, read.model_version) == (3.0, 2)
        assert read.error == Failure("script_failed", "ValueError: no such column")

    def test_no_job_is_not_found(self, client: Client) -> None:
        with pytest.raises(NotFound):
            client.jobs.get("nobody")

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("status", None, "expected a string as the job's status, got nothing"),
            ("model_version", "three", "expected a whole number as text as the job's model_version, got str"),
            ("created_at", "yesterday", "expected an ISO 8601 time as the job's created_at, got str"),
            ("error", [], "expected an object as the job's error, got list"),
        ],
    )
    def test_an_answer_of_another_shape_is_named(self, field: str, value: object, sentence: str) -> None:
        with pytest.raises(UnexpectedAnswer) as caught:
            Job.from_json(job() | {field: value})
        assert caught.value.message == sentence

    def test_a_field_that_is_new_is_left_alone(self) -> None:
        assert Job.from_json(job(colour="blue")) == Job.from_json(job())


class TestList:
    def test_all_pages_are_read(self, standin: StandIn, client: Client) -> None:
        standin.jobs = {f"job-{number}": [job(f"job-{number}")] for number in range(450)}
        assert [each.job_id for each in client.jobs.list()] == list(standin.jobs)
        assert [request.query["limit"] for request in standin.seen] == ["200", "200", "200"]

    def test_a_limit_reads_no_more_than_it_needs(self, standin: StandIn, client: Client) -> None:
        standin.jobs = {f"job-{number}": [job(f"job-{number}")] for number in range(450)}
        assert len(list(client.jobs.list(limit=201))) == 201
        assert [request.query["limit"] for request in standin.seen] == ["200", "1"]

    def test_filters_go_to_the_server(self, standin: StandIn, client: Client) -> None:
        standin.jobs = {"a": [job("a", status="failed")], "b": [job("b")]}
        assert [each.job_id for each in client.jobs.list(status="failed", model_name="churn")] == ["a"]


class TestWait:
    def test_each_change_is_reported_once(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = list(COURSE)
        reported: list[Job] = []
        ended = client.jobs.wait("job-1", on_change=reported.append)
        assert [(each.status, each.phase) for each in reported] == [
            ("queued", None),
            ("running", "training"),
            ("running", "building"),
            ("succeeded", "deployed"),
        ]
        assert ended.require_success().deployment_url == "http://127.0.0.1:8101"

    def test_the_end_may_be_a_failure(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = [FAILED]
        ended = client.jobs.wait("job-1")
        with pytest.raises(JobFailed, match=r"^job-1 failed: ValueError: no such column$") as caught:
            ended.require_success()
        assert (caught.value.code, caught.value.job) == ("script_failed", ended)

    def test_a_cancelled_job_did_not_succeed(self) -> None:
        with pytest.raises(JobFailed, match=r"^job-1 was cancelled$"):
            Job.from_json(job(status="cancelled")).require_success()

    def test_a_job_that_takes_too_long_goes_on(self, standin: StandIn, client: Client, clock: FakeClock) -> None:
        standin.jobs["job-1"] = [job(status="running")]
        with pytest.raises(WaitTimedOut, match=r"^waited 30 s for job-1 to end$"):
            client.jobs.wait("job-1", timeout=30)
        assert 30 <= clock.now() < 31.1

    def test_it_does_not_ask_more_often_than_once_a_second_for_long(
        self, standin: StandIn, client: Client, clock: FakeClock
    ) -> None:
        standin.jobs["job-1"] = [job(status="running")]
        with pytest.raises(WaitTimedOut):
            client.jobs.wait("job-1", timeout=60)
        assert len(standin.seen) < 70
        assert max(clock.pauses) == 1.0

    def test_a_control_plane_that_restarts_is_waited_for(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = list(COURSE)
        standin.out_of_turn = [error(503, "starting", "starting")] * 30
        assert client.jobs.wait("job-1").is_succeeded

    def test_a_control_plane_that_stays_away_is_given_up(
        self, standin: StandIn, client: Client, clock: FakeClock
    ) -> None:
        standin.out_of_turn = [error(503, "starting", "starting")] * 500
        with pytest.raises(Unavailable):
            client.jobs.wait("job-1", patience=20)
        assert 20 < clock.now() < 25


class TestCancel:
    def test_a_running_job_is_asked_to_stop(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = [job(status="running")]
        assert client.jobs.cancel("job-1").status == "running"
        assert len(standin.asked("POST", "/mlops/jobs/job-1/cancel")) == 1

    def test_a_job_that_has_ended_is_a_conflict(self, standin: StandIn, client: Client) -> None:
        standin.jobs["job-1"] = [FAILED]
        with pytest.raises(Conflict) as caught:
            client.jobs.cancel("job-1")
        assert caught.value.code == "job_finished"
