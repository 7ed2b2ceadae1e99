"""The promises of the process contract, on real processes (docs/architecture/03-bundles-and-the-model-server.md)."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

StartServer = Callable[..., Any]
SAMPLES = Path(__file__).parents[1] / "support"


def infer(url: str, *rows: float, name: str = "seconds", model: str = "Sleeper") -> httpx.Response:
    body = {"inputs": [{"name": name, "shape": [len(rows)], "datatype": "FP64", "data": rows}]}
    return httpx.post(f"{url}/v2/models/{model}/infer", json=body, timeout=30)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelyard_serving", *arguments]
    return subprocess.run(command, cwd=SAMPLES, capture_output=True, text=True, timeout=60, check=False)


class TestStart:
    def test_a_model_is_served_by_the_protocol_and_the_simple_way(
        self, start_server: StartServer, http: httpx.Client
    ) -> None:
        url = start_server("Doubler").url
        body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.5, 2]}]}
        answer = http.post(f"{url}/v2/models/Doubler/infer", json=body).json()
        assert answer == {
            "model_name": "Doubler",
            "model_version": "1",
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [1, 2], "data": [3.0, 4.0]}],
        }
        assert http.post(f"{url}/predict", json={"inputs": [[1.5, 2]]}).json() == {"predictions": [[3.0, 4.0]]}
        assert http.get(f"{url}/health").json()["status"] == "healthy"
        assert http.get(f"{url}/metadata").json()["model_name"] == "Doubler"

    def test_the_status_file_tells_the_address_and_each_worker(self, start_server: StartServer) -> None:
        server = start_server("Doubler", "--workers", "2")
        status = server.status()
        assert status["pid"] == server.process.pid
        assert [worker["index"] for worker in status["workers"]] == [0, 1]
        assert {worker["state"] for worker in status["workers"]} == {"ready"}
        assert all(worker["rss_bytes"] > 1_000_000 for worker in status["workers"])

    def test_name_and_version_may_be_given(self, start_server: StartServer, http: httpx.Client) -> None:
        url = start_server("Doubler", "--name", "twice", "--version", "7").url
        assert http.get(f"{url}/v2/models/twice/versions/7/ready").json() == {"name": "twice", "ready": True}
        assert http.get(f"{url}/v2/models/twice/versions/1").status_code == 404

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("nowhere",), "there is no nowhere"),
            (("nowhere:Class",), "there is no Python module 'nowhere'"),
            (("sample_models:Doubler", "--workers", "0"), "workers must be at least 1, not 0"),
            (("sample_models:Doubler", "--host", "no.such.host.invalid"), "host 'no.such.host.invalid' is not known"),
        ],
    )
    def test_wrong_usage_is_one_sentence_and_exit_code_2(self, arguments: tuple[str, ...], sentence: str) -> None:
        ended = run("--port", "0", *arguments) if "--port" not in arguments else run(*arguments)
        assert ended.returncode == 2
        assert sentence in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_a_port_in_use_is_one_sentence_and_exit_code_2(self, start_server: StartServer) -> None:
        port = start_server("Doubler").status()["address"].rpartition(":")[2]
        ended = run("sample_models:Doubler", "--port", port)
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use")

    def test_a_model_that_does_not_load_is_reported_and_tried_again(self, start_server: StartServer) -> None:
        server = start_server("Unloadable", "--version", "7", is_awaited=False)
        status = server.wait(lambda status: status["state"] == "failed" and status["workers"][0]["restarts"] > 0)
        assert status["workers"][0]["last_exit"]["reason"] == "ValueError: the weights are not there"
        assert "Traceback" in server.log.read_text()
        ready = httpx.get(f"{server.url}/v2/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert httpx.get(f"{server.url}/v2/health/live").json() == {"live": True}
        refused = infer(server.url, 0)
        assert refused.status_code == 503
        assert (refused.headers["retry-after"], refused.headers["modelyard-version"]) == ("1", "7")


class TestCheck:
    def test_it_prints_what_the_model_is_and_its_example_predicted(self) -> None:
        ended = run("--check", "sample_models:Doubler")
        report = json.loads(ended.stdout)
        assert ended.returncode == 0
        assert report["ok"]
        assert report["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}]
        assert report["example_outputs"] == {"predictions": [[2.0, 4.0]]}

    def test_a_model_that_does_not_load_is_exit_code_1(self) -> None:
        ended = run("--check", "sample_models:Unloadable")
        assert ended.returncode == 1
        reported = {"ok": False, "error": "ValueError: the weights are not there", "opened": False}
        assert json.loads(ended.stdout) == reported


class TestWorkers:
    def test_a_server_that_may_give_up_exits_with_code_1_and_says_why(self) -> None:
        ended = run("--port", "0", "--start-attempts", "2", "sample_models:Unloadable")
        assert ended.returncode == 1
        assert "giving up after 2 starts: ValueError: the weights are not there" in ended.stderr

    def test_a_worker_that_dies_is_replaced_and_the_others_answer(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--workers", "2")
        victim = server.status()["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert infer(server.url, 0).status_code == 200
        status = server.wait(lambda status: status["state"] == "ready" and status["workers"][0]["restarts"] == 1)
        assert status["workers"][0]["pid"] != victim
        assert status["workers"][0]["last_exit"]["reason"] == "killed by signal 9"

    def test_the_sole_worker_that_died_leaves_a_fast_503_behind(self, start_server: StartServer) -> None:
        server = start_server("Sleeper")
        with pytest.raises(httpx.RemoteProtocolError):
            infer(server.url, -1)
        asked = time.monotonic()
        answer = infer(server.url, 0)
        assert time.monotonic() - asked < 1
        assert answer.status_code in (200, 503)
        server.wait(lambda status: status["state"] == "ready")
        assert infer(server.url, 0).status_code == 200

    def test_a_worker_whose_event_loop_hangs_is_replaced_and_says_where(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--hang-timeout-s", "1")
        os.kill(server.status()["workers"][0]["pid"], signal.SIGSTOP)
        status = server.wait(lambda status: status["workers"][0]["restarts"] == 1)
        assert status["workers"][0]["last_exit"]["reason"] == "its event loop did not move for 1 s"
        server.wait_until_ready()

    def test_a_worker_whose_model_never_comes_back_says_in_which_line(self, start_server: StartServer) -> None:
        server = start_server("Hanging", "--hang-timeout-s", "1")
        body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [-1, 0]}]}
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(f"{server.url}/v2/models/Hanging/infer", json=body, timeout=30)
        status = server.wait(lambda status: status["workers"][0]["restarts"] == 1)
        assert status["workers"][0]["last_exit"]["reason"] == "its event loop did not move for 1 s"
        assert re.search(r"sample_models.py\", line \d+ in predict", server.log.read_text())
        server.wait_until_ready()

    def test_workers_without_a_supervisor_leave_the_address_to_the_next_one(self, start_server: StartServer) -> None:
        server = start_server("Doubler")
        port = server.status()["address"].rpartition(":")[2]
        server.signal(signal.SIGKILL)
        server.process.wait(10)
        until = time.monotonic() + 10
        while (ended := run("--check", "sample_models:Doubler")).returncode != 0:
            assert time.monotonic() < until, ended.stderr
        start_server("Doubler", "--port", port)

    def test_a_worker_over_its_memory_is_replaced_and_says_so(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--max-memory-mb", "250")
        assert infer(server.url, -3).status_code == 200
        status = server.wait(lambda status: status["workers"][-1]["restarts"] == 1 and status["state"] == "ready")
        assert "MB of resident memory are over the 250 MB limit" in status["workers"][-1]["last_exit"]["reason"]


class TestRepository:
    def test_loading_and_unloading_reach_every_worker(self, start_server: StartServer) -> None:
        server = start_server("Doubler", "--workers", "2", "--allow-repository-control")
        model = f"{server.url}/v2/repository/models/Doubler"
        ready = f"{server.url}/v2/health/ready"
        assert httpx.post(f"{model}/unload", timeout=30).status_code == 200
        assert {httpx.get(ready).status_code for _ in range(20)} == {503}
        os.kill(server.status()["workers"][0]["pid"], signal.SIGKILL)
        server.wait(lambda status: status["state"] == "ready" and status["workers"][0]["restarts"] == 1)
        assert {httpx.get(ready).status_code for _ in range(20)} == {503}
        assert httpx.post(f"{model}/load", timeout=30).status_code == 200
        assert {httpx.get(ready).status_code for _ in range(20)} == {200}


class TestScaling:
    def test_sighup_applies_workers_up_and_down_and_loses_no_request(
        self, start_server: StartServer, tmp_path: Path
    ) -> None:
        config = tmp_path / "config.json"
        config.write_text('{"workers": 1}')
        server = start_server("Sleeper", "--config", str(config))
        failures: list[str] = []
        is_over = threading.Event()
        callers = [threading.Thread(target=call_until, args=(is_over, server.url, failures)) for _ in range(4)]
        for caller in callers:
            caller.start()
        for requested in (3, 1, 2, 1):
            config.write_text(json.dumps({"workers": requested}))
            server.signal(signal.SIGHUP)
            server.wait(lambda status, n=requested: status["state"] == "ready" and len(status["workers"]) == n)
        is_over.set()
        for caller in callers:
            caller.join()
        assert failures == []

    def test_a_broken_config_changes_nothing(self, start_server: StartServer, tmp_path: Path) -> None:
        config = tmp_path / "config.json"
        config.write_text('{"workers": 2}')
        server = start_server("Doubler", "--config", str(config))
        config.write_text("{")
        server.signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while "was not applied" not in server.log.read_text():
            assert time.monotonic() < until
            time.sleep(0.02)
        assert len(server.status()["workers"]) == 2


def call_until(is_over: threading.Event, url: str, failures: list[str]) -> None:
    """Requests over a persistent connection and over new ones, until stopped."""
    body = {"inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [0.002]}]}
    with httpx.Client(timeout=30) as client:
        while not is_over.is_set():
            for post in (client.post, httpx.post):
                try:
                    answer = post(f"{url}/v2/models/Sleeper/infer", json=body)
                    if answer.status_code != 200:
                        failures.append(answer.text)
                except httpx.HTTPError as error:
                    failures.append(repr(error))


class TestStop:
    def test_sigterm_is_not_ready_at_once_but_answers_and_finishes_what_is_in_flight(
        self, start_server: StartServer
    ) -> None:
        server = start_server("Sleeper", "--lame-duck-s", "4")
        url = server.url
        slow: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: slow.append(infer(url, 5)))
        caller.start()
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        server.wait(lambda status: status["state"] == "draining")
        time.sleep(0.1)
        assert httpx.get(f"{url}/v2/health/ready").status_code == 503
        assert infer(url, 0).status_code == 200
        caller.join()
        assert slow[0].status_code == 200
        assert server.process.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/v2/health/live")

    def test_a_stop_while_the_model_loads_ends_at_once(self, start_server: StartServer) -> None:
        server = start_server("Unloadable", is_awaited=False)
        server.wait(lambda status: status["state"] == "failed")
        assert server.end() == 0
