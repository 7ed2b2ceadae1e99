"""The local target with `modelyard-serve` itself: scaling, crashes and removal while requests come in."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import onnx
import pytest
from onnx import TensorProto, helper

from modelyard.adapters.target.bundles import PlacedBundle
from modelyard.adapters.target.local import LocalTarget
from modelyard.home import Home
from modelyard.ports.target import BundleArtifact, Resources, ServerObservation, ServerSpec, ServerState, Target
from modelyard.supervision.generations import is_alive
from modelyard.supervision.supervisor import Supervisor

pytestmark = pytest.mark.e2e

Until = Callable[..., None]
MakeTarget = Callable[..., LocalTarget]
Remove = Callable[[Target, str], None]
Retire = Callable[[Target, str, int], None]
BROKEN = BundleArtifact("broken.onnx", digest="", environment="")
REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [20.0]}]}


@pytest.fixture
def real_spec(tmp_path: Path, first_port: int) -> ServerSpec:
    """A server of a model that doubles."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubler",
        [value("x", TensorProto.FLOAT, ["n"])],
        [value("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "doubler.onnx")
    return ServerSpec(
        deployment_id="d-1",
        generation=1,
        model_name="doubler",
        version=1,
        artifact=BundleArtifact("doubler.onnx", digest="", environment=""),
        replicas=2,
        namespace="default",
        resources=Resources(memory_bytes=2**30),
        port=first_port,
    )


@pytest.fixture
def target(make_target: MakeTarget, tmp_path: Path) -> LocalTarget:
    """One whose bundles are files by their names, served from this environment."""
    shared = {"mlflow_uri": "http://mlflow:5000", "allowed_hosts": "models.example.com", "allowed_origins": None}

    def find(artifact: BundleArtifact) -> PlacedBundle:
        return PlacedBundle(tmp_path / artifact.name, Path(sys.executable))

    return make_target(find_bundle=find, server_settings=shared)


@pytest.fixture
def ready(target: LocalTarget, real_spec: ServerSpec, until: Until) -> ServerObservation:
    target.apply(real_spec)
    until(lambda: target.observe("d-1", 1).state is ServerState.READY, seconds=60)
    return target.observe("d-1", 1)


def predict(url: str) -> httpx.Response:
    return httpx.post(f"{url}/v2/models/doubler/infer", json=REQUEST, trust_env=False, timeout=20)


def pids(observation: ServerObservation) -> set[int]:
    return {replica.pid for replica in observation.replicas if replica.pid is not None}


@contextmanager
def asked_all_the_time(url: str) -> Iterator[list[str]]:
    """Asks on new connections and on kept ones; the list takes what was not answered well."""
    failures: list[str] = []
    answered = threading.Event()
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=20) as kept:
            while not stop.is_set():
                for post in (kept.post, partial(httpx.post, trust_env=False, timeout=20)):
                    take(post)

    def take(post: Callable[..., httpx.Response]) -> None:
        try:
            answer = post(f"{url}/v2/models/doubler/infer", json=REQUEST)
            if answer.status_code != 200 or answer.json()["outputs"][0]["data"] != [40.0]:
                failures.append(f"{answer.status_code} {answer.text}")
        except httpx.HTTPError as error:
            failures.append(repr(error))
        answered.set()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert answered.wait(30)
    yield failures
    stop.set()
    for thread in threads:
        thread.join()


class TestSharedSettings:
    def test_a_server_has_those_of_the_target(self, ready: ServerObservation) -> None:
        assert ready.url is not None
        headers = {"Host": "models.example.com"}
        metadata = httpx.get(f"{ready.url}/metadata", headers=headers, trust_env=False, timeout=20).json()
        assert metadata["mlflow_uri"] == "http://mlflow:5000"


class TestModelServers:
    def test_replicas_are_processes_with_a_model_each_behind_one_address(self, ready: ServerObservation) -> None:
        assert len(pids(ready)) == 2
        assert all(replica.state == "ready" and (replica.rss_bytes or 0) > 2**20 for replica in ready.replicas)
        assert ready.url is not None
        assert predict(ready.url).json()["outputs"][0]["data"] == [40.0]

    def test_scaling_up_and_down_loses_no_request(
        self, target: LocalTarget, real_spec: ServerSpec, ready: ServerObservation, until: Until
    ) -> None:
        assert ready.url is not None
        with asked_all_the_time(ready.url) as failures:
            for wanted in (3, 1):
                target.apply(replace(real_spec, replicas=wanted))
                until(
                    lambda wanted=wanted: [r.state for r in target.observe("d-1", 1).replicas] == ["ready"] * wanted,
                    seconds=60,
                )
        assert failures == []

    def test_a_killed_replica_is_replaced_and_says_why_it_ended(
        self, target: LocalTarget, ready: ServerObservation, until: Until
    ) -> None:
        victim = ready.replicas[0].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        until(lambda: sum(replica.restarts for replica in target.observe("d-1", 1).replicas) == 1)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY, seconds=60)
        seen = target.observe("d-1", 1)
        assert victim not in pids(seen)
        assert [replica.last_exit for replica in seen.replicas if replica.restarts] == ["killed by signal 9"]

    def test_a_killed_server_comes_back_whole_and_leaves_no_old_replica(
        self, target: LocalTarget, home: Home, supervisor: Supervisor, ready: ServerObservation, until: Until
    ) -> None:
        before = pids(ready)
        program = supervisor.state("server-d-1")
        assert program is not None
        assert program.pid is not None
        os.kill(program.pid, signal.SIGKILL)
        until(lambda: len(pids(target.observe("d-1", 1)) - before) == 2, seconds=60)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY, seconds=60)
        assert not [pid for pid in before if is_alive(pid)]
        assert ready.url is not None
        assert predict(ready.url).status_code == 200

    def test_a_killed_supervisor_loses_no_request_until_the_server_is_applied_again(
        self, target: LocalTarget, real_spec: ServerSpec, supervisor: Supervisor, ready: ServerObservation, until: Until
    ) -> None:
        before = pids(ready)
        daemon = supervisor.pid()
        assert daemon is not None
        assert ready.url is not None
        with asked_all_the_time(ready.url) as failures:
            os.kill(daemon, signal.SIGKILL)
            until(lambda: target.observe("d-1", 1).state is ServerState.DEGRADED)
        assert failures == []
        target.apply(real_spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY, seconds=60)
        assert not [pid for pid in before if is_alive(pid)]
        assert target.observe("d-1", 1).url == ready.url
        assert predict(ready.url).status_code == 200

    def test_a_removed_server_refuses_and_leaves_no_process(
        self, target: LocalTarget, ready: ServerObservation, remove: Remove
    ) -> None:
        assert ready.url is not None
        with asked_all_the_time(ready.url) as failures:
            remove(target, "d-1")
        # Who had connected was answered; afterwards nobody listens.
        assert failures
        assert [failure for failure in failures if not failure.startswith("ConnectError")] == []
        assert not [pid for pid in pids(ready) if is_alive(pid)]

    def test_a_broken_model_is_a_failure_with_its_reason(
        self, target: LocalTarget, real_spec: ServerSpec, tmp_path: Path, until: Until
    ) -> None:
        (tmp_path / "broken.onnx").write_bytes(b"not a model")
        target.apply(replace(real_spec, artifact=BROKEN))
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED, seconds=60)
        assert target.observe("d-1", 1).reason

    def test_the_next_generation_takes_the_place_and_the_first_one_comes_back_and_no_request_is_lost(
        self, target: LocalTarget, real_spec: ServerSpec, ready: ServerObservation, until: Until, retire: Retire
    ) -> None:
        assert ready.url is not None
        with asked_all_the_time(ready.url) as failures:
            for generation, earlier in ((2, 1), (3, 2)):
                target.apply(replace(real_spec, generation=generation))
                until(lambda number=generation: target.observe("d-1", number).state is ServerState.READY, seconds=60)
                retire(target, "d-1", earlier)
                assert set(target.observe_all()) == {("d-1", generation)}
        assert failures == []
        assert target.observe("d-1", 3).url == ready.url

    def test_a_generation_that_cannot_start_is_retired_and_the_first_one_answers_all_the_time(
        self,
        target: LocalTarget,
        real_spec: ServerSpec,
        ready: ServerObservation,
        tmp_path: Path,
        until: Until,
        retire: Retire,
    ) -> None:
        assert ready.url is not None
        (tmp_path / "broken.onnx").write_bytes(b"not a model")
        with asked_all_the_time(ready.url) as failures:
            target.apply(replace(real_spec, generation=2, artifact=BROKEN))
            until(lambda: target.observe("d-1", 2).state is ServerState.FAILED, seconds=60)
            retire(target, "d-1", 2)
        assert failures == []
        assert target.observe("d-1", 1).state is ServerState.READY
