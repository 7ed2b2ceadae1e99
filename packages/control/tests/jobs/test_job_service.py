"""Jobs: made once per key, moved through their life, found, cancelled."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.audit.service import AuditLog
from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.errors import Conflict, Invalid, ModelyardError, NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobCancelled, JobService
from modelyard.jobs.states import JobStatus
from modelyard.principals import Principal
from modelyard.training.kinds import ONE_CLICK, TRAINING, Phase

Create = Callable[..., Job]


@pytest.fixture
def create(jobs: JobService, alice: Principal) -> Create:
    """Makes a job; what is not said is filled in."""

    def make(**what: Any) -> Job:
        principal = what.pop("principal", alice)
        asked: dict[str, Any] = {
            "kind": TRAINING,
            "model_name": "iris",
            "request": {"script_name": "train.py"},
            "experiment_name": None,
        }
        return jobs.create(principal, **asked | what)

    return make


@pytest.fixture
def running(create: Create, jobs: JobService) -> Job:
    job = jobs.begin(create().job_id)
    assert job is not None
    return job


class TestCreate:
    def test_a_new_job_waits_and_is_handed_to_the_engine(
        self, create: Create, engine: InlineJobEngine, clock: ManualClock
    ) -> None:
        begun: list[str] = []
        engine.register({TRAINING.name: lambda job_id, _: begun.append(job_id)})
        job = create()
        assert (job.status, job.phase, job.progress, job.created_at) == (JobStatus.QUEUED, None, 0.0, clock.now())
        assert engine.run_next() == job.job_id
        assert begun == [job.job_id]

    def test_two_requests_without_a_key_are_two_jobs(self, create: Create) -> None:
        assert create().job_id != create().job_id

    def test_the_same_request_with_the_same_key_is_the_same_job(
        self, create: Create, engine: InlineJobEngine, alice: Principal, audit: AuditLog
    ) -> None:
        engine.register({TRAINING.name: lambda *_: None})
        first, second = create(idempotency_key="k"), create(idempotency_key="k")
        assert first == second
        assert (engine.run_next(), engine.run_next()) == (first.job_id, None)
        assert len(audit.entries(alice.tenant_id)) == 1

    def test_many_at_once_with_the_same_key_are_the_same_job(
        self, create: Create, jobs: JobService, alice: Principal
    ) -> None:
        together = threading.Barrier(8)

        def send(_: int) -> str:
            together.wait()
            return create(idempotency_key="k").job_id

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(send, range(8)))) == 1
        assert len(jobs.page(alice).items) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"request": {"script_name": "other.py"}},
            {"model_name": "digits"},
            {"kind": ONE_CLICK},
        ],
        ids=["request", "model", "kind"],
    )
    def test_the_same_key_with_another_request_is_refused(self, create: Create, other: dict[str, Any]) -> None:
        first = create(idempotency_key="k")
        with pytest.raises(Conflict, match=first.job_id) as caught:
            create(idempotency_key="k", **other)
        assert (caught.value.code, caught.value.field) == ("idempotency_key_reused", "Idempotency-Key")

    def test_a_key_is_its_tenants_own(self, create: Create, stranger: Principal) -> None:
        assert create(idempotency_key="k").job_id != create(idempotency_key="k", principal=stranger).job_id

    def test_a_repeated_request_of_a_job_that_has_ended_gives_it_as_it_ended(
        self, create: Create, jobs: JobService, alice: Principal
    ) -> None:
        job = create(idempotency_key="k")
        jobs.cancel(alice, job.job_id)
        assert create(idempotency_key="k").status is JobStatus.CANCELLED


class TestResume:
    def test_after_a_restart_what_has_not_ended_is_handed_over_again(
        self, create: Create, make_jobs: Callable[[], JobService], engine: InlineJobEngine, alice: Principal
    ) -> None:
        waiting, cancelled = create(), create()
        make_jobs().cancel(alice, cancelled.job_id)
        handed: list[str] = []
        restarted = InlineJobEngine()
        restarted.register({TRAINING.name: lambda job_id, _: handed.append(job_id)})
        jobs = make_jobs()
        jobs._engine = restarted
        jobs.resume()
        while restarted.run_next():
            pass
        assert handed == [waiting.job_id]


class TestGet:
    def test_a_job_of_another_tenant_does_not_exist(
        self, create: Create, jobs: JobService, stranger: Principal
    ) -> None:
        job = create()
        with pytest.raises(NotFound) as caught:
            jobs.get(stranger, job.job_id)
        assert caught.value.message == f"there is no job '{job.job_id}'"

    def test_a_job_of_another_kind_is_not_found_among_those_asked_for(
        self, create: Create, jobs: JobService, alice: Principal
    ) -> None:
        job = create()
        with pytest.raises(NotFound):
            jobs.get(alice, job.job_id, kinds=(DEPLOYMENT,))


class TestPage:
    def test_pages_give_every_job_once_and_the_newest_first(
        self, create: Create, jobs: JobService, alice: Principal, clock: ManualClock
    ) -> None:
        made = []
        for number in range(7):
            made.append(create().job_id)
            clock.sleep(number % 2)  # Some are made in one moment.
        seen, cursor = [], None
        for _ in range(4):
            page = jobs.page(alice, limit=2, cursor=cursor)
            seen += [(job.created_at, job.job_id) for job in page.items]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == sorted(seen, reverse=True)
        assert sorted(job_id for _, job_id in seen) == sorted(made)

    def test_a_page_that_ends_the_list_has_no_next(self, create: Create, jobs: JobService, alice: Principal) -> None:
        create()
        create()
        assert jobs.page(alice, limit=2).next_cursor is None

    def test_filters_hold_together(self, create: Create, jobs: JobService, alice: Principal) -> None:
        create()
        wanted = create(kind=ONE_CLICK, model_name="digits")
        create(kind=ONE_CLICK)
        jobs.cancel(alice, create(kind=ONE_CLICK, model_name="digits").job_id)
        page = jobs.page(alice, kind=ONE_CLICK, status=JobStatus.QUEUED, model_name="digits")
        assert [job.job_id for job in page.items] == [wanted.job_id]

    def test_jobs_of_another_tenant_are_not_in_it(self, create: Create, jobs: JobService, stranger: Principal) -> None:
        create()
        assert jobs.page(stranger).items == []
        assert jobs.count_by_status(stranger) == {}

    def test_a_forged_cursor_is_refused(self, jobs: JobService, alice: Principal) -> None:
        with pytest.raises(Invalid):
            jobs.page(alice, cursor="WzEsMl0")

    def test_jobs_are_counted_by_status(self, create: Create, jobs: JobService, alice: Principal) -> None:
        create()
        create()
        jobs.cancel(alice, create().job_id)
        assert jobs.count_by_status(alice) == {"queued": 2, "cancelled": 1}


class TestCancel:
    def test_a_job_that_waits_ends_at_once(
        self, create: Create, jobs: JobService, alice: Principal, clock: ManualClock
    ) -> None:
        job = create()
        clock.sleep(5)
        cancelled = jobs.cancel(alice, job.job_id)
        assert (cancelled.status, cancelled.finished_at) == (JobStatus.CANCELLED, clock.now())
        assert (cancelled.started_at, cancelled.duration_seconds) == (None, 5.0)
        assert jobs.begin(job.job_id) is None

    def test_a_job_that_runs_is_asked_to_end(self, running: Job, jobs: JobService, alice: Principal) -> None:
        asked = jobs.cancel(alice, running.job_id)
        assert (asked.status, asked.is_cancel_requested) == (JobStatus.RUNNING, True)
        with pytest.raises(JobCancelled):
            jobs.raise_if_cancelled(running.job_id)

    def test_asking_twice_leaves_one_mark_in_the_log(
        self, running: Job, jobs: JobService, alice: Principal, audit: AuditLog
    ) -> None:
        jobs.cancel(alice, running.job_id)
        jobs.cancel(alice, running.job_id)
        actions = [entry.action for entry in audit.entries(alice.tenant_id)]
        assert actions.count("job.cancel_requested") == 1

    def test_a_job_that_has_ended_stays_as_it_ended(self, running: Job, jobs: JobService, alice: Principal) -> None:
        jobs.succeed(running.job_id)
        with pytest.raises(Conflict, match="it is succeeded") as caught:
            jobs.cancel(alice, running.job_id)
        assert caught.value.code == "job_finished"

    def test_a_job_of_another_tenant_cannot_be_cancelled(
        self, running: Job, jobs: JobService, stranger: Principal
    ) -> None:
        with pytest.raises(NotFound):
            jobs.cancel(stranger, running.job_id)
        jobs.raise_if_cancelled(running.job_id)

    def test_a_job_that_is_cancelled_while_it_begins_ends_or_is_asked_to(
        self, create: Create, jobs: JobService, alice: Principal
    ) -> None:
        for _ in range(10):
            job = create()
            with ThreadPoolExecutor(2) as pool:
                begun = pool.submit(jobs.begin, job.job_id)
                pool.submit(jobs.cancel, alice, job.job_id).result()
            now = jobs.get(alice, job.job_id)
            assert now.is_cancel_requested
            assert now.status is (JobStatus.CANCELLED if begun.result() is None else JobStatus.RUNNING)


class TestLife:
    def test_beginning_twice_begins_once(
        self, create: Create, jobs: JobService, alice: Principal, clock: ManualClock, audit: AuditLog
    ) -> None:
        job_id = create().job_id
        begun = jobs.begin(job_id)
        clock.sleep(3)
        assert begun == jobs.begin(job_id)
        assert [entry.action for entry in audit.entries(alice.tenant_id)] == ["job.queued", "job.running"]

    def test_phases_tell_what_is_known_by_then_and_how_far_it_is(
        self, create: Create, jobs: JobService, alice: Principal
    ) -> None:
        job_id = create(kind=ONE_CLICK).job_id
        jobs.begin(job_id)
        progress = []
        for phase in ONE_CLICK.phases:
            jobs.enter(job_id, phase, **{phase: True})
            progress.append(jobs.get(alice, job_id).progress)
        assert progress == [0.0, 0.2, 0.4, 0.6, 0.8]
        jobs.succeed(job_id, url="http://x")
        job = jobs.get(alice, job_id)
        assert job.progress == 1.0
        assert job.result == dict.fromkeys(ONE_CLICK.phases, True) | {"url": "http://x"}

    def test_a_job_that_is_resumed_does_not_fall_back(self, running: Job, jobs: JobService, alice: Principal) -> None:
        jobs.enter(running.job_id, Phase.REGISTERING, run_id="r")
        jobs.enter(running.job_id, Phase.TRAINING, lock="l")
        job = jobs.get(alice, running.job_id)
        assert (job.phase, job.result) == (Phase.REGISTERING, {"run_id": "r", "lock": "l"})

    def test_a_failure_has_a_code_and_its_sentence_stands_in_the_log(
        self, running: Job, jobs: JobService, alice: Principal
    ) -> None:
        jobs.fail(running.job_id, ModelyardError("the script failed: it said \x00", code="script_failed"))
        job = jobs.get(alice, running.job_id)
        assert job.error is not None
        assert (job.status, job.error.code) == (JobStatus.FAILED, "script_failed")
        assert job.error.message == "the script failed: it said \N{REPLACEMENT CHARACTER}"
        assert jobs.log(running.job_id).read(0).content.decode() == f"failed: {job.error.message}\n"

    def test_a_reason_without_end_is_kept_in_part(self, running: Job, jobs: JobService, alice: Principal) -> None:
        jobs.fail(running.job_id, ModelyardError("ü" * 5000, code="script_failed"))
        error = jobs.get(alice, running.job_id).error
        assert error is not None
        assert error.message == "ü" * 2000

    @pytest.mark.parametrize("end", ["succeed", "fail", "end_cancelled"])
    def test_what_has_ended_does_not_end_again(
        self, running: Job, jobs: JobService, alice: Principal, clock: ManualClock, end: str
    ) -> None:
        ends: dict[str, Callable[[], None]] = {
            "succeed": lambda: jobs.succeed(running.job_id, more=True),
            "fail": lambda: jobs.fail(running.job_id, ModelyardError("late", code="late")),
            "end_cancelled": lambda: jobs.end_cancelled(running.job_id),
        }
        ends[end]()
        ended, said = jobs.get(alice, running.job_id), jobs.log(running.job_id).read(0)
        clock.sleep(1)
        for again in ends.values():
            again()
        jobs.enter(running.job_id, Phase.REGISTERING, more=True)
        assert jobs.get(alice, running.job_id) == ended
        assert jobs.log(running.job_id).read(0) == said

    def test_the_last_line_of_the_log_stands_there_before_the_end_is_seen(
        self, running: Job, jobs: JobService, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        move = jobs._move

        def look(*args: Any) -> None:
            seen.append(jobs.log(running.job_id).read(0).content)
            move(*args)

        monkeypatch.setattr(jobs, "_move", look)
        jobs.succeed(running.job_id)
        assert seen == [b"done\n"]

    def test_every_move_leaves_one_entry_in_the_audit_log(
        self, running: Job, jobs: JobService, alice: Principal, audit: AuditLog
    ) -> None:
        jobs.succeed(running.job_id)
        entries = audit.entries(alice.tenant_id, subject=f"jobs/{running.job_id}")
        assert [(entry.action, entry.before, entry.after) for entry in entries[1:]] == [
            ("job.running", {"status": "queued"}, {"status": "running", "model_name": running.model_name}),
            ("job.succeeded", {"status": "running"}, {"status": "succeeded", "model_name": running.model_name}),
        ]
        assert {entry.actor for entry in entries} == {"alice"}
