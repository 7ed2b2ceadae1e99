"""Runs in real containers: what of them is private, what is limited, and what outlives whom."""

import gc
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from container_runs import EMPTY_LOCK, ContainerRuns, container_runs

from modelyard.adapters.docker import DockerEngine, EngineOptions
from modelyard.adapters.runner.agent.client import AgentClient, HttpLine
from modelyard.adapters.runner.agent.exchange import WORK_FOLDER
from modelyard.adapters.runner.docker import HOST_NETWORK, ContainerOptions, DockerHost
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.file_tree import MemoryTree
from modelyard.ports.environments import Lock
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec

KEY = "job-1/1"
LIMITS = Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)
WAITING = "import time\nprint('started', flush=True)\ntime.sleep(300)\n"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerRuns]:
    with container_runs(tmp_path_factory.mktemp("engine")) as runs:
        yield runs


@pytest.fixture
def runner(containers: ContainerRuns, tmp_path: Path) -> Iterator[HostedRunner]:
    runner = containers.runner(tmp_path)
    yield runner
    runner.cancel(KEY)
    runner.forget(KEY)
    assert containers.containers() == []


def make_spec(script: str) -> RunSpec:
    return RunSpec(
        run_key=KEY,
        python_environment=EMPTY_LOCK.digest,
        script_name="train.py",
        script_content=script,
        environment={"LANG": "C.UTF-8"},
        limits=LIMITS,
    )


def until(runner: HostedRunner, fact: Callable[[RunOutcome], bool]) -> RunOutcome:
    deadline = time.monotonic() + 60
    while not fact(outcome := runner.observe(KEY)):
        assert time.monotonic() < deadline, f"the run is {outcome}: {log_of(runner)}"
        time.sleep(0.05)
    return outcome


def ended(runner: HostedRunner) -> RunOutcome:
    return until(runner, lambda outcome: outcome.phase is not RunPhase.RUNNING)


RUN = f"/{WORK_FOLDER}/runs/{KEY.replace('/', '/run-')}"
"""The folder of the run in its container."""


def log_of(runner: HostedRunner) -> str:
    return runner.read_log(KEY, 0).content.decode()


class TestPrivacy:
    def test_a_script_is_no_root_and_writes_only_to_its_own_folders(self, runner: HostedRunner) -> None:
        script = f"""
import os, pathlib, tempfile
print(os.getuid(), os.getcwd() == os.environ["HOME"], tempfile.gettempdir() == os.environ["TMPDIR"])
for place in ("/x", "/opt/modelyard/x", "/opt/modelyard-agent/x", "/{WORK_FOLDER}/x", "{RUN}/outcome.json"):
    try:
        pathlib.Path(place).write_text("x")
        print("wrote", place)
    except OSError as error:
        print("refused")
pathlib.Path("mine").write_text("x")
print(open("/proc/self/status").read())
"""
        runner.start(make_spec(script))
        assert ended(runner).exit_code == 0
        lines = log_of(runner).splitlines()
        assert lines[0] == "65532 True True"
        assert lines[1:6] == ["refused"] * 5
        assert "CapEff:\t0000000000000000" in lines
        assert "NoNewPrivs:\t1" in lines

    def test_a_script_sees_neither_the_token_nor_the_secrets_of_the_agent(self, runner: HostedRunner) -> None:
        script = """
import os, pathlib
print(sorted(name for name in os.environ if name.startswith("MODELYARD")))
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if int(process.name) == os.getpid():
        continue
    for name in ("environ", "mem", "maps", "fd"):
        try:
            list((process / name).iterdir()) if name == "fd" else (process / name).open("rb").read(10)
            print("read", process / name)
        except OSError:
            pass
for place in pathlib.Path("/work").rglob("*"):
    try:
        if place.is_file() and b"very-secret" in place.read_bytes():
            print("found in", place)
    except OSError:
        pass
"""
        runner.start(replace(make_spec(script), secrets={"KEY": "very-secret-indeed"}))
        assert ended(runner).exit_code == 0
        assert log_of(runner) == "[]\n"

    def test_secrets_reach_the_script_and_no_log_and_no_description_of_the_container(
        self, runner: HostedRunner, containers: ContainerRuns, tmp_path: Path
    ) -> None:
        script = "import os\nprint('key', os.environ['KEY'], flush=True)\nimport time\ntime.sleep(300)\n"
        runner.start(replace(make_spec(script), secrets={"KEY": "very-secret-indeed"}))
        until(runner, lambda _: "key" in log_of(runner))
        assert log_of(runner) == "key ***\n"
        command = [*containers.docker, "inspect", containers.containers()[0]]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "very-secret" not in shown
        assert json.loads(shown)[0]["HostConfig"]["ReadonlyRootfs"]
        assert not [place for place in tmp_path.rglob("*") if place.is_file() and b"very-secret" in place.read_bytes()]

    def test_the_agent_answers_nobody_without_the_token(self, runner: HostedRunner, containers: ContainerRuns) -> None:
        runner.start(make_spec(WAITING))
        until(runner, lambda _: log_of(runner) == "started\n")
        agent: AgentClient = containers.host().agent(containers.containers()[0], "wrong")
        assert isinstance(agent._line, HttpLine)
        address = agent._line._address
        for method, path in (("GET", "state"), ("GET", "log?offset=0"), ("GET", "files"), ("POST", "cancel")):
            assert httpx.request(method, f"{address}/{path}", headers={"X-Modelyard-Run-Token": "x"}).status_code == 401
            assert httpx.request(method, f"{address}/{path}").status_code == 401
        assert runner.observe(KEY).phase is RunPhase.RUNNING


