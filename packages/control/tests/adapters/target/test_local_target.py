"""The local target on real processes: what it hands down, what it says, and what crashes do."""

import json
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from modelyard.adapters.target.bundles import PlacedBundle
from modelyard.adapters.target.local import LocalTarget
from modelyard.adapters.target.local_observation import observed
from modelyard.adapters.target.local_options import LocalOptions
from modelyard.adapters.target.server_files import ServerFiles
from modelyard.errors import Invalid, Unavailable
from modelyard.home import Home
from modelyard.isolation import IsolationChoice, choose_isolation, landlock
from modelyard.ports.target import (
    ArtifactAbsent,
    BundleArtifact,
    ImageArtifact,
    Resources,
    ServerKey,
    ServerObservation,
    ServerSpec,
    ServerState,
    Target,
)
from modelyard.supervision.generations import is_alive
from modelyard.supervision.supervisor import ProgramState, Supervisor

Until = Callable[..., None]
MakeTarget = Callable[..., LocalTarget]
Remove = Callable[[Target, str], None]


@pytest.fixture
def target(make_target: MakeTarget) -> LocalTarget:
    return make_target()


@pytest.fixture
def ready(target: LocalTarget, spec: ServerSpec, until: Until) -> ServerObservation:
    target.apply(spec)
    until(lambda: target.observe("d-1", 1).state is ServerState.READY)
    return target.observe("d-1", 1)


def ask(observation: ServerObservation) -> dict[str, Any]:
    assert observation.url is not None
    answer: dict[str, Any] = httpx.get(observation.url, trust_env=False).json()
    return answer


def server_pid(home: Home) -> int:
    return int(json.loads((home.servers / "d-1" / "status.json").read_text())["pid"])


