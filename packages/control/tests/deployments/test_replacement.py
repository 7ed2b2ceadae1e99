"""A deployment's version gives its place to another one; and a version that serves is not deployed twice."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from reconciling import reconcile

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.target.fake import FakeTarget
from modelyard.errors import Conflict
from modelyard.main import ControlPlane
from modelyard.ports.target import ServerKey, ServerState
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal

PATH = "/api/v1/deployments"
Json = dict[str, Any]


class Yard:
    """A control plane whose reconciler makes a pass whenever a job waits."""

    def __init__(
        self, control_plane: ControlPlane, client: TestClient, engine: InlineJobEngine, alice: Principal
    ) -> None:
        self.control_plane = control_plane
        self.client = client
        self._engine = engine
        self._alice = alice

    def settle(self) -> None:
        for deployment in self.control_plane.deployments.running("fake"):
            reconcile(self.control_plane.deployment_parts.reconcilers[0], deployment)

    def post(self, **body: Any) -> Any:
        return self.client.post(PATH, json={"model_name": "iris", **body})

    def deploy(self, **body: Any) -> Json:
        """Ask, and work the job off."""
        answer = self.post(**body)
        assert answer.status_code == 202, answer.text
        return self.work() | {"answer": answer.json()}

    def work(self) -> Json:
        job_id = self._engine.run_next()
        job: Json = self.client.get(f"/mlops/jobs/{job_id}").json()
        return job

    def look(self, deployment_id: str) -> Json:
        found: Json = self.client.get(f"{PATH}/{deployment_id}").json()
        return found

    def version_of(self, deployment_id: str) -> int:
        """Without a look at the target, as an answer over HTTP has one."""
        return self.control_plane.deployments.get(self._alice, deployment_id).version

    def actions(self, deployment_id: str) -> list[str]:
        subject = f"deployments/{deployment_id}"
        return [entry.action for entry in self.control_plane.audit.entries(self._alice.tenant_id, subject=subject)]


@pytest.fixture
def yard(
    control_plane: ControlPlane,
    client: TestClient,
    engine: InlineJobEngine,
    alice: Principal,
    clock: ManualClock,
    log_model: Callable[..., LoggedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> Yard:
    """Two versions of `iris`, none deployed."""
    for _ in range(2):
        control_plane.registry.register(alice, model_name="iris", logged=log_model())
    yard = Yard(control_plane, client, engine, alice)
    sleep = clock.sleep

    def sleep_and_settle(seconds: float) -> None:
        sleep(seconds)
        yard.settle()

    monkeypatch.setattr(clock, "sleep", sleep_and_settle)
    return yard


@pytest.fixture
def serving(yard: Yard) -> str:
    """A deployment of version 1."""
    job = yard.deploy(version=1)
    assert job["status"] == "succeeded", job
    deployment_id: str = job["deployment_id"]
    return deployment_id


class TestTheSameDeployment:
    def test_a_version_that_serves_already_is_reported_and_not_made_twice(self, yard: Yard, serving: str) -> None:
        job = yard.deploy(version=1)
        assert (job["status"], job["deployment_id"]) == ("succeeded", serving)
        assert job["answer"]["deployment_id"] == serving
        assert f"version 1 of 'iris' already serves in namespace 'default' as '{serving}'" in job["answer"]["message"]
        assert "already serves" in yard.client.get(f"/mlops/jobs/{job['job_id']}/log").text
        assert len(yard.client.get(PATH).json()["deployments"]) == 1

    def test_another_one_is_made_when_it_is_asked_for(self, yard: Yard, serving: str) -> None:
        other = yard.deploy(version=1, another=True)
        assert (other["status"], other["answer"]["deployment_id"]) == ("succeeded", None)
        assert other["deployment_id"] != serving

    @pytest.mark.parametrize("other", [{"version": 2}, {"version": 1, "namespace": "team-b"}])
    def test_another_version_or_namespace_is_another_deployment(self, yard: Yard, serving: str, other: Json) -> None:
        assert yard.deploy(**other)["deployment_id"] != serving

    def test_replicas_that_are_given_are_those_of_the_one_that_serves(self, yard: Yard, serving: str) -> None:
        yard.deploy(version=1, replicas=3)
        assert yard.look(serving)["replicas"] == 3
        yard.deploy(version=1)
        assert yard.look(serving)["replicas"] == 3

    def test_one_that_leaves_or_failed_is_not_it(self, yard: Yard, serving: str, target: FakeTarget) -> None:
        target.fail(serving, "it broke")
        yard.settle()
        second = yard.deploy(version=1)["deployment_id"]
        assert second != serving
        yard.client.delete(f"{PATH}/{second}")
        assert yard.deploy(version=1)["deployment_id"] not in {serving, second}

    def test_both_wishes_at_once_are_refused(self, yard: Yard) -> None:
        answer = yard.post(version=1, another=True, replace=True)
        assert (answer.status_code, answer.json()["field"]) == (400, "another")


class TestReplace:
    @pytest.mark.parametrize("verb", ["deploy", "patch"])
    def test_the_next_version_takes_the_place_and_back_is_the_same_verb(
        self, yard: Yard, serving: str, target: FakeTarget, verb: str
    ) -> None:
        before = yard.look(serving)
        for version, generation in ((2, 2), (1, 3)):
            if verb == "deploy":
                job = yard.deploy(version=version, replace=True)
                assert job["answer"]["deployment_id"] == serving
            else:
                answer = yard.client.patch(f"{PATH}/{serving}", json={"version": version})
                assert answer.json()["replacement"]["status"] == "building"
                job = yard.work()
                assert job["job_id"] == answer.json()["replacement"]["job_id"]
            assert (job["status"], int(job["model_version"]), job["deployment_id"]) == ("succeeded", version, serving)
            assert job["deployment_url"] == before["url"]
            now = yard.look(serving)
            assert (now["model_version"], now["generation"], now["status"]) == (version, generation, "ready")
            assert (now["replacement"]["status"], now["url"]) == ("done", before["url"])
            assert target.generations(serving) == [generation]
        replaced = ["deployment.replace_requested", "deployment.replaced"]
        assert yard.actions(serving)[-4:] == replaced * 2

    def test_the_old_version_serves_until_the_new_one_is_ready(
        self, yard: Yard, serving: str, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[list[int], int]] = []
        observe_all = target.observe_all

        def observed() -> object:
            seen.append((list(target.generations(serving)), yard.version_of(serving)))
            return observe_all()

        monkeypatch.setattr(target, "observe_all", observed)
        yard.deploy(version=2, replace=True)
        assert all(1 in generations for generations, version in seen if version == 1)
        assert ([1, 2], 2) in seen  # Both are there when the deployment is at its new version.

    def test_where_nothing_serves_it_is_a_first_deployment(self, yard: Yard) -> None:
        job = yard.deploy(version=2, replace=True)
        assert (job["status"], job["answer"]["deployment_id"]) == ("succeeded", None)

    def test_the_version_that_serves_is_the_same_deployment(self, yard: Yard, serving: str) -> None:
        assert yard.deploy(version=1, replace=True)["deployment_id"] == serving
        answer = yard.client.patch(f"{PATH}/{serving}", json={"version": 1})
        assert (answer.status_code, answer.json()["replacement"]) == (200, None)

    def test_which_of_several_is_meant_must_be_said(self, yard: Yard, serving: str) -> None:
        other = yard.deploy(version=1, another=True)["deployment_id"]
        answer = yard.post(version=2, replace=True)
        assert (answer.status_code, answer.json()["code"]) == (409, "deployment_ambiguous")
        assert serving in answer.json()["error"]
        assert other in answer.json()["error"]

    def test_one_that_does_not_start_leaves_the_old_one_serving_and_says_why(
        self, yard: Yard, serving: str, target: FakeTarget, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply = target.apply

        def broken(spec: Any) -> None:
            apply(spec)
            if spec.generation == 2:
                target.fail(spec.deployment_id, "ValueError: the weights are not there.")

        monkeypatch.setattr(target, "apply", broken)
        job = yard.deploy(version=2, replace=True)
        cause = "ValueError: the weights are not there; version 1 goes on serving"
        assert (job["status"], job["error"]["code"], job["deployment_id"]) == ("failed", "replacement_failed", serving)
        assert cause in job["error"]["message"]
        for _ in range(2):
            yard.settle()
        now = yard.look(serving)
        assert (now["status"], now["model_version"], now["generation"]) == ("ready", 1, 1)
        assert (now["replacement"]["status"], now["replacement"]["reason"]) == ("failed", cause)
        assert target.generations(serving) == [1]
        assert yard.actions(serving)[-1] == "deployment.replace_failed"
        monkeypatch.setattr(target, "apply", apply)
        assert yard.deploy(version=2, replace=True)["status"] == "succeeded"
        assert yard.look(serving)["generation"] == 3

    def test_one_that_is_never_ready_is_given_up_in_time(
        self, yard: Yard, serving: str, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply = target.apply

        def slow(spec: Any) -> None:
            apply(spec)
            if spec.generation == 2:
                target._cluster.servers[ServerKey(spec.deployment_id, 2)].state = ServerState.DEGRADED

        monkeypatch.setattr(target, "apply", slow)
        job = yard.deploy(version=2, replace=True)
        assert (job["status"], job["error"]["code"]) == ("failed", "replacement_failed")
        assert "it was not ready within 120 s; version 1 goes on" in job["error"]["message"]
        for _ in range(2):
            yard.settle()
        assert target.generations(serving) == [1]

    def test_of_two_at_once_one_wins_and_the_other_is_refused(self, yard: Yard, serving: str) -> None:
        first = yard.client.patch(f"{PATH}/{serving}", json={"version": 2})
        assert first.status_code == 200
        for answer in (
            yard.client.patch(f"{PATH}/{serving}", json={"version": 2}),
            yard.client.patch(f"{PATH}/{serving}", json={"version": 1}),
            yard.post(version=2, replace=True),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "deployment_replacing")
            assert first.json()["replacement"]["job_id"] in answer.json()["error"]
        assert yard.work()["status"] == "succeeded"

    def test_a_scale_meanwhile_holds_for_both(
        self, yard: Yard, serving: str, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply = target.apply

        def scaled(spec: Any) -> None:
            apply(spec)
            if spec.generation == 2 and spec.replicas == 1:
                yard.client.patch(f"{PATH}/{serving}", json={"replicas": 2})

        monkeypatch.setattr(target, "apply", scaled)
        assert yard.deploy(version=2, replace=True)["status"] == "succeeded"
        assert target.spec(serving, 2).replicas == 2
        assert yard.look(serving)["ready_replicas"] == 2

    def test_replicas_may_change_with_the_version(self, yard: Yard, serving: str, target: FakeTarget) -> None:
        yard.client.patch(f"{PATH}/{serving}", json={"version": 2, "replicas": 3})
        assert yard.work()["status"] == "succeeded"
        assert (yard.look(serving)["replicas"], target.spec(serving, 2).replicas) == (3, 3)

    def test_undeploying_meanwhile_takes_both_away(
        self, yard: Yard, serving: str, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply = target.apply

        def undeployed(spec: Any) -> None:
            apply(spec)
            if spec.generation == 2:
                yard.client.delete(f"{PATH}/{serving}")

        monkeypatch.setattr(target, "apply", undeployed)
        job = yard.deploy(version=2, replace=True)
        assert (job["status"], "the deployment was undeployed" in job["error"]["message"]) == ("failed", True)
        for _ in range(3):
            yard.settle()
        assert target.deployment_ids() == []
        assert yard.look(serving)["status"] == "stopped"
        answer = yard.client.patch(f"{PATH}/{serving}", json={"version": 2})
        assert (answer.status_code, answer.json()["code"]) == (409, "deployment_leaving")

    def test_a_job_that_is_cancelled_leaves_the_old_version(self, yard: Yard, serving: str) -> None:
        answer = yard.client.patch(f"{PATH}/{serving}", json={"version": 2})
        job_id = answer.json()["replacement"]["job_id"]
        yard.client.post(f"/mlops/jobs/{job_id}/cancel")
        assert yard.work()["status"] == "cancelled"
        yard.settle()
        assert yard.look(serving)["model_version"] == 1
        assert yard.client.patch(f"{PATH}/{serving}", json={"version": 2}).status_code == 200

    def test_a_version_that_is_deleted_meanwhile_does_not_come_and_the_old_one_stays(
        self, yard: Yard, serving: str, alice: Principal
    ) -> None:
        yard.client.patch(f"{PATH}/{serving}", json={"version": 2})
        service = yard.control_plane.deployments
        (aimed_at,) = service.left(alice, "iris", 2)
        assert aimed_at.deployment_id == serving
        service.leave(alice, serving, 2, reason="version 2 is deleted")
        assert service.left(alice, "iris", 2) == []
        assert yard.look(serving)["replacement"]["reason"] == "version 2 is deleted"
        assert yard.work()["status"] == "failed"
        assert yard.look(serving)["status"] == "ready"

    @pytest.mark.parametrize("body", [{}, {"version": 0}, {"version": 1.5}, {"version": "2"}, {"version": True}])
    def test_a_body_that_says_nothing_or_nonsense_is_refused(self, yard: Yard, serving: str, body: Json) -> None:
        assert yard.client.patch(f"{PATH}/{serving}", json=body).status_code == 400

    def test_a_version_that_is_not_there_is_not_found(self, yard: Yard, serving: str) -> None:
        assert yard.client.patch(f"{PATH}/{serving}", json={"version": 9}).status_code == 404

    def test_the_database_keeps_a_second_one_out(self, yard: Yard, serving: str, alice: Principal) -> None:
        service = yard.control_plane.deployments
        service.replace(alice, serving, 2, job_id="job-x")
        service.replace(alice, serving, 2, job_id="job-x")
        with pytest.raises(Conflict) as caught:
            service.replace(alice, serving, 2, job_id="job-y")
        assert caught.value.code == "deployment_replacing"
