"""`modelyard up`, `down` and `status` as real commands over real processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from ports import find_free_port

from modelyard.home import Home
from modelyard.local.status import local_processes
from modelyard.supervision.generations import is_alive
from modelyard.supervision.supervisor import Supervisor

pytestmark = pytest.mark.e2e

Until = Callable[..., None]
Processes = Callable[[], list[str]]
COMMAND = str(Path(sys.executable).with_name("modelyard"))


@dataclass(frozen=True)
class Stack:
    """A home with two ports, and the command on it."""

    home: Home
    port: int
    mlflow_port: int
    gateway_port: int
    environment: dict[str, str]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, *words], env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )

    def up(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = self.run("up", "--detach", *self.ports, *words)
        assert done.returncode == 0, done.stderr
        return done

    @contextmanager
    def in_foreground(self) -> "Iterator[subprocess.Popen[str]]":
        """`up` without --detach, at the moment when it shows the log."""
        words = [COMMAND, "up", *self.ports]
        with subprocess.Popen(
            words,
            env=self.environment,
            start_new_session=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as command:
            assert command.stderr is not None
            assert any("Ctrl-C" in line for line in command.stderr)
            yield command

    @property
    def ports(self) -> tuple[str, ...]:
        ports = {"--port": self.port, "--mlflow-port": self.mlflow_port, "--gateway-port": self.gateway_port}
        return tuple(word for flag, port in ports.items() for word in (flag, str(port)))

    @property
    def token(self) -> str:
        return self.home.token_file.read_text().strip()

    def ask(self, path: str, token: str | None = None) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, timeout=10)

    def is_ready(self) -> bool:
        try:
            return self.ask("/health/ready").status_code == 200 and self.mlflow_answers() and self.gateway_answers()
        except httpx.HTTPError:
            return False

    def mlflow_answers(self) -> bool:
        if "MLFLOW_TRACKING_URI" in self.environment:
            return True  # None is started.
        return httpx.get(f"http://127.0.0.1:{self.mlflow_port}/health", trust_env=False).status_code == 200

    def gateway_answers(self) -> bool:
        return httpx.get(f"http://127.0.0.1:{self.gateway_port}/-/ready", trust_env=False).status_code == 200

    def pids(self) -> dict[str, int]:
        return {process["name"]: process["pid"] for process in local_processes(self.home.root)}


def stack_of(home: Home) -> Stack:
    unwanted = ("MODELYARD_", "MLFLOW_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environment["MODELYARD_HOME"] = str(home.root)
    return Stack(home, find_free_port(), find_free_port(), find_free_port(), environment)


@pytest.fixture
def stack(home: Home) -> Iterator[Stack]:
    """A stack that is not up yet."""
    stack = stack_of(home)
    yield stack
    assert stack.run("down").returncode == 0


@pytest.fixture
def light(stack: Stack) -> Stack:
    """Such a stack without a tracking server of its own, which takes longer to start than all the rest."""
    stack.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    return stack


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stack, str]]:
    """A stack for the tests that leave it as it is or see it come back, and what its `up` printed on stdout."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder:
        stack = stack_of(Home(Path(folder) / "home"))
        try:
            yield stack, stack.up("--host", "0.0.0.0").stdout
        finally:
            stack.run("down")


