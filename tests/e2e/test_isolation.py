"""Models beside each other: what one does to itself, the others do not notice."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for

DIE, EAT, HANG = -1.0, -2.0, -3.0
"""What scripts/fragile.py takes as wishes."""
ROWS = {"sepal length (cm)": [5.1, 6.3], "sepal width (cm)": [3.5, 3.3]}
ROWS |= {"petal length (cm)": [1.4, 6.0], "petal width (cm)": [0.2, 2.5]}


@pytest.fixture(scope="module")
def steady(stack: Stack) -> Iterator[list[Json]]:
    """Two versions of one model, both deployed."""
    yield [stack.deployed(SCRIPTS / "classifier.py", model_name="steady") for _ in range(2)]
    stack.undeploy("steady")


@pytest.fixture(scope="module")
def fragile(stack: Stack) -> Iterator[Json]:
    """A model that breaks when it is asked to."""
    yield stack.deployed(SCRIPTS / "fragile.py", model_name="fragile")
    stack.undeploy("fragile")


@contextmanager
def watched(stack: Stack, urls: list[str]) -> Iterator[list[str]]:
    """Ask these models all the time; gives what was not their usual answer."""
    wrong: list[str] = []
    is_over = threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(timeout=10) as client:
            while not is_over.wait(0.05):
                try:
                    answer = client.post(f"{url}/predict", json={"inputs": ROWS})
                    if answer.status_code != 200 or answer.json()["predictions"] != [0, 2]:
                        wrong.append(answer.text)
                except httpx.HTTPError as exc:
                    wrong.append(repr(exc))

    askers = [threading.Thread(target=ask, args=(url,)) for url in urls]
    for asker in askers:
        asker.start()
    try:
        yield wrong
    finally:
        is_over.set()
        for asker in askers:
            asker.join()


def replicas(stack: Stack, job: Json) -> list[Json]:
    """What was last seen of the one replica; one on its way out may be listed beside the one that takes its place."""
    return list(stack.get(f"/api/v1/deployments/{job['deployment_id']}")["replica_states"])


def restarts(stack: Stack, job: Json) -> int:
    """How often the one replica of this deployment was started again."""
    return max((int(replica["restarts"]) for replica in replicas(stack, job)), default=0)


def is_well(stack: Stack, job: Json) -> bool:
    """Whether the fragile model answers."""
    with suppress(httpx.HTTPError):
        answer = stack.anyone.post(f"{job['deployment_url']}/predict", json={"inputs": [[21.0]]})
        return answer.status_code == 200 and answer.json()["predictions"] == [42.0]
    return False


def ask_for(stack: Stack, job: Json, value: float, *, timeout: float = 60) -> None:
    """Ask the fragile model to break; it does not answer well."""
    with suppress(httpx.HTTPError):
        answer = stack.anyone.post(f"{job['deployment_url']}/predict", json={"inputs": [[value]]}, timeout=timeout)
        assert answer.status_code != 200, answer.text


class TestVersionsSideBySide:
    def test_two_versions_of_one_model_answer_at_addresses_of_their_own(self, stack: Stack, steady: list[Json]) -> None:
        urls = [job["deployment_url"] for job in steady]

        assert [job["model_version"] for job in steady] == ["1", "2"]
        assert len(set(urls)) == 2
        for job, url in zip(steady, urls, strict=True):
            health = stack.anyone.get(f"{url}/health").json()
            assert str(health["model"]["version"]) == job["model_version"]
            assert stack.predict(url, ROWS) == [0, 2]


class TestOneThatBreaks:
    def test_one_that_dies_again_and_again_comes_back_and_touches_no_other(
        self, stack: Stack, steady: list[Json], fragile: Json
    ) -> None:
        before = restarts(stack, fragile)

        with watched(stack, [job["deployment_url"] for job in steady]) as wrong:
            for _ in range(3):
                wait_for(lambda: is_well(stack, fragile), what=lambda: "the fragile model to come back")
                ask_for(stack, fragile, DIE)
            wait_for(lambda: is_well(stack, fragile), what=lambda: "the fragile model to come back")

        assert wrong == []
        # It answers before the control plane has looked at it again.
        wait_for(
            lambda: restarts(stack, fragile) >= before + 3, what=lambda: f"three restarts: {restarts(stack, fragile)}"
        )

    def test_one_that_eats_memory_is_stopped_and_the_reason_says_so(
        self, stack: Stack, steady: list[Json], fragile: Json
    ) -> None:
        wait_for(lambda: is_well(stack, fragile), what=lambda: "the fragile model")

        with watched(stack, [job["deployment_url"] for job in steady]) as wrong:
            ask_for(stack, fragile, EAT)
            wait_for(lambda: is_well(stack, fragile), what=lambda: "the fragile model to come back")

        assert wrong == []
        wait_for(
            lambda: any("memory" in (replica["last_exit"] or "") for replica in replicas(stack, fragile)),
            what=lambda: f"the reason: {replicas(stack, fragile)}",
        )

    def test_one_that_hangs_keeps_no_other_waiting(self, stack: Stack, steady: list[Json], fragile: Json) -> None:
        wait_for(lambda: is_well(stack, fragile), what=lambda: "the fragile model")

        with watched(stack, [job["deployment_url"] for job in steady]) as wrong:
            ask_for(stack, fragile, HANG, timeout=3)

        assert wrong == []


class TestScaling:
    def test_up_and_down_without_a_lost_request(self, stack: Stack, steady: list[Json]) -> None:
        job = steady[0]
        path = f"/api/v1/deployments/{job['deployment_id']}"

        def await_replicas(count: int) -> None:
            def is_there() -> bool:
                deployment = stack.get(path)
                states = [replica["state"] for replica in deployment["replica_states"]]
                return deployment["status"] == "ready" and states == ["ready"] * count

            wait_for(is_there, what=lambda: f"{count} replicas of {stack.get(path)}")

        with watched(stack, [job["deployment_url"]]) as wrong:
            for replicas in (3, 1):
                answer = stack.api.patch(path, json={"replicas": replicas})
                assert answer.status_code == 200, answer.text
                await_replicas(replicas)

        assert wrong == []


class TestUndeploying:
    def test_what_was_undeployed_is_gone_and_stays_in_the_list_of_the_stopped(self, stack: Stack) -> None:
        job = stack.deployed(SCRIPTS / "classifier.py", model_name="undeployed")

        stack.undeploy("undeployed")

        with pytest.raises(httpx.TransportError):
            stack.anyone.get(f"{job['deployment_url']}/health")
        (stopped,) = stack.get("/api/v1/deployments", model_name="undeployed", status="stopped")["deployments"]
        assert stopped["deployment_id"] == job["deployment_id"]
        assert not stack.processes_in(stack.home / "servers" / job["deployment_id"])
