"""What every adapter of `Runner` keeps."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from container_runs import EMPTY_LOCK, ContainerRuns, container_runs
from pod_runs import PodRuns, pod_runs

from modelyard.adapters.runner import FakeRunner, LocalRunner
from modelyard.adapters.runner.agent.exchange import WORK_FOLDER
from modelyard.errors import NotFound
from modelyard.file_tree import MemoryTree
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
    def key(self) -> str:
        return self.spec.run_key

    @property
    def log(self) -> str:
        return self.runner.read_log(self.key, 0).content.decode()

    def ended(self) -> RunOutcome:
        """Wait for the run's end. In a pod of a busy machine its start alone takes half a minute."""
        deadline = time.monotonic() + 180
        while (outcome := self.runner.observe(self.key)).phase is RunPhase.RUNNING:
            assert time.monotonic() < deadline, "the run does not end"
            time.sleep(0.01)
        return outcome


@pytest.fixture
def spec() -> RunSpec:
    return RunSpec(
        run_key="job-1/1",
        python_environment="here",
        script_name="train.py",
        script_content=WAITING,
        environment={},
        limits=LIMITS,
    )


@pytest.fixture(params=["local", "confined", "fake", "docker", "kubernetes"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.getfixturevalue(f"{request.param}_subject")
    return made


@pytest.fixture
def local_subject(spec: RunSpec, tmp_path: Path) -> Iterator[Subject]:
    yield from _subject(LocalRunner(tmp_path, python=_python, grace_seconds=2, isolation=NO_ISOLATION), spec)


@pytest.fixture
def confined_subject(spec: RunSpec, tmp_path: Path) -> Iterator[Subject]:
    """As it is unless the operator decides otherwise."""
    isolation = choose_isolation(IsolationChoice.AUTO, home=tmp_path)
    yield from _subject(LocalRunner(tmp_path, python=_python, grace_seconds=2, isolation=isolation), spec)


def _python(_: str) -> Path:
    return Path(sys.executable)


def _subject(runner: LocalRunner, spec: RunSpec) -> Iterator[Subject]:

    def end(statement: str) -> None:
        work = runner.place(spec.run_key).work
        (work / "beside").write_text(statement)
        (work / "beside").rename(work / "end")

    yield Subject(
        runner=runner, spec=spec, finish=lambda: end("print('good')"), fail=lambda: end("raise ValueError('not good')")
    )
    runner.cancel(spec.run_key)


@pytest.fixture
def fake_subject(spec: RunSpec) -> Subject:
    runner = FakeRunner()

    def fail() -> None:
        runner.finish(spec.run_key, exit_code=1, reason="ValueError: not good", output="ValueError: not good\n")

    return Subject(runner=runner, spec=spec, finish=lambda: runner.finish(spec.run_key, output="good\n"), fail=fail)


def asking_for_end(spec: RunSpec, statement: str) -> str:
    """A program that, where an agent runs the run, lets its script end with a statement."""
    work = f"/{WORK_FOLDER}/runs/{spec.run_key.replace('/', '/run-')}/work"
    write = f"open('{work}/beside', 'w').write({statement!r})"
    return f"import os; {write}; os.rename('{work}/beside', '{work}/end')"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerRuns]:
    with container_runs(tmp_path_factory.mktemp("engine")) as runs:
        yield runs


@pytest.fixture
def docker_subject(containers: ContainerRuns, spec: RunSpec, tmp_path: Path) -> Iterator[Subject]:
    runner = containers.runner(tmp_path)

    def end(statement: str) -> None:
        work = f"/{WORK_FOLDER}/runs/{spec.run_key.replace('/', '/run-')}/work"
        while runner.log_size(spec.run_key) == 0:  # It was not sent to its agent yet.
            runner.observe(spec.run_key)
        content = (
            f"import os; open('{work}/beside', 'w').write({statement!r}); os.rename('{work}/beside', '{work}/end')"
        )
        containers.execute(containers.containers()[0], content)

    yield Subject(
        runner=runner,
        spec=replace(spec, python_environment=EMPTY_LOCK.digest),
        finish=lambda: end("print('good')"),
        fail=lambda: end("raise ValueError('not good')"),
    )
    runner.cancel(spec.run_key)
    runner.forget(spec.run_key)
    assert containers.containers() == []


@pytest.fixture(scope="module")
def pods(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodRuns]:
    with pod_runs(real_kubeconfig, tmp_path_factory.mktemp("cluster")) as runs:
        yield runs


@pytest.fixture
def kubernetes_subject(pods: PodRuns, spec: RunSpec, tmp_path: Path) -> Iterator[Subject]:
    runner = pods.runner(tmp_path)

    def end(statement: str) -> None:
        while runner.log_size(spec.run_key) == 0:  # It was not sent to its agent yet.
            runner.observe(spec.run_key)
            time.sleep(0.1)
        pods.execute(asking_for_end(spec, statement))

    yield Subject(
        runner=runner,
        spec=replace(spec, python_environment=EMPTY_LOCK.digest),
        finish=lambda: end("print('good')"),
        fail=lambda: end("raise ValueError('not good')"),
    )
    runner.cancel(spec.run_key)
    runner.forget(spec.run_key)
    assert pods.left() == []


class TestRunner:
    def test_a_run_that_was_never_started_is_unknown(self, subject: Subject) -> None:
        assert subject.runner.observe(subject.key) == RunOutcome(RunPhase.UNKNOWN)
        assert (subject.runner.log_size(subject.key), subject.log) == (0, "")
        assert subject.runner.files(subject.key, "features") == []

    def test_a_started_run_runs_until_it_ends(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        assert subject.runner.observe(subject.key) == RunOutcome(RunPhase.RUNNING)

        subject.finish()

        assert subject.ended() == RunOutcome(RunPhase.FINISHED, exit_code=0, reason=None)

    def test_a_failed_run_says_why(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.fail()

        assert subject.ended() == RunOutcome(RunPhase.FINISHED, exit_code=1, reason="ValueError: not good")

    def test_the_log_holds_what_was_written(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        assert not subject.runner.read_log(subject.key, 0).is_end

        subject.finish()
        subject.ended()

        assert subject.log.splitlines()[-1] == "good"

    def test_the_log_is_read_by_offset_to_its_end(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        subject.ended()

        whole = subject.runner.read_log(subject.key, 0)
        assert whole.next_offset == len(whole.content) == subject.runner.log_size(subject.key)
        assert subject.runner.read_log(subject.key, 3).content == whole.content[3:]
        end = subject.runner.read_log(subject.key, whole.next_offset)
        assert (end.content, end.next_offset, end.is_end) == (b"", whole.next_offset, True)

    def test_files_of_its_project_are_in_its_working_directory_wherever_they_come_from(self, subject: Subject) -> None:
        files = {"features/ratio.py": b"VALUE = 1", "features/rows.csv": b"a", "wait.py": WAITING.encode()}
        spec = replace(subject.spec, script_name="wait.py", script_content=None, project=MemoryTree(files))
        subject.runner.start(spec)
        subject.finish()
        subject.ended()

        assert subject.runner.files(subject.key, "features") == ["features/ratio.py", "features/rows.csv"]
        with subject.runner.open_file(subject.key, "features/ratio.py") as file:
            assert file.read() == b"VALUE = 1"
        with pytest.raises(NotFound), subject.runner.open_file(subject.key, "features/none.py"):
            pass

    def test_a_run_that_is_forgotten_was_never_started(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        subject.ended()
        for _ in range(2):
            subject.runner.forget(subject.key)
        assert subject.runner.observe(subject.key) == RunOutcome(RunPhase.UNKNOWN)
        assert subject.runner.log_size(subject.key) == 0

    def test_a_run_that_runs_is_not_started_again(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.runner.start(subject.spec)
        subject.finish()
        subject.ended()

        assert subject.log.count("good") == 1

    def test_a_run_that_has_ended_is_not_started_again(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.fail()
        ended = subject.ended()

        subject.runner.start(subject.spec)

        assert subject.runner.observe(subject.key) == ended

    def test_many_that_start_one_run_at_once_start_it_once(self, subject: Subject) -> None:
        with ThreadPoolExecutor(8) as threads:
            for call in [threads.submit(subject.runner.start, subject.spec) for _ in range(8)]:
                call.result()
        subject.finish()
        subject.ended()

        assert subject.log.count("good") == 1

    def test_a_cancelled_run_has_ended_when_cancel_returns(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)

        subject.runner.cancel(subject.key)

        outcome = subject.runner.observe(subject.key)
        assert outcome == RunOutcome(RunPhase.FINISHED, exit_code=-15, reason="The run was cancelled.")

    def test_cancelling_twice_is_cancelling_once(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        with ThreadPoolExecutor(2) as threads:
            for call in [threads.submit(subject.runner.cancel, subject.key) for _ in range(2)]:
                call.result()
        ended = subject.runner.observe(subject.key)

        subject.runner.cancel(subject.key)

        assert subject.runner.observe(subject.key) == ended

    def test_cancelling_after_the_end_changes_nothing(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        ended = subject.ended()

        subject.runner.cancel(subject.key)

        assert subject.runner.observe(subject.key) == ended

    def test_a_run_whose_files_were_removed_still_says_how_it_ended(self, subject: Subject) -> None:
        subject.runner.start(subject.spec)
        subject.finish()
        ended = subject.ended()
        for _ in range(2):
            subject.runner.discard(subject.key)
        assert subject.runner.files(subject.key, ".") == []
        assert "good" in subject.log
        assert subject.runner.observe(subject.key) == ended

    def test_cancelling_what_was_never_started_does_not_prevent_its_start(self, subject: Subject) -> None:
        subject.runner.cancel(subject.key)

        subject.runner.start(subject.spec)
        subject.finish()

        assert subject.ended().exit_code == 0
