"""Servers that share one listening socket: one takes the other's place, and no caller loses a request."""

import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

StartServer = Callable[..., Any]
SAMPLES = Path(__file__).parents[1] / "support"
BODY = {"inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [0.002]}]}


@pytest.fixture
def folder() -> Iterator[str]:
    """A short one: a unix socket's path has an end."""
    with tempfile.TemporaryDirectory(prefix="handover-") as name:
        yield name


@pytest.fixture
def start(start_server: StartServer, folder: str) -> Callable[..., Any]:
    """Starts a server of a version in the folder."""

    def version(number: int, *options: str, model: str = "Sleeper", is_awaited: bool = True) -> Any:
        given = ("--handover", folder, "--name", "model", "--version", str(number), *options)
        return start_server(model, *given, is_awaited=is_awaited)

    return version


@contextmanager
def record_call(url: str) -> Iterator[tuple[list[str], Counter[str]]]:
    """Callers on kept and on fresh connections: what was not answered well, and which versions answered."""
    failures: list[str] = []
    versions: Counter[str] = Counter()
    is_over = threading.Event()

    def call() -> None:
        with httpx.Client(timeout=30) as client:
            while not is_over.is_set():
                for post in (client.post, httpx.post):
                    try:
                        answer = post(f"{url}/v2/models/model/infer", json=BODY)
                        if answer.status_code == 200:
                            versions[answer.json()["model_version"]] += 1
                        else:
                            failures.append(f"{answer.status_code} {answer.text}")
                    except httpx.HTTPError as error:
                        failures.append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield failures, versions
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


class TestHandover:
    def test_the_next_version_takes_the_place_at_the_same_address_and_back_and_no_request_is_lost(
        self, start: Callable[..., Any]
    ) -> None:
        one = start(1, "--workers", "2")
        with record_call(one.url) as (failures, versions):
            two = start(2, "--workers", "2")
            assert two.url == one.url
            assert one.end() == 0
            versions.clear()
            time.sleep(0.5)
            assert set(versions) == {"2"}
            back = start(1)
            assert two.end() == 0
            versions.clear()
            time.sleep(0.5)
            assert set(versions) == {"1"}
        assert failures == []
        assert back.url == one.url

    def test_while_the_next_one_loads_or_cannot_start_only_the_first_one_answers(
        self, start: Callable[..., Any]
    ) -> None:
        one = start(1)
        with record_call(one.url) as (failures, versions):
            two = start(2, model="Unloadable", is_awaited=False)
            two.wait(lambda status: status["state"] == "failed")
            assert two.end() == 0
            time.sleep(0.3)
        assert failures == []
        assert set(versions) == {"1"}
        assert one.status()["state"] == "ready"

    def test_a_first_one_that_is_killed_leaves_the_address_to_the_next_one(self, start: Callable[..., Any]) -> None:
        one = start(1)
        url = one.url
        two = start(2)
        one.process.kill()
        one.process.wait()
        deadline = time.monotonic() + 10
        while httpx.post(f"{url}/v2/models/model/infer", json=BODY).json()["model_version"] != "2":
            assert time.monotonic() < deadline
        again = start(1)  # It takes the socket from the one that lives.
        assert again.url == two.url == url

    def test_of_two_that_are_alone_and_not_ready_each_answers_503(self, start: Callable[..., Any]) -> None:
        one = start(1, model="Unloadable", is_awaited=False)
        one.wait(lambda status: status["state"] == "failed")
        two = start(2, model="Unloadable", is_awaited=False)
        two.wait(lambda status: status["state"] == "failed")
        assert {httpx.get(f"{one.url}/v2/health/ready").status_code for _ in range(10)} == {503}

    def test_what_a_server_that_is_gone_left_in_the_folder_is_taken_away(
        self, start: Callable[..., Any], folder: str
    ) -> None:
        stale = Path(folder) / "1.sock"
        with socket.socket(socket.AF_UNIX) as on_close:
            on_close.bind(str(stale))
        server = start(1)
        assert [path.name for path in Path(folder).glob("*.sock")] == [f"{server.process.pid}.sock"]
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        assert list(Path(folder).iterdir()) == []

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--handover", "x" * 200), "is too long for a unix socket"),
            (("--handover", "/dev/null/x"), "cannot be made: Not a directory"),
        ],
    )
    def test_a_folder_that_cannot_be_used_is_one_sentence(self, options: tuple[str, ...], sentence: str) -> None:
        command = [sys.executable, "-m", "modelyard_serving", "sample_models:Doubler", "--port", "0", *options]
        ended = subprocess.run(command, cwd=SAMPLES, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2
        assert sentence in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_server_that_shall_listen_elsewhere_is_refused(self, start: Callable[..., Any], folder: str) -> None:
        one = start(1)
        command = [sys.executable, "-m", "modelyard_serving", "sample_models:Doubler", "--port", "9", "--handover"]
        ended = subprocess.run([*command, folder], cwd=SAMPLES, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2
        assert f"port is 9, and the server that hands over listens on {one.status()['address']}" in ended.stderr
