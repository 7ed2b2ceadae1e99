"""Roll-outs on the whole platform: bad versions take themselves back under callers at the stable address, a good one is
promoted by itself."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for
from tests.e2e.test_outages import CONTROL

MODEL = "rolled"
REGISTRY = f"/api/v1/ml/registry/models/{MODEL}"
SHADOWED = [{"shadow": 100}, {"analysis": {"min_requests": 20, "seconds": 300}}, {"full": True}]
EACH_KIND: list[Json] = [
    {"shadow": 100},
    {"pause": {"seconds": 1}},
    {"weight": 50},
    {"pause": {"seconds": 1}},
    {"analysis": {"min_requests": 20, "seconds": 300}},
    {"full": True},
]
WEIGHED = [{"weight": 20}, {"analysis": {"min_requests": 20, "seconds": 300}}, {"weight": 50}, {"full": True}]


@pytest.fixture(scope="module")
def approver(stack: Stack) -> Iterator[httpx.Client]:
    """Another one than who asks for production: this stack's administrator made its token, so a developer asks."""
    with _member(stack, "rollout-approver", "approver") as caller:
        yield caller


@pytest.fixture(scope="module")
def developer(stack: Stack) -> Iterator[httpx.Client]:
    """Who stages versions and starts roll-outs."""
    with _member(stack, "rollout-developer", "developer") as caller:
        yield caller


def _member(stack: Stack, subject: str, role: str) -> httpx.Client:
    stack.api.post("/api/v1/access/members", json={"subject": subject, "role": role}).raise_for_status()
    token = stack.api.post("/api/v1/access/tokens", json={"name": "work", "subject": subject}).json()["secret"]
    return httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.fixture(scope="module")
def production(stack: Stack, developer: httpx.Client, approver: httpx.Client) -> Iterator[int]:
    """Version 1 of the model, which is good, serves and is in production."""
    job = stack.deployed(SCRIPTS / "behaving.py", model_name=MODEL, environment={"BEHAVIOUR": "good"})
    version = int(job["model_version"])
    _stage(developer, version)
    _promote(developer, approver, version)
    yield version
    stack.undeploy(MODEL)


def _trained(stack: Stack, behaviour: str) -> int:
    job = stack.train(SCRIPTS / "behaving.py", model_name=MODEL, environment={"BEHAVIOUR": behaviour})
    return int(stack.succeeded(job)["model_version"])


def _stage(developer: httpx.Client, version: int) -> None:
    body = {"stage": "staging", "comment": "ready"}
    developer.post(f"{REGISTRY}/versions/{version}/stage", json=body).raise_for_status()


def _promote(developer: httpx.Client, approver: httpx.Client, version: int) -> None:
    body = {"stage": "production", "comment": "please"}
    asked = developer.post(f"{REGISTRY}/versions/{version}/stage", json=body)
    assert asked.status_code == 202, asked.text
    request_id = asked.json()["request"]["request_id"]
    approved = approver.post(f"{REGISTRY}/requests/{request_id}/approve", json={"comment": "yes"})
    assert approved.status_code == 200, approved.text


@dataclass
class Seen:
    """What callers got."""

    labels: Counter[str] = field(default_factory=Counter)
    """How often which label came, or which error."""
    request_ids: list[str] = field(default_factory=list)


