"""The law of jobs, held against random lives with crashes between and inside their steps."""

import shutil
import tempfile
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobCancelled, JobService
from modelyard.jobs.states import TRANSITIONS, JobStatus
from modelyard.jobs.workflow import JobSteps, JobWork, Result, workflow
from modelyard.principals import Principal, Role
from modelyard.training.kinds import TRAINING, Phase

ALICE = Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)
STEPS = {"environment": Phase.TRAINING, "train": Phase.TRAINING, "register": Phase.REGISTERING}
KEYS = st.sampled_from([None, "a", "b"])


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


FAULTS = [Crash, JobCancelled, Unavailable, Invalid, LookupError]


class JobLaw(RuleBasedStateMachine):
    """A job ends once, by the ways that the table has, and no finished step of it is done twice, whatever crashes."""

    template: Path
    jobs_made: Bundle[str] = Bundle("jobs_made")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "modelyard.db")
        self.database = Database(f"sqlite:///{self.folder}/modelyard.db")
        self.clock = ManualClock()
        self.audit = AuditLog(database=self.database, clock=self.clock)
        self.engine = InlineJobEngine()
        self.faults: dict[str, BaseException] = {}
        self.finished: Counter[tuple[str, str]] = Counter()
        self.ended: dict[str, Job] = {}
        self.progress: dict[str, float] = {}
        self.keys: dict[str, tuple[str, int]] = {}
        self.start()

    def start(self) -> None:
        """A process begins, the first or the next one after a crash."""
        self.jobs = JobService(
            database=self.database,
            clock=self.clock,
            engine=self.engine,
            audit=self.audit,
            folder=self.folder / "jobs",
            kinds=[TRAINING],
            at_end=lambda *_: None,
        )
        self.engine.register(
            {
                TRAINING.name: workflow(
                    JobWork(TRAINING, self.body, lambda _: None),
                    jobs=self.jobs,
                    clock=self.clock,
                    guarding=nullcontext,
                    check_space=lambda: None,
                )
            }
        )
        self.jobs.resume()

    @rule(target=jobs_made, key=KEYS, number=st.integers(1, 2))
    def ask(self, key: str | None, number: int) -> Any:
        """Somebody asks for a job, perhaps again."""
        request = {"number": number}
        try:
            job = self.jobs.create(
                ALICE, kind=TRAINING, model_name="iris", request=request, idempotency_key=key, experiment_name=None
            )
        except Conflict:
            assert key is not None
            assert self.keys[key][1] != number
            return multiple()
        if key is not None:
            assert self.keys.setdefault(key, (job.job_id, number)) == (job.job_id, number)
        return job.job_id

    @rule(job_id=jobs_made)
    def cancel(self, job_id: str) -> None:
        """Somebody asks for a job's end."""
        try:
            assert self.jobs.cancel(ALICE, job_id).is_cancel_requested
        except Conflict:
            assert job_id in self.ended

    @rule(step=st.sampled_from(list(STEPS)), fault=st.sampled_from(FAULTS))
    def break_at(self, step: str, fault: type[BaseException]) -> None:
        """The next job that comes to this step breaks there, once, or is cancelled while it is there."""
        self.faults[step] = self.error(fault)

    @rule()
    def work(self) -> None:
        """The engine works off one job, or dies over it."""
        try:
            self.engine.run_next()
        except Crash:
            self.start()

    @invariant()
    def ends_are_ends(self) -> None:
        for job in self.jobs.page(ALICE, limit=200).items:
            assert self.progress.get(job.job_id, 0.0) <= job.progress
            self.progress[job.job_id] = job.progress
            if job.is_final:
                assert self.ended.setdefault(job.job_id, job) == job
            else:
                assert job.job_id not in self.ended

    @invariant()
    def every_way_is_in_the_table(self) -> None:
        status: dict[str, JobStatus] = {}
        for entry in self.audit.entries(ALICE.tenant_id):
            if entry.action == "job.queued":
                assert entry.subject not in status
                status[entry.subject] = JobStatus.QUEUED
            elif entry.action != "job.cancel_requested":
                moved = JobStatus(entry.action.removeprefix("job."))
                assert moved in TRANSITIONS[status[entry.subject]]
                status[entry.subject] = moved

    @invariant()
    def finished_steps_are_done_once(self) -> None:
        assert all(times == 1 for times in self.finished.values())

    def teardown(self) -> None:
        self.faults = {}
        while self.engine.run_next():
            pass
        for job in self.jobs.page(ALICE, limit=200).items:
            assert job.is_final
            assert (job.status is JobStatus.SUCCEEDED) <= all(self.finished[job.job_id, step] for step in STEPS)
        self.ends_are_ends()
        self.finished_steps_are_done_once()
        self.database.close()
        shutil.rmtree(self.folder)

    def body(self, steps: JobSteps) -> Result:
        for name, phase in STEPS.items():
            steps.enter(phase)
            self.ends_are_ends()
            steps.run(name, partial(self.step, steps.job.job_id, name))
        return {"model_version": 1}

    def step(self, job_id: str, name: str) -> Result:
        fault = self.faults.pop(name, None)
        if isinstance(fault, JobCancelled):
            self.jobs.cancel(ALICE, job_id)
        elif fault is not None:
            raise fault
        self.finished[job_id, name] += 1
        return {"done": name}

    @staticmethod
    def error(fault: type[BaseException]) -> BaseException:
        if fault is Unavailable:
            return Unavailable("it is away", code="away")
        return Invalid("it is wrong", code="wrong") if fault is Invalid else fault()


class TestJobs:
    def test_a_job_ends_once_and_no_finished_step_is_done_twice(self, sqlite_template: Path) -> None:
        quick = settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        )
        JobLaw.template = sqlite_template
        run_state_machine_as_test(JobLaw, settings=quick)