class TestARunningStack:
    def test_up_says_where_it_is_and_gives_the_token_once(self, running: tuple[Stack, str]) -> None:
        stack, said = running
        assert f"http://127.0.0.1:{stack.port}\n" in said
        assert f"http://127.0.0.1:{stack.mlflow_port}\n" in said
        assert f"http://127.0.0.1:{stack.gateway_port}\n" in said
        assert stack.token in said
        assert stack.home.token_file.stat().st_mode & 0o777 == 0o600
        assert stack.is_ready()
        assert stack.ask("/mlops/status").status_code == 401
        assert stack.ask("/mlops/status", stack.token).status_code == 200

    def test_up_again_says_that_it_runs_and_is_a_success(self, running: tuple[Stack, str]) -> None:
        stack, _ = running
        before = stack.pids()
        again = stack.run("up")
        assert again.returncode == 0
        assert "running already" in again.stderr
        assert "It has the settings that it was started with: `modelyard down`, and `up`" in again.stderr
        assert stack.token not in again.stdout
        assert stack.pids() == before

    def test_up_with_another_port_is_a_conflict(self, running: tuple[Stack, str]) -> None:
        stack, _ = running
        other = stack.run("up", "--port", str(find_free_port()))
        assert other.returncode == 6
        assert "`modelyard down`" in other.stderr

    def test_status_names_every_process_with_its_address_and_log(self, running: tuple[Stack, str]) -> None:
        stack, _ = running
        done = stack.run("status", "--output", "json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)["processes"]
        processes = {row["name"]: row for row in rows}
        assert processes["control"]["url"] == f"http://127.0.0.1:{stack.port}"
        assert processes["gateway"]["url"] == f"http://127.0.0.1:{stack.gateway_port}"
        assert processes["mlflow"]["url"] == f"http://127.0.0.1:{stack.mlflow_port}"
        assert {row["state"] for row in rows} == {"running"}
        assert all(psutil.pid_exists(row["pid"]) and Path(row["log_file"]).exists() for row in rows)

    def test_mlflow_keeps_artifacts_in_the_home_and_refuses_other_hosts(self, running: tuple[Stack, str]) -> None:
        stack, _ = running
        base = f"http://127.0.0.1:{stack.mlflow_port}"
        token = stack.home.token_file.read_text().strip()
        asked = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, trust_env=False, timeout=30, headers=asked) as client:
            made = client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0", "start_time": 1})
            run = made.json()["run"]["info"]
            assert run["artifact_uri"].startswith("mlflow-artifacts:/")
            place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
            kept = client.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}/note.txt", content=b"kept")
            assert kept.status_code == 200
            assert client.get("/").status_code == 200
            assert httpx.get(base, trust_env=False).status_code == 401
            assert client.get("/api/2.0/mlflow/runs/get", headers={"Host": "evil.example"}).status_code == 403
            crossing = {"Origin": "https://evil.example"}
            assert client.post("/api/2.0/mlflow/runs/create", json={}, headers=crossing).status_code == 403
        assert [path.read_bytes() for path in (stack.home.mlflow / "artifacts").rglob("note.txt")] == [b"kept"]

    def test_mlflow_listens_on_loopback_alone_whatever_the_control_plane_does(self, running: tuple[Stack, str]) -> None:
        stack, _ = running
        pids = stack.pids()
        assert listening(pids["mlflow"]) == {("127.0.0.1", stack.mlflow_port)}
        assert listening(pids["control"]) == {("0.0.0.0", stack.port)}


class TestUp:
    def test_it_brings_everything_back_on_the_same_ports(self, stack: Stack, processes: Processes) -> None:
        assert re.search(r"Modelyard is ready after \d+\.\d s", stack.up().stderr)
        token = stack.token
        assert stack.run("down").returncode == 0
        assert processes() == []
        done = stack.run("up", "--detach")
        assert done.returncode == 0, done.stderr
        assert token not in done.stdout
        assert stack.ask("/mlops/status", token).status_code == 200

    @pytest.mark.parametrize("flag", ["--port", "--mlflow-port", "--gateway-port"])
    def test_a_busy_port_is_refused_with_its_flag_and_its_owner(
        self, stack: Stack, processes: Processes, flag: str
    ) -> None:
        port = int(stack.ports[stack.ports.index(flag) + 1])
        with socket.create_server(("127.0.0.1", port)):
            done = stack.run("up", "--detach", *stack.ports)
        assert done.returncode == 6
        assert f"Port {port} is in use by " in done.stderr
        assert f"(process {os.getpid()})" in done.stderr
        assert re.search(rf"{flag} \d+", done.stderr)
        assert processes() == []

    def test_no_token_is_needed_with_no_auth_and_only_on_loopback(self, light: Stack) -> None:
        refused = light.run("up", "--detach", *light.ports, "--no-auth", "--host", "0.0.0.0")
        assert refused.returncode == 2
        assert "loopback only" in refused.stderr
        done = light.up("--no-auth")
        assert "everybody" in done.stderr
        assert light.ask("/mlops/status").status_code == 200

    def test_a_control_plane_that_does_not_start_is_reported_with_its_reason_and_nothing_stays(
        self, stack: Stack, processes: Processes
    ) -> None:
        stack.home.database_file.write_text("This is no database. " * 10)
        done = stack.run("up", "--detach", *stack.ports)
        assert done.returncode == 5
        assert "The control plane ends before it is ready: " in done.stderr
        assert "file is not a database" in done.stderr
        assert "control.log" in done.stderr
        assert processes() == []

    def test_with_a_tracking_server_of_others_none_is_started(self, light: Stack) -> None:
        done = light.up()
        assert "http://127.0.0.1:9" in done.stdout
        assert set(light.pids()) == {"supervisor", "control", "gateway"}

    @pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
    def test_in_the_foreground_it_stays_and_takes_the_stack_down_when_it_is_ended(
        self, light: Stack, processes: Processes, ending: signal.Signals
    ) -> None:
        with light.in_foreground() as command:
            assert light.is_ready()
            command.send_signal(ending)
            assert command.wait(60) == 0
        assert processes() == []

    @pytest.mark.parametrize("begun", ["supervisor", "gateway", "control"])
    def test_whatever_it_has_begun_an_interrupt_takes_down_what_was_started(
        self, light: Stack, processes: Processes, begun: str
    ) -> None:
        command = subprocess.Popen([COMMAND, "up", *light.ports], env=light.environment, start_new_session=True)
        while begun not in light.pids():
            assert command.poll() is None
        command.send_signal(signal.SIGINT)
        assert command.wait(60) == 130
        assert processes() == []

    def test_more_interrupts_leave_nothing_running(self, light: Stack, processes: Processes) -> None:
        with light.in_foreground() as command:
            assert light.is_ready()
            for _ in range(3):
                command.send_signal(signal.SIGINT)
                time.sleep(0.3)
            assert command.wait(60) == 0
        assert processes() == []

    def test_in_the_foreground_it_ends_when_another_one_takes_the_stack_down(self, light: Stack) -> None:
        with light.in_foreground() as command:
            assert light.run("down").returncode == 0
            assert command.wait(30) == 0


