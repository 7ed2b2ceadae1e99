"""What every adapter of `Runner` keeps."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.adapters.runner import FakeRunner, LocalRunner
from modelyard.isolation import IsolationChoice, choose_isolation
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.runner import Limits, Runner, RunOutcome, RunPhase, RunSpec

WAITING = """
import pathlib, time
print("started")
while not pathlib.Path("end").exists():
    time.sleep(0.01)
exec(pathlib.Path("end").read_text())
"""
LIMITS = Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)


@dataclass(frozen=True)
class Subject:
    """An adapter under test with a run that waits, and the ways in which that run can end."""

    runner: Runner
    spec: RunSpec
    finish: Callable[[], None]
    fail: Callable[[], None]

    @property
    def folder(self) -> Path:
        return self.spec.folder

    def ended(self) -> RunOutcome:
        """Wait for the run's end."""
        deadline = time.monotonic() + 30
        while (outcome := self.runner.observe(self.folder)).phase is RunPhase.RUNNING:
            assert time.monotonic() < deadline, "the run does not end"
            time.sleep(0.01)
        return outcome


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    return RunSpec(
        run_key="job-1",
        folder=tmp_path / "run",
        python=Path(sys.executable),
        script_name="train.py",
        script_content=WAITING,
        environment={"HOME": str(tmp_path / "run" / "work")},
        limits=LIMITS,
    )


@pytest.fixture(params=["local", "confined", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.getfixturevalue(f"{request.param}_subject")
    return made


@pytest.fixture
def local_subject(spec: RunSpec) -> Iterator[Subject]:
    yield from _subject(LocalRunner(grace_seconds=2, isolation=NO_ISOLATION), spec)


@pytest.fixture
def confined_subject(spec: RunSpec) -> Iterator[Subject]:
    """As it is unless the operator decides otherwise."""
    isolation = choose_isolation(IsolationChoice.AUTO, home=spec.folder.parent)
    yield from _subject(LocalRunner(grace_seconds=2, isolation=isolation), spec)


def _subject(runner: LocalRunner, spec: RunSpec) -> Iterator[Subject]:

    def end(statement: str) -> None:
        beside = spec.folder / "work" / "beside"
        beside.write_text(statement)
        beside.rename(spec.folder / "work" / "end")

    yield Subject(
        runner=runner, spec=spec, finish=lambda: end("print('good')"), fail=lambda: end("raise ValueError('not good')")
    )
    runner.cancel(spec.folder)


@pytest.fixture
def fake_subject(spec: RunSpec) -> Subject:
    runner = FakeRunner()

    def fail() -> None:
        runner.finish(spec.folder, exit_code=1, reason="ValueError: not good", output="ValueError: not good\n")

    return Subject(runner=runner, spec=spec, finish=lambda: runner.finish(spec.folder, output="good\n"), fail=fail)


class TestRunner:
    def test_a_run_that_was_never_started_is_unknown(self, subject: Subject) -> None:
        assert subject.runner.observe(subject.folder) == RunOutcome(RunPhase.UNKNOWN)
        assert not subject.folder.exists()

    def test_a_started_run_runs_until_it_ends(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        assert subject.runner.observe(subject.folder) == RunOutcome(RunPhase.RUNNING)

        subject.finish()

        assert subject.ended() == RunOutcome(RunPhase.FINISHED, exit_code=0, reason=None)

    def test_a_failed_run_says_why(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.fail()

        assert subject.ended() == RunOutcome(RunPhase.FINISHED, exit_code=1, reason="ValueError: not good")

    def test_the_log_is_there_from_the_start_and_holds_what_was_written(self, subject: Subject) -> None:
        log = subject.runner.log_path(subject.folder)
        subject.runner.start(subject.spec)
        assert log.exists()

        subject.finish()
        subject.ended()

        assert log.read_text().splitlines()[-1] == "good"

    def test_a_run_that_runs_is_not_started_again(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.runner.start(subject.spec)
        subject.finish()
        subject.ended()

        assert subject.runner.log_path(subject.folder).read_text().count("good") == 1

    def test_a_run_that_has_ended_is_not_started_again(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.fail()
        ended = subject.ended()

        subject.runner.start(subject.spec)

        assert subject.runner.observe(subject.folder) == ended

    def test_many_that_start_one_run_at_once_start_it_once(self, subject: Subject) -> None:
        with ThreadPoolExecutor(8) as threads:
            for call in [threads.submit(subject.runner.start, subject.spec) for _ in range(8)]:
                call.result()
        subject.finish()
        subject.ended()

        assert subject.runner.log_path(subject.folder).read_text().count("good") == 1

    def test_a_cancelled_run_has_ended_when_cancel_returns(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)

        subject.runner.cancel(subject.folder)

        outcome = subject.runner.observe(subject.folder)
        assert outcome == RunOutcome(RunPhase.FINISHED, exit_code=-15, reason="The run was cancelled.")

    def test_cancelling_twice_is_cancelling_once(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        with ThreadPoolExecutor(2) as threads:
            for call in [threads.submit(subject.runner.cancel, subject.folder) for _ in range(2)]:
                call.result()
        ended = subject.runner.observe(subject.folder)

        subject.runner.cancel(subject.folder)

        assert subject.runner.observe(subject.folder) == ended

    def test_cancelling_after_the_end_changes_nothing(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        ended = subject.ended()

        subject.runner.cancel(subject.folder)

        assert subject.runner.observe(subject.folder) == ended

    def test_a_run_whose_files_were_removed_still_says_how_it_ended(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        ended = subject.ended()
        for _ in range(2):
            subject.runner.discard(subject.folder)
        assert not (subject.folder / "work").exists()
        assert subject.runner.log_path(subject.folder).exists()
        assert subject.runner.observe(subject.folder) == ended

    def test_cancelling_what_was_never_started_does_not_prevent_its_start(self, subject: Subject) -> None:
        subject.runner.cancel(subject.folder)

        subject.runner.start(subject.spec)
        subject.finish()

        assert subject.ended().exit_code == 0