@contextmanager
def called(stack: Stack) -> Iterator[Seen]:
    """Callers at the stable address, each with its own header."""
    seen = Seen()
    is_over = threading.Event()

    def call(name: int) -> None:
        number = 0
        with httpx.Client(timeout=20) as client:
            while not is_over.is_set():
                number += 1
                headers = {"x-user": f"user-{name}-{number}"}
                answer = client.post(
                    f"{stack.gateway_url}/{MODEL}/predict", json={"inputs": [[150.0]]}, headers=headers
                )
                seen.labels[answer.text if answer.status_code != 200 else str(answer.json()["predictions"])] += 1
                seen.request_ids.append(answer.headers["x-request-id"])
                time.sleep(0.01)

    callers = [threading.Thread(target=call, args=(name,)) for name in range(3)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


def _start(developer: httpx.Client, version: int, steps: list[Json], **plan: object) -> str:
    by_header = {"by": "header", "name": "x-user"}
    body = {"name": MODEL, "version": version, "plan": {"steps": steps, "sticky": by_header, "warm_seconds": 3, **plan}}
    made = developer.post("/api/v1/rollouts", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["rollout_id"])


def _came_to(stack: Stack, rollout_id: str, *statuses: str) -> Json:
    def end() -> Json | None:
        found = stack.get(f"/api/v1/rollouts/{rollout_id}")
        return found if found["status"] in statuses else None

    return wait_for(
        end, timeout=150, every=0.5, what=lambda: f"{statuses}: {stack.get(f'/api/v1/rollouts/{rollout_id}')}"
    )


def _served(stack: Stack) -> set[int]:
    """The versions that are deployed."""
    deployed = stack.get("/api/v1/deployments", model_name=MODEL)["deployments"]
    return {int(one["model_version"]) for one in deployed}


class TestABadVersion:
    """Is taken back by itself."""

    @pytest.mark.parametrize(
        ("behaviour", "steps", "guardrail"),
        [
            ("wrong", SHADOWED, "disagreement"),
            ("slow", WEIGHED, "latency"),
            ("crashing", WEIGHED, ""),
            ("foreign", WEIGHED, "drift"),
        ],
    )
    def test_it_is_taken_back_and_production_goes_on(
        self,
        stack: Stack,
        production: int,
        developer: httpx.Client,
        behaviour: str,
        steps: list[Json],
        guardrail: str,
    ) -> None:
        version = _trained(stack, behaviour)
        _stage(developer, version)
        with called(stack) as seen:
            rollout_id = _start(developer, version, steps, guardrails={"drift": {}} if guardrail == "drift" else {})
            ended = _came_to(stack, rollout_id, "rolled_back", "warm", "paused")
            assert ended["status"] == "rolled_back", ended
            assert guardrail in ended["reason"]
            seen.labels.clear()
            time.sleep(1)
        assert set(seen.labels) == {"[300.0]"}
        assert stack.get(REGISTRY)["production_version"] == production
        assert production in _served(stack)

    def test_no_caller_got_a_wrong_answer_of_a_shadow(self, stack: Stack, production: int) -> None:
        found = stack.get("/api/v1/rollouts", name=MODEL)["rollouts"]
        (wrong,) = [one for one in found if one["steps"][0].startswith("shadow")]
        (disagreement,) = [one for one in wrong["findings"] if one["guardrail"] == "disagreement"]
        assert disagreement["verdict"] == "worse"


class TestDrift:
    """Of the versions before."""

    def test_it_is_reported_of_the_version_that_was_trained_on_something_else_alone(
        self, stack: Stack, production: int
    ) -> None:
        (event,) = stack.get("/api/v1/audit", action="drift.found")["entries"]
        foreign = stack.get(f"/api/v1/{event['subject']}/drift")
        assert {one["verdict"] for one in foreign["features"]} == {"drifted"}
        assert [one["name"] for one in foreign["features"]] == ["answer predictions", "input[0]"]
        (rollout,) = stack.get("/api/v1/rollouts", name=MODEL, limit="1")["rollouts"]
        assert f"version {foreign['model_version']} is worse: drift: " in rollout["reason"]
        deployed = stack.get("/api/v1/deployments", model_name=MODEL, status="ready")["deployments"]
        (serving,) = [one for one in deployed if one["model_version"] == production]
        shown = stack.run("deployments", "drift", serving["deployment_id"], "--output", "json")
        good = json.loads(shown.stdout)
        assert (good["model_version"], good["verdict"], good["profile_rows"]) == (production, "stable", 600)


class TestAKilledControlPlane:
    """In each step of a roll-out."""

    def test_the_end_is_as_without_it(
        self, stack: Stack, production: int, developer: httpx.Client, approver: httpx.Client
    ) -> None:
        version = _trained(stack, "good")
        _stage(developer, version)
        with called(stack) as seen:
            # A control plane that starts takes the processor from both versions, and seldom equally.
            rollout_id = _start(developer, version, EACH_KIND, guardrails={"latency": None})
            for step in range(len(EACH_KIND)):
                _stands_at(stack, rollout_id, step)
                _kill_control(stack)
            asked = wait_for(
                lambda: stack.get(f"/api/v1/rollouts/{rollout_id}")["request_id"], what=lambda: "a request for approval"
            )
            approved = approver.post(f"{REGISTRY}/requests/{asked}/approve", json={"comment": "yes"})
            assert approved.status_code == 200, approved.text
            _kill_control(stack)
            ended = _came_to(stack, rollout_id, "done", "rolled_back", "paused")
        assert ended["status"] == "done", ended
        assert set(seen.labels) == {"[300.0]"}
        assert stack.get(REGISTRY)["production_version"] == version
        wait_for(lambda: _served(stack) == {version}, what=lambda: f"the end of the former version: {_served(stack)}")
        made = stack.get("/api/v1/audit", subject=f"models/{MODEL}/versions/{version}", limit="200")["entries"]
        assert [entry["action"] for entry in made].count("version.production") == 1
        moves = stack.get("/api/v1/audit", subject=f"rollouts/{rollout_id}", limit="200")["entries"]
        steps = [entry["after"]["step"] for entry in moves if entry["action"] == "rollout.step"]
        assert steps == sorted(set(steps), reverse=True), moves


def _stands_at(stack: Stack, rollout_id: str, step: int) -> None:
    """Wait until the roll-out is at this step, or behind it."""
    wait_for(
        lambda: stack.get(f"/api/v1/rollouts/{rollout_id}")["step"] >= step,
        timeout=150,
        every=0.02,
        what=lambda: f"step {step}: {stack.get(f'/api/v1/rollouts/{rollout_id}')}",
    )


def _kill_control(stack: Stack) -> None:
    """`kill -9`, and wait until it is back."""
    pid = stack.pid(CONTROL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(CONTROL) not in {0, pid}, what=lambda: "supervisord to start the control plane again")
    stack.await_ready()


class TestAGoodVersion:
    """Of a model whose promotions are rolled out."""

    def test_it_is_promoted_by_itself_and_no_request_is_lost(
        self, stack: Stack, production: int, developer: httpx.Client, approver: httpx.Client
    ) -> None:
        version = _trained(stack, "good")
        _stage(developer, version)
        by_header = {"by": "header", "name": "x-user"}
        plan = {"steps": WEIGHED, "sticky": by_header, "warm_seconds": 3, "guardrails": {"drift": {}}}
        developer.put(f"/api/v1/rollout-plans/{MODEL}", json=plan).raise_for_status()
        with called(stack) as seen:
            _promote(developer, approver, version)
            (rollout,) = stack.get("/api/v1/rollouts", name=MODEL, status="pending")["rollouts"]
            ended = _came_to(stack, rollout["rollout_id"], "done", "rolled_back", "paused")
            assert ended["status"] == "done", ended
            time.sleep(1)
        assert set(seen.labels) == {"[300.0]"}
        assert {one["verdict"] for one in ended["findings"] if one["guardrail"] != "disagreement"} == {"not_worse"}
        assert stack.get(REGISTRY)["production_version"] == version
        self._joins_outcomes(stack, developer, seen.request_ids, ended["former"], version)
        wait_for(lambda: _served(stack) == {version}, what=lambda: f"the end of the former version: {_served(stack)}")

    def _joins_outcomes(
        self, stack: Stack, developer: httpx.Client, request_ids: list[str], control: int, candidate: int
    ) -> None:
        """What happened is sent by request id, and counts for the version that answered.

        Only of requests while they were divided it is known which one answered, so some from all along are taken.
        """
        sent = request_ids[:: len(request_ids) // 1000 + 1]
        body = {"metric": "bought", "outcomes": [{"request_id": each, "value": 1} for each in sent]}
        recorded = developer.post(f"{REGISTRY}/outcomes", json=body)
        assert (recorded.status_code, recorded.json()["recorded"]) == (200, len(sent)), recorded.text

        def report() -> Json:
            return stack.get(f"{REGISTRY}/outcomes/bought", control=str(control), candidate=str(candidate))

        def is_joined() -> bool:
            found = report()
            return bool(found["control"]["outcomes"] and found["candidate"]["outcomes"])

        wait_for(is_joined, what=lambda: f"outcomes of both versions: {report()}")
        assert (report()["control"]["mean"], report()["candidate"]["mean"]) == (1.0, 1.0)