class TestDown:
    def test_twice_is_a_success_and_so_is_a_home_that_never_was(self, light: Stack, tmp_path: Path) -> None:
        assert "was not running" in light.run("down").stderr
        assert local_processes(light.home.root) == []
        light.up()
        assert "Modelyard is down" in light.run("down").stderr
        assert [row["state"] for row in local_processes(light.home.root)] == ["stopped"]
        assert "was not running" in light.run("down").stderr
        nowhere = tmp_path / "nowhere"
        assert light.run("down", "--home", str(nowhere)).returncode == 0
        assert not nowhere.exists()

    def test_it_leaves_no_process_when_half_of_the_stack_is_dead(self, stack: Stack, processes: Processes) -> None:
        stack.up()
        pids = stack.pids()
        kill(pids["supervisor"])
        kill(pids["mlflow"])
        kill(pids["gateway"])  # Its Envoy goes on until somebody takes it over, or ends it.
        assert stack.gateway_answers()
        assert is_alive(pids["control"])
        assert "Modelyard is down" in stack.run("down").stderr
        assert processes() == []


class TestCrashes:
    @pytest.mark.parametrize("name", ["control", "mlflow", "gateway"])
    def test_a_killed_service_comes_back_at_its_address(
        self, running: tuple[Stack, str], until: Until, name: str
    ) -> None:
        stack, _ = running
        before = stack.pids()
        kill(before[name])
        until(lambda: stack.pids().get(name) not in (before[name], None) and stack.is_ready(), seconds=60)
        after = stack.pids()
        assert {key for key in before if before[key] != after[key]} == {name}

    def test_up_after_the_supervisor_was_killed_leaves_one_of_each(
        self, stack: Stack, home: Home, processes: Processes
    ) -> None:
        stack.up()
        before = stack.pids()
        kill(before["supervisor"])
        assert is_alive(before["control"])
        stack.up()
        assert stack.is_ready()
        after = stack.pids()
        assert not [name for name, pid in before.items() if is_alive(pid)]
        assert set(after) == set(before)
        assert len(processes()) == 4 + 1  # And the gateway's Envoy.
        assert Supervisor(home).is_running()


def listening(pid: int) -> set[tuple[str, int]]:
    """The addresses on which a process listens."""
    connections = psutil.Process(pid).net_connections("tcp")
    return {(found.laddr[0], found.laddr[1]) for found in connections if found.status == psutil.CONN_LISTEN}


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], timeout=2)