class TestLimits:
    def test_a_script_that_needs_too_much_memory_ends_with_that_reason(self, runner: HostedRunner) -> None:
        limits = replace(LIMITS, memory_bytes=100 * 2**20)
        runner.start(replace(make_spec("x = bytearray(400 * 2**20)\nimport time\ntime.sleep(30)\n"), limits=limits))
        outcome = ended(runner)
        assert outcome.exit_code not in {0, None}
        assert outcome.reason is not None
        assert "memory" in outcome.reason

    def test_a_script_that_runs_too_long_ends_with_that_reason(self, runner: HostedRunner) -> None:
        runner.start(replace(make_spec(WAITING), limits=replace(LIMITS, seconds=1)))
        assert ended(runner).reason == "The script ran longer than its limit of 1 seconds."

    def test_what_is_written_beyond_the_limit_is_dropped(self, runner: HostedRunner) -> None:
        limits = replace(LIMITS, output_bytes=1000)
        runner.start(replace(make_spec("print('x' * 100_000)"), limits=limits))
        assert ended(runner).exit_code == 0
        assert "[The log is full at 1000 B" in log_of(runner)
        assert len(log_of(runner)) < 2000


class TestOutliving:
    def test_another_control_plane_goes_on_with_the_log_and_the_end(
        self, runner: HostedRunner, containers: ContainerRuns, tmp_path: Path
    ) -> None:
        script = """
import pathlib, time
print("before", flush=True)
while not pathlib.Path("end").exists():
    time.sleep(0.05)
print("after")
pathlib.Path("features").mkdir()
pathlib.Path("features/ratio.py").write_text("VALUE = 1")
"""
        runner.start(make_spec(script))
        until(runner, lambda _: log_of(runner) == "before\n")
        containers.execute(containers.containers()[0], f"open('{RUN}/{WORK_FOLDER}/end', 'w')")
        time.sleep(2)  # The run ends while no control plane looks.

        anew = containers.runner(tmp_path)
        anew.start(make_spec("print('never')"))
        assert ended(anew) == RunOutcome(RunPhase.FINISHED, exit_code=0)

        assert containers.containers() == []
        assert log_of(anew) == "before\nafter\n"
        assert anew.files(KEY, "features") == ["features/ratio.py"]
        with anew.open_file(KEY, "features/ratio.py") as file:
            assert file.read() == b"VALUE = 1"

    def test_a_control_plane_that_was_killed_before_it_sent_the_run_sends_it_later(
        self, containers: ContainerRuns, runner: HostedRunner, tmp_path: Path
    ) -> None:
        runner.start(make_spec("print('once')"))  # Its agent is not up yet, so nothing was sent.
        assert log_of(runner) == ""
        anew = containers.runner(tmp_path)
        time.sleep(1)
        assert anew.observe(KEY) == RunOutcome(RunPhase.RUNNING)

        anew.start(make_spec("print('once')"))

        assert ended(anew).exit_code == 0
        assert log_of(anew) == "once\n"

    def test_a_run_whose_container_is_gone_is_lost(self, runner: HostedRunner, containers: ContainerRuns) -> None:
        runner.start(make_spec(WAITING))
        until(runner, lambda _: log_of(runner) == "started\n")
        subprocess.run([*containers.docker, "rm", "--force", "--volumes", *containers.containers()], check=True)
        assert ended(runner) == RunOutcome(RunPhase.LOST)
        runner.cancel(KEY)
        assert runner.observe(KEY) == RunOutcome(RunPhase.LOST)
        assert log_of(runner) == "started\n"

    def test_a_run_whose_supervisor_was_killed_is_lost_and_leaves_nothing(
        self, runner: HostedRunner, containers: ContainerRuns
    ) -> None:
        runner.start(make_spec(WAITING))
        until(runner, lambda _: log_of(runner) == "started\n")
        killing = f"""
import json, os
os.kill(json.load(open('{RUN}/started.json'))['pid'], 9)
"""
        containers.execute(containers.containers()[0], killing)
        assert ended(runner) == RunOutcome(RunPhase.LOST)
        runner.cancel(KEY)
        assert containers.containers() == []
        assert runner.observe(KEY) == RunOutcome(RunPhase.LOST)

    def test_nobody_comes_for_what_is_held_and_the_agent_ends(
        self, containers: ContainerRuns, runner: HostedRunner, tmp_path: Path
    ) -> None:
        options = ContainerOptions(network=HOST_NETWORK, grace_seconds=2, hold_seconds=1)
        hasty = containers.runner(tmp_path, containers.host(options))
        hasty.start(make_spec("print('good')"))
        command = [*containers.docker, "wait", containers.containers()[0]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert hasty.observe(KEY).phase is RunPhase.LOST

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # A socket that the SDK leaves.
    def test_a_run_goes_on_while_the_engine_is_away(
        self, containers: ContainerRuns, runner: HostedRunner, tmp_path: Path
    ) -> None:
        runner.start(make_spec(WAITING))
        until(runner, lambda _: log_of(runner) == "started\n")
        away = replace(containers, docker=[*containers.docker[:-1], f"unix://{tmp_path}/none.sock"])
        elsewhere = away.runner(tmp_path)
        assert elsewhere.observe(KEY) == RunOutcome(RunPhase.RUNNING)
        with pytest.raises(Unavailable):
            elsewhere.cancel(KEY)
        assert runner.observe(KEY) == RunOutcome(RunPhase.RUNNING)
        gc.collect()


class TestOthers:
    def test_a_container_of_another_installation_is_left_alone(
        self, containers: ContainerRuns, runner: HostedRunner
    ) -> None:
        runner.start(make_spec(WAITING))
        name = containers.containers()[0]
        other: DockerHost = replace(containers, installation="installation-2").host()
        with pytest.raises(Conflict, match="not this installation's"):
            other.remove(name)
        assert containers.containers() == [name]

    def test_a_run_whose_image_is_not_there_is_not_started(self, containers: ContainerRuns, tmp_path: Path) -> None:
        runner = containers.runner(tmp_path)
        with pytest.raises(Unavailable) as refused:
            runner.start(replace(make_spec(WAITING), python_environment="0" * 64))
        assert refused.value.code == "run_image_absent"
        assert runner.observe(KEY) == RunOutcome(RunPhase.UNKNOWN)
        runner.forget(KEY)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (ContainerOptions(network="no-such-network"), "network no-such-network not found"),
            (ContainerOptions(network=HOST_NETWORK, cpus=5000), "CPUs"),
        ],
    )
    def test_what_the_engine_refuses_ends_the_job_with_its_words(
        self, containers: ContainerRuns, runner: HostedRunner, tmp_path: Path, options: ContainerOptions, said: str
    ) -> None:
        with pytest.raises(Invalid, match=f"the Docker engine refuses the run's container: .*{said}"):
            containers.runner(tmp_path, containers.host(options)).start(make_spec(WAITING))
        assert runner.observe(KEY).phase is RunPhase.UNKNOWN

    def test_an_agent_that_cannot_be_reached_ends_the_run_with_that_reason(
        self, containers: ContainerRuns, runner: HostedRunner, tmp_path: Path
    ) -> None:
        class Unreachable(DockerHost):
            def _port(self, name: str) -> int:
                return 1

        options = ContainerOptions(network=HOST_NETWORK, grace_seconds=2)
        engine = DockerEngine("docker", EngineOptions(host=containers.docker[-1]))
        host = Unreachable(engine, containers.images, installation=lambda: containers.installation, options=options)
        lost = containers.runner(tmp_path, host, start_seconds=2)
        lost.start(make_spec(WAITING))
        outcome = ended(lost)
        host.close()
        assert outcome.phase is RunPhase.FINISHED
        assert outcome.reason is not None
        assert outcome.reason.startswith("The run did not begin in 2 seconds")
        assert containers.containers() == []

    def test_inputs_are_read_only_and_their_variables_name_them(self, runner: HostedRunner) -> None:
        script = """
import os, pathlib
place = pathlib.Path(os.environ["DATA"])
print((place / "deep/rows.csv").read_text(), os.access(place / "run.sh", os.X_OK))
try:
    (place / "new").write_text("x")
    print("wrote")
except OSError:
    print("refused")
"""
        data = MemoryTree({"deep/rows.csv": b"1,2", "run.sh": b"#!/bin/sh\n"})
        runner.start(replace(make_spec(script), inputs={"DATA": data}))
        assert ended(runner).exit_code == 0
        assert log_of(runner) == "1,2 False\nrefused\n"

    def test_preparing_twice_is_preparing_once(self, containers: ContainerRuns) -> None:
        lines: list[str] = []
        containers.host().prepare(EMPTY_LOCK, log=lines.append)
        assert lines == []

    def test_images_that_the_layout_has_no_more_leave_the_engine(self, containers: ContainerRuns) -> None:
        def loaded() -> set[str]:
            command = [*containers.docker, "images", "--format", "{{.Repository}}:{{.Tag}}"]
            return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

        subprocess.run([*containers.docker, "tag", next(iter(loaded())), "somebody/else:1"], check=True)
        before = loaded()
        other = Lock("# python: 3.11\n# another\n", "2" * 64)
        containers.host().prepare(other, log=print)
        (added,) = loaded() - before
        image = containers.images.find(other.digest)
        assert image is not None
        containers.images.layout.remove(image.descriptor.digest)
        containers.host().prepare(Lock("# python: 3.11\n# a third\n", "3" * 64), log=print)
        assert added not in loaded()
        assert before <= loaded()

    def test_a_python_on_which_the_agent_does_not_run_is_refused(self, containers: ContainerRuns) -> None:
        with pytest.raises(Exception, match=r"expected a Python from 3\.11 for a run in a container, got 3\.9"):
            containers.host().prepare(Lock("# python: 3.9\n", "1" * 64), log=print)