class TestWhatAServerIsGiven:
    def test_its_environment_holds_nothing_of_ours_and_no_secret(
        self, target: LocalTarget, spec: ServerSpec, until: Until, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MODELYARD_TOKEN", "secret")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        environment = ask(target.observe("d-1", 1))["environment"]
        assert environment["OMP_NUM_THREADS"] == "3"
        assert environment["PATH"] == os.environ["PATH"]
        assert "secret" not in environment.values()
        assert not [name for name in environment if name.startswith(("MODELYARD", "SUPERVISOR", "AWS"))]

    def test_callers_are_given_the_host_that_the_operator_says(
        self, make_target: MakeTarget, spec: ServerSpec, home: Home, until: Until
    ) -> None:
        options = LocalOptions.model_validate({"host": "0.0.0.0", "url_host": "127.0.0.2"})  # Of this machine.
        target = make_target(options=options, server_settings={"allowed_hosts": "models.example.com"})
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == f"http://127.0.0.2:{spec.port}"
        assert target.observe_all()[ServerKey("d-1", 1)].url == f"http://127.0.0.2:{spec.port}"
        assert ask(target.observe("d-1", 1))
        settings = json.loads((home.servers / "d-1" / "server.json").read_text())
        assert settings["allowed_hosts"] == "models.example.com,127.0.0.2"

    def test_it_runs_behind_the_management_api_in_the_scheduler(self, ready: ServerObservation) -> None:
        assert ask(ready)["nice"] > os.nice(0)

    def test_a_memory_limit_is_passed_to_the_server(
        self, target: LocalTarget, spec: ServerSpec, home: Home, until: Until
    ) -> None:
        target.apply(replace(spec, resources=Resources(memory_bytes=300 * 1024 * 1024)))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        command = psutil.Process(server_pid(home)).cmdline()
        assert command[command.index("--max-memory-mb") + 1] == "300"

    def test_a_memory_limit_that_changes_replaces_the_server_at_the_same_address(
        self, target: LocalTarget, spec: ServerSpec, home: Home, ready: ServerObservation, until: Until
    ) -> None:
        first = server_pid(home)
        target.apply(replace(spec, resources=Resources(memory_bytes=300 * 1024 * 1024)))
        until(lambda: server_pid(home) != first and target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == ready.url
        assert not is_alive(first)

    def test_an_id_that_is_a_path_is_refused(self, target: LocalTarget, spec: ServerSpec) -> None:
        with pytest.raises(ValueError, match="id is letters"):
            target.apply(replace(spec, deployment_id="../other"))


class TestPortsOfServers:
    def test_twenty_at_once_have_the_ports_that_they_were_given(
        self, target: LocalTarget, spec: ServerSpec, first_port: int
    ) -> None:
        def apply(number: int) -> None:
            target.apply(replace(spec, deployment_id=f"d-{number}", port=first_port + number))

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(apply, range(20)))
        urls = [target.observe(f"d-{number}", 1).url for number in range(20)]
        assert urls == [f"http://127.0.0.1:{first_port + number}" for number in range(20)]

    def test_a_port_where_another_program_listens_is_said_so_and_nothing_is_started(
        self, target: LocalTarget, spec: ServerSpec, first_port: int
    ) -> None:
        with (
            socket.create_server(("127.0.0.1", first_port)),
            pytest.raises(Unavailable, match=f"Port {first_port}, which is the address of 'd-1', is in use"),
        ):
            target.apply(spec)
        assert target.observe_all() == {}


class TestAModelsCode:
    @pytest.mark.skipif(not landlock.abi_version(), reason="the kernel has no Landlock")
    def test_it_sees_its_bundle_and_neither_our_secrets_nor_another_bundle(
        self, home: Home, make_target: MakeTarget, spec: ServerSpec, until: Until
    ) -> None:
        target = make_target(isolation=choose_isolation(IsolationChoice.REQUIRED, home=home.root))
        bundles = [home.bundles / "default" / name / "1" for name in ("iris", "fraud")]
        for bundle in bundles:
            bundle.mkdir(parents=True, exist_ok=True)
            (bundle / "model.txt").write_text("a model")
        home.token_file.write_text("secret")
        python = home.environment("e" * 64) / "bin" / "python"
        server = python.with_name("modelyard-serve")  # As in an environment, it names its own interpreter.
        server.write_text(server.read_text().replace(sys.executable, str(python), 1))
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        url = target.observe("d-1", 1).url

        def read(path: Path) -> str:
            return str(httpx.get(f"{url}?read={path}", trust_env=False).json()["read"])

        assert read(bundles[0] / "model.txt") == "a model"
        refused = [read(path) for path in (bundles[1] / "model.txt", home.token_file, home.supervisor / "password")]
        assert set(refused) <= {"PermissionError", "FileNotFoundError"}


class TestWhatIsSaid:
    def test_a_bundle_that_vanishes_is_the_reason_of_the_failure(
        self, make_target: MakeTarget, spec: ServerSpec, home: Home, until: Until
    ) -> None:
        gone = home.bundles / "gone"
        python = home.environment("e" * 64) / "bin" / "python"
        target = make_target(find_bundle=lambda _: PlacedBundle(gone, python))
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        seen = target.observe("d-1", 1)
        assert seen.reason == f"It ends before it can report: There is no bundle at {gone}."

    def test_a_bundle_with_other_files_than_the_specs_is_not_taken(
        self, target: LocalTarget, spec: ServerSpec, artifact: BundleArtifact
    ) -> None:
        with pytest.raises(ArtifactAbsent, match="its bundle is not on this machine"):
            target.apply(replace(spec, artifact=replace(artifact, digest="0" * 64)))
        with pytest.raises(ArtifactAbsent, match="the Python environment of its bundle is not on this machine"):
            target.apply(replace(spec, artifact=replace(artifact, environment="0" * 64)))
        with pytest.raises(ValueError, match="A bundle's name is"):
            target.apply(replace(spec, artifact=replace(artifact, name="../../etc")))
        assert target.observe_all() == {}

    def test_an_image_is_refused(self, target: LocalTarget, spec: ServerSpec) -> None:
        models = "registry.example.com/models"
        image = ImageArtifact(f"{models}@sha256:0", image_id="sha256:1", name=f"{models}:one-v1")
        with pytest.raises(Invalid, match="this target runs bundles, got an image"):
            target.apply(replace(spec, artifact=image))

    def test_a_command_that_is_not_there_is_the_reason_of_the_failure(
        self, target: LocalTarget, spec: ServerSpec, home: Home, until: Until
    ) -> None:
        (home.environment("e" * 64) / "bin" / "modelyard-serve").unlink()
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        assert "modelyard-serve cannot be started: No such file" in str(target.observe("d-1", 1).reason)

    def test_the_log_holds_what_the_server_wrote_and_outlives_it(
        self, target: LocalTarget, home: Home, ready: ServerObservation, remove: Remove
    ) -> None:
        remove(target, "d-1")
        assert b"stand-in serves " in target.read_log("d-1", 1, 0).content
        assert sorted(path.name for path in (home.servers / "d-1").iterdir()) == ["lock", "server.log"]

    def test_a_server_that_hangs_is_not_said_to_be_ready(
        self, target: LocalTarget, home: Home, ready: ServerObservation
    ) -> None:
        pid = server_pid(home)
        os.kill(pid, signal.SIGSTOP)
        try:
            status = home.servers / "d-1" / "status.json"
            old = json.loads(status.read_text())
            old["updated_at"] = (datetime.now(UTC) - timedelta(seconds=60)).isoformat()
            status.write_text(json.dumps(old))
            seen = target.observe("d-1", 1)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert seen.state is ServerState.FAILED
        assert seen.reason == "It has not reported for 60 s; its address does not answer."

    def test_servers_that_hang_are_asked_at_once(
        self, target: LocalTarget, spec: ServerSpec, home: Home, ready: ServerObservation,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Two that are asked only once both are."""
        assert spec.port is not None
        target.apply(replace(spec, deployment_id="d-2", port=spec.port + 1))
        together = threading.Barrier(2, timeout=20)

        def observed_together(files: ServerFiles, url: str, program: ProgramState | None) -> ServerObservation:
            together.wait()
            return observed(files, url, program)

        with monkeypatch.context() as patched:
            patched.setattr("modelyard.adapters.target.local.observed", observed_together)
            assert set(target.observe_all()) == {("d-1", 1), ("d-2", 1)}


class TestReplicasOfAServerThatIsStarting:
    def test_they_change_without_a_restart_once_it_has_reported(
        self, target: LocalTarget, spec: ServerSpec, supervisor: Supervisor, until: Until,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        sent: list[str] = []
        send = supervisor.signal

        def record(name: str, signal_name: str) -> None:
            sent.append(signal_name)
            send(name, signal_name)

        monkeypatch.setattr(supervisor, "signal", record)
        one = replace(spec, environment={"STAND_IN_IMPORT_SECONDS": "2"})
        two = replace(one, replicas=2)
        target.apply(one)
        until(lambda: b"stand-in serves " in target.read_log("d-1", 1, 0).content)
        started = supervisor.state("server-d-1")
        target.apply(two)
        seen = target.observe("d-1", 1)
        assert (sent, seen.state, seen.fingerprint) == ([], ServerState.STARTING, two.fingerprint)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert len(target.observe("d-1", 1).replicas) == 1  # It had read its configuration, so the next pass differs.
        target.apply(two)
        until(lambda: len(target.observe("d-1", 1).replicas) == 2)
        ready = supervisor.state("server-d-1")
        assert sent == ["HUP"]
        assert started is not None
        assert ready is not None
        assert started.pid == ready.pid

    def test_a_hangup_before_it_handles_signals_does_not_end_it(
        self, target: LocalTarget, spec: ServerSpec, supervisor: Supervisor, home: Home, until: Until
    ) -> None:
        target.apply(replace(spec, environment={"STAND_IN_IMPORT_SECONDS": "1"}))
        until(lambda: b"stand-in serves " in target.read_log("d-1", 1, 0).content)
        started = supervisor.state("server-d-1")
        supervisor.signal("server-d-1", "HUP")
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert started is not None
        assert server_pid(home) == started.pid


class TestCrashes:
    def test_a_killed_server_comes_back_at_its_address_and_leaves_no_worker(
        self, target: LocalTarget, home: Home, ready: ServerObservation, until: Until
    ) -> None:
        first, worker = server_pid(home), ready.replicas[0].pid
        assert worker is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: server_pid(home) != first and target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == ready.url
        assert not is_alive(worker)

    def test_without_the_supervisor_a_server_answers_and_says_that_nothing_would_start_it_again(
        self, target: LocalTarget, supervisor: Supervisor, ready: ServerObservation
    ) -> None:
        kill_supervisor(supervisor)
        seen = target.observe("d-1", 1)
        assert seen.state is ServerState.DEGRADED
        assert seen.reason is not None
        assert ask(seen)

    def test_applying_after_the_supervisor_was_killed_leaves_one_server_and_no_orphan(
        self, target: LocalTarget, spec: ServerSpec, home: Home, supervisor: Supervisor, ready: ServerObservation,
        until: Until,
    ) -> None:  # fmt: skip
        first, worker = server_pid(home), ready.replicas[0].pid
        assert worker is not None
        kill_supervisor(supervisor)
        target.apply(spec)
        until(lambda: server_pid(home) != first and target.observe("d-1", 1).state is ServerState.READY)
        assert not is_alive(first)
        assert not is_alive(worker)
        assert target.observe("d-1", 1).url == ready.url

    def test_one_that_ended_without_the_supervisor_is_seen_beside_the_others_and_applying_it_brings_all_back(
        self, target: LocalTarget, spec: ServerSpec, home: Home, supervisor: Supervisor, ready: ServerObservation,
        until: Until,
    ) -> None:  # fmt: skip
        assert spec.port is not None
        other = replace(spec, deployment_id="d-2", port=spec.port + 1)
        target.apply(other)
        until(lambda: target.observe("d-2", 1).state is ServerState.READY)
        first = server_pid(home)
        kill_supervisor(supervisor)
        psutil.Process(first).kill()
        until(lambda: not is_alive(first))
        seen = target.observe_all()
        ended = seen[ServerKey("d-1", 1)]
        assert (ended.state, ended.url, ended.fingerprint) == (ServerState.STARTING, ready.url, None)
        assert ended.reason == "The process supervisor does not answer, and the server does not report."
        assert seen[ServerKey("d-2", 1)].fingerprint == other.fingerprint
        target.apply(spec)
        until(lambda: {one.state for one in target.observe_all().values()} == {ServerState.READY})

    def test_removing_after_the_supervisor_was_killed_leaves_no_process(
        self, target: LocalTarget, home: Home, supervisor: Supervisor, ready: ServerObservation
    ) -> None:
        first = server_pid(home)
        kill_supervisor(supervisor)
        target.remove("d-1")  # Nobody else would end it, so this waits.
        assert not is_alive(first)
        assert target.observe_all() == {}

    def test_what_was_applied_comes_back_after_a_shut_down(
        self, target: LocalTarget, supervisor: Supervisor, ready: ServerObservation, until: Until
    ) -> None:
        supervisor.shut_down(timeout_seconds=10)
        with pytest.raises(httpx.ConnectError):
            ask(ready)
        supervisor.start()
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == ready.url

    def test_a_removal_that_broke_off_is_finished_by_the_next(
        self, target: LocalTarget, home: Home, ready: ServerObservation, remove: Remove
    ) -> None:
        shutil.rmtree(home.supervisor / "programs")
        remove(target, "d-1")
        assert target.observe("d-1", 1).state is ServerState.ABSENT


def kill_supervisor(supervisor: Supervisor) -> None:
    pid = supervisor.pid()
    assert pid is not None
    daemon = psutil.Process(pid)
    daemon.kill()
    daemon.wait(10)
