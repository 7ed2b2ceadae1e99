"""A stack whose models are called with keys: who may, how often, who did; and that no key is written down anywhere."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from ports import find_free_port
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for

from modelyard.home import Home

ROW = {"inputs": [[5.1, 3.5, 1.4, 0.2]]}
KEY = "Ocp-Apim-Subscription-Key"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one model, whose address needs a subscription."""
    first = find_free_port()
    stack = Stack(
        home=tmp_path_factory.mktemp("closed") / "home",
        port=find_free_port(),
        mlflow_port=find_free_port(),
        settings={
            "MODELYARD_SERVER_PORT_FIRST": str(first),
            "MODELYARD_SERVER_PORT_LAST": str(min(first + 200, 65535)),
            "MODELYARD_GATEWAY_ACCESS": "subscription",
        },
    )
    with stack.running():
        stack.deployed(SCRIPTS / "classifier.py", model_name="irises")
        yield stack


def call(stack: Stack, key: str | None, *, query: str = "") -> httpx.Response:
    headers = {} if key is None else {KEY: key}
    return stack.anyone.post(f"{stack.gateway_url}/irises/predict{query}", json=ROW, headers=headers)


def answers(stack: Stack, key: str | None, expected: int) -> None:
    """Within seconds, as every gateway has the newest configuration."""
    wait_for(
        lambda: call(stack, key).status_code == expected or None,
        timeout=30,
        what=lambda: f"{expected}: {call(stack, key).text}",
    )


def subscribe(stack: Stack, *options: str) -> Json:
    return dict(json.loads(stack.run("subscriptions", "create", "Shop", *options, "-o", "json").stdout))


def test_a_key_opens_the_model_until_it_is_replaced_and_is_in_no_file(closed: Stack) -> None:
    answers(closed, None, 401)
    made = subscribe(closed, "--model", "irises")
    number, primary, secondary = (
        made["subscription"]["subscription_id"],
        made["primary_key"],
        made["secondary_key"],
    )
    for key in (primary, secondary):
        answers(closed, key, 200)
    assert call(closed, None, query=f"?subscription-key={primary}").status_code == 200
    wrong = primary[:-1] + ("a" if primary[-1] != "a" else "b")
    assert call(closed, wrong).json()["code"] == "key_invalid"
    assert call(closed, None, query=f"?subscription-key={wrong}").status_code == 401
    new = json.loads(closed.run("subscriptions", "regenerate", number, "primary", "-o", "json").stdout)["key"]
    answers(closed, primary, 401)
    answers(closed, new, 200)
    assert call(closed, secondary).status_code == 200
    closed.run("subscriptions", "suspend", number)
    answers(closed, new, 401)
    closed.run("subscriptions", "activate", number)
    answers(closed, new, 200)
    used = wait_for(
        lambda: closed.get("/api/v1/gateway/usage", subscription=number)["usage"] or None,
        what=lambda: "the usage of the subscription",
    )
    assert (used[0]["model_name"], used[0]["calls"] > 3) == ("irises", True)
    assert json.loads(closed.run("subscriptions", "show", number, "-o", "json").stdout)["last_used_at"]
    answered = json.dumps([closed.get(path) for path in ("/api/v1/gateway/subscriptions", "/api/v1/audit")])
    leaks = [key for key in (primary, secondary, new, wrong) if key in answered or _files_with(closed.home, key)]
    assert leaks == []


def test_a_rate_and_a_quota_are_refused_with_when_to_come_again(closed: Stack) -> None:
    limited = subscribe(closed, "--rate", "3/3600")["primary_key"]
    answers(closed, limited, 200)
    answers(closed, limited, 429)
    refused = call(closed, limited)
    assert (refused.json()["code"], refused.headers["ratelimit-limit"]) == ("rate_limit_exceeded", "3")
    assert int(refused.headers["retry-after"]) > 0
    counted = subscribe(closed, "--quota", "2/day")
    answers(closed, counted["primary_key"], 200)
    answers(closed, counted["primary_key"], 429)
    refused = call(closed, counted["primary_key"])
    assert refused.json()["code"] == "quota_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    quotas = closed.get(f"/api/v1/gateway/subscriptions/{counted['subscription']['subscription_id']}/quotas")["quotas"]
    assert (quotas[0]["is_exhausted"], quotas[0]["used"] >= 2) == (True, True)


