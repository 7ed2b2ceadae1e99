"""One address, two versions: from the command line, there and back, under callers that keep their connections."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.e2e.stack import EXAMPLES, Stack, wait_for

SCRIPT = str(EXAMPLES / "breast_cancer" / "train.py")
REQUEST = json.loads((EXAMPLES / "breast_cancer" / "request.json").read_text())


@contextmanager
def called(url: str) -> Iterator[tuple[list[str], Counter[str]]]:
    """Callers on kept and on fresh connections: what was not answered well, and which versions `/health` named."""
    failures: list[str] = []
    versions: Counter[str] = Counter()
    is_over = threading.Event()

    def take(client: Any) -> None:
        try:
            answers = client.post(f"{url}/predict", json=REQUEST, timeout=60), client.get(f"{url}/health", timeout=60)
        except httpx.HTTPError as error:
            failures.append(repr(error))
            return
        failures.extend(answer.text for answer in answers if answer.status_code != 200)
        if answers[1].status_code == 200:
            versions[answers[1].json()["model"]["version"]] += 1

    def call() -> None:
        with httpx.Client(trust_env=False) as kept:
            while not is_over.is_set():
                take(kept)
                with httpx.Client(trust_env=False) as fresh:
                    take(fresh)

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield failures, versions
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


class TestReplacing:
    def test_the_next_version_takes_the_place_and_back_and_no_request_is_lost(self, stack: Stack) -> None:
        first = json.loads(stack.run("deploy", SCRIPT, "--model", "replaced", "--output", "json").stdout)
        url, deployment_id = first["deployment_url"], first["deployment_id"]
        again = json.loads(stack.run("deploy", "replaced", "--version", "1", "--output", "json").stdout)
        assert again["deployment_id"] == deployment_id
        stack.run("train", SCRIPT, "--model", "replaced")

        stable = f"{stack.gateway_url}/replaced"
        wait_for(lambda: answers(stable), timeout=30, what=lambda: "the model's stable address")
        with called(url) as (failures, versions), called(stable) as (lost, seen):
            for version in ("2", "1"):
                done = stack.run("deploy", "replaced", "--version", version, "--replace", "--output", "json")
                job = json.loads(done.stdout)
                assert (job["status"], job["deployment_id"], job["deployment_url"]) == ("succeeded", deployment_id, url)
                assert httpx.get(f"{url}/health", trust_env=False).json()["model"]["version"] == version
        assert failures == lost == []
        assert set(versions) == set(seen) == {"1", "2"}
        shown = json.loads(stack.run("deployments", "show", deployment_id, "--output", "json").stdout)
        assert (shown["model_version"], shown["generation"], shown["replacement"]["status"]) == (1, 3, "done")

    def test_the_stable_address_follows_a_deployment_that_takes_over_and_loses_no_request(self, stack: Stack) -> None:
        first = json.loads(stack.run("deploy", SCRIPT, "--model", "followed", "--output", "json").stdout)
        stable = f"{stack.gateway_url}/followed"
        wait_for(lambda: answers(stable), timeout=30, what=lambda: "the model's stable address")
        stack.run("train", SCRIPT, "--model", "followed")
        with called(stable) as (lost, seen):
            stack.run("deploy", "followed", "--version", "2", "--another")
            wait_for(lambda: seen["2"], timeout=30, what=lambda: f"an answer of the newest version; lost {lost[:3]}")
            stack.run("undeploy", first["deployment_id"])
            before = seen["2"]
            wait_for(lambda: seen["2"] > before + 20, timeout=30, what=lambda: "answers without the first version")
        assert lost == []
        assert set(seen) == {"1", "2"}


def answers(url: str) -> bool:
    """Whether a model answers there."""
    return httpx.get(f"{url}/health", trust_env=False).is_success