@pytest.fixture(scope="module")
def second(closed: Stack) -> Iterator["Second"]:
    """Another gateway of the same installation, with a home of its own."""
    home, port = closed.home / "second", find_free_port()
    environment = {
        **closed.environment,
        "MODELYARD_HOME": str(home),
        "MODELYARD_GATEWAY_CONTROL_URL": closed.url,
        "MODELYARD_GATEWAY_KEY": Home(closed.home).gateway_key_file.read_text().strip(),
        "MODELYARD_GATEWAY_PORT": str(port),
        "MODELYARD_GATEWAY_NODE": "second",
    }
    command = [sys.executable, "-P", "-m", "modelyard.gateway_node"]
    log = (closed.home / "second.log").open("w")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as process:
        yield Second(home, f"http://127.0.0.1:{port}", process)
        process.kill()


@dataclass(frozen=True)
class Second:
    """The other node: its home, its address, its process."""

    home: Path
    url: str
    process: subprocess.Popen[bytes]


def push(stack: Stack) -> tuple[str, set[str]]:
    """How far the newest configuration is, and the nodes that run it."""
    status = stack.get("/api/v1/gateway/status")
    newest = status["configuration"]
    return newest["state"], {node["name"] for node in status["nodes"] if node["running"] == newest["digest"]}


def codes(stack: Stack, key: str, *urls: str, times: int) -> list[int]:
    """Of so many calls at each gateway, in turn. One that does not know the key yet is asked again."""

    def code(url: str) -> int | None:
        answer = stack.anyone.post(f"{url}/irises/predict", json=ROW, headers={KEY: key})
        return None if answer.status_code == 401 else answer.status_code

    return [wait_for(partial(code, url), what=lambda: "the key at both") for _ in range(times) for url in urls]


class TestTwoGateways:
    def test_both_confirm_a_push_and_limits_hold_over_both(self, closed: Stack, second: Second) -> None:
        wait_for(lambda: len(push(closed)[1]) == 2, what=lambda: f"both nodes: {push(closed)}")
        assert push(closed)[0] == "applied"
        both = (closed.gateway_url, second.url)

        rated = subscribe(closed, "--rate", "5/3600")["primary_key"]
        assert 5 <= codes(closed, rated, *both, times=8).count(200) <= 6  # One more at most, as there are two.

        counted = subscribe(closed, "--quota", "12/day")
        answered = codes(closed, counted["primary_key"], *both, times=6).count(200)
        assert answered == 12
        deadline = time.monotonic() + 30
        while (got := codes(closed, counted["primary_key"], *both, times=1)) != [429, 429]:
            assert time.monotonic() < deadline, got
            answered += got.count(200)
            time.sleep(0.5)
        assert answered <= 12 + 2 * 4 * 2  # Two calls each half a second, for at most four seconds.
        number = counted["subscription"]["subscription_id"]
        quotas = f"/api/v1/gateway/subscriptions/{number}/quotas"
        wait_for(
            lambda: closed.get(quotas)["quotas"][0]["used"] == answered,
            what=lambda: f"{answered} calls: {closed.get(quotas)}",
        )

    def test_one_dies_and_the_other_goes_on_and_a_push_waits_for_the_dead_one_only_so_long(
        self, closed: Stack, second: Second
    ) -> None:
        wait_for(lambda: len(push(closed)[1]) == 2, what=lambda: f"both nodes: {push(closed)}")
        killed = closed.processes_in(second.home)
        assert len(killed) >= 1  # Its Envoy.
        for process in (psutil.Process(second.process.pid), *killed):
            process.kill()
        second.process.wait()
        made = subscribe(closed, "--model", "irises")["primary_key"]
        answers(closed, made, 200)
        assert push(closed)[0] == "applying"
        wait_for(lambda: push(closed)[0] == "applied", timeout=40, what=lambda: f"the push: {push(closed)}")
        assert len(push(closed)[1]) == 1


def _files_with(folder: Path, secret: str) -> list[str]:
    """Files below a folder that hold a secret: the database, logs, configurations."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and _holds(path, secret.encode())]


def _holds(path: Path, secret: bytes) -> bool:
    try:
        return secret in path.read_bytes()
    except OSError:  # A file that went meanwhile.
        return False
