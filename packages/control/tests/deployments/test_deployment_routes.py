"""`/api/v1/deployments` over HTTP: make, list, look, scale, undeploy, logs."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from reconciling import reconcile

from modelyard.adapters.target.fake import FakeTarget
from modelyard.deployments.domain import Deployment
from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.deployments.states import DeploymentStatus
from modelyard.gateway_node.control_plane import NodeReport
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version

PATH = "/api/v1/deployments"
NODE = NodeReport(
    running="a" * 64, is_serving=True, host="127.0.0.1", port=8080, tls_port=None, envoy_version=None, problem=None
)


@pytest.fixture
def iris(control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]) -> Version:
    """The newest of two versions."""
    control_plane.registry.register(alice, model_name="iris", logged=log_model())
    return control_plane.registry.register(alice, model_name="iris", logged=log_model())


@pytest.fixture
def deployment(control_plane: ControlPlane, alice: Principal, iris: Version) -> Deployment:
    """One that serves."""
    control_plane.packaging.build(iris, log=lambda _: None)
    made = control_plane.deployments.create(alice, iris, replicas=2, namespace="default", job_id="job-1")
    for _ in range(3):
        reconcile(
            control_plane.deployment_parts.reconcilers[0], control_plane.deployments.get(alice, made.deployment_id)
        )
    return control_plane.deployments.get(alice, made.deployment_id)


class TestDeploy:
    def test_the_newest_version_is_meant_where_none_is_named(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal, iris: Version
    ) -> None:
        response = client.post(PATH, json={"model_name": "iris"})
        assert response.status_code == 202
        job = control_plane.jobs.get(alice, response.json()["job_id"])
        assert (job.kind, job.model_name) == (DEPLOYMENT, "iris")
        assert job.request == {
            "version": 2,
            "replicas": None,
            "namespace": "default",
            "another": False,
            "replace": False,
        }

    def test_the_same_key_is_the_same_job_after_a_newer_version_too(
        self,
        client: TestClient,
        control_plane: ControlPlane,
        alice: Principal,
        iris: Version,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        headers = {"Idempotency-Key": "k"}
        first = client.post(PATH, json={"model_name": "iris"}, headers=headers).json()["job_id"]
        control_plane.registry.register(alice, model_name="iris", logged=log_model())
        again = client.post(PATH, json={"model_name": "iris"}, headers=headers)
        assert (again.status_code, again.json()["job_id"]) == (202, first)

    def test_the_same_key_for_another_model_is_another_request(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]
    ) -> None:
        for name in ("iris", "digits"):
            control_plane.registry.register(alice, model_name=name, logged=log_model())
        headers = {"Idempotency-Key": "k"}
        assert client.post(PATH, json={"model_name": "iris"}, headers=headers).status_code == 202
        response = client.post(PATH, json={"model_name": "digits"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"model_name": "none"}, 404, "model_not_found"),
            ({"model_name": "iris", "version": 7}, 404, "version_not_found"),
            ({"model_name": "iris", "version": 10**30}, 404, "version_not_found"),
            ({"model_name": "iris", "version": 0}, 400, "request_invalid"),
            ({"model_name": "iris", "version": "1"}, 400, "request_invalid"),
            ({"model_name": "iris", "replicas": 0}, 400, "replicas_invalid"),
            ({"model_name": "iris", "namespace": "a/b"}, 400, "namespace_invalid"),
        ],
    )
    def test_what_cannot_be_deployed_says_why(
        self, client: TestClient, iris: Version, body: dict[str, Any], status: int, code: str
    ) -> None:
        response = client.post(PATH, json=body)
        assert (response.status_code, response.json()["code"]) == (status, code)


class TestLook:
    def test_one_tells_how_it_stands_with_its_replicas(self, client: TestClient, deployment: Deployment) -> None:
        body = client.get(f"{PATH}/{deployment.deployment_id}").json()
        assert (
            body.items()
            >= {
                "deployment_id": deployment.deployment_id,
                "model_name": "iris",
                "model_version": 2,
                "target": "fake",
                "namespace": "default",
                "status": "ready",
                "reason": None,
                "replicas": 2,
                "ready_replicas": 2,
                "url": "http://127.0.0.1:8100",
                "api_url": None,
                "job_id": "job-1",
            }.items()
        )
        assert [replica["state"] for replica in body["replica_states"]] == ["ready", "ready"]
        assert client.get(PATH).json() == {"deployments": [body], "next_cursor": None}

    def test_where_there_is_a_gateway_the_stable_address_stands_beside_that_of_the_server(
        self, client: TestClient, control_plane: ControlPlane, deployment: Deployment
    ) -> None:
        control_plane.gateway.publishing.note_report("node-1", NODE)
        stable = {"url": "http://127.0.0.1:8100", "api_url": "http://127.0.0.1:8080/iris"}
        for found in (
            client.get(f"{PATH}/{deployment.deployment_id}").json(),
            client.get(PATH).json()["deployments"][0],
            client.patch(f"{PATH}/{deployment.deployment_id}", json={"replicas": 1}).json(),
        ):
            assert found.items() >= stable.items()
        version = client.get("/api/v1/modelserving/models/iris/versions/2").json()
        assert version["api_url"] == stable["api_url"]

    def test_a_target_that_is_away_leaves_the_replicas_out(
        self, client: TestClient, deployment: Deployment, target: FakeTarget
    ) -> None:
        target.is_answering = False
        body = client.get(f"{PATH}/{deployment.deployment_id}").json()
        assert (body["status"], body["replica_states"]) == ("ready", [])

    def test_one_that_is_not_there_is_not_found(self, client: TestClient, deployment: Deployment) -> None:
        assert client.get(f"{PATH}/dep-none").json()["code"] == "deployment_not_found"

    def test_filters_and_words_that_are_no_status(self, client: TestClient, deployment: Deployment) -> None:
        assert client.get(PATH, params={"status": "stopped"}).json()["deployments"] == []
        assert len(client.get(PATH, params={"status": "ready", "model_name": "iris"}).json()["deployments"]) == 1
        assert client.get(PATH, params={"status": "gone"}).json()["field"] == "status"


class TestChange:
    def test_scaling_is_audited_and_returned(self, client: TestClient, deployment: Deployment) -> None:
        response = client.patch(f"{PATH}/{deployment.deployment_id}", json={"replicas": 5})
        assert (response.status_code, response.json()["replicas"]) == (200, 5)

    @pytest.mark.parametrize("replicas", [0, 65, -1, 10**30, "2", None, 1.0, True])
    def test_a_number_that_is_none_is_refused(self, client: TestClient, deployment: Deployment, replicas: Any) -> None:
        response = client.patch(f"{PATH}/{deployment.deployment_id}", json={"replicas": replicas})
        assert (response.status_code, response.json()["field"]) == (400, "replicas")

    def test_undeploying_is_accepted_again_and_again(
        self, client: TestClient, control_plane: ControlPlane, alice: Principal, deployment: Deployment
    ) -> None:
        path = f"{PATH}/{deployment.deployment_id}"
        assert [client.delete(path).status_code for _ in range(2)] == [202, 202]
        for _ in range(3):
            reconcile(
                control_plane.deployment_parts.reconcilers[0],
                control_plane.deployments.get(alice, deployment.deployment_id),
            )
        assert client.get(path).json()["status"] == "stopped"
        assert client.get(PATH).json()["deployments"] == []
        assert len(client.get(PATH, params={"status": "stopped"}).json()["deployments"]) == 1
        response = client.patch(path, json={"replicas": 3})
        assert (response.status_code, response.json()["code"]) == (409, "deployment_leaving")


class TestLogs:
    def stop(self, control_plane: ControlPlane, deployment: Deployment) -> None:
        for status in (DeploymentStatus.DRAINING, DeploymentStatus.STOPPED):
            control_plane.deployments.note(deployment, status=status, reason=None, url=None, ready_replicas=0)

    def test_they_are_text_or_events_until_it_is_stopped(
        self,
        client: TestClient,
        control_plane: ControlPlane,
        deployment: Deployment,
        target: FakeTarget,
    ) -> None:
        target.write_log(deployment.deployment_id, 1, b"loading\nready\n")
        path = f"{PATH}/{deployment.deployment_id}/logs"
        assert client.get(path).text == "loading\nready\n"
        assert client.get(path, params={"offset": 8}).text == "ready\n"
        assert client.get(path, params={"offset": 10**30}).text == ""
        self.stop(control_plane, deployment)
        response = client.get(path, headers={"Accept": "text/event-stream", "Last-Event-ID": "8"})
        assert response.text == 'id: 14\nevent: log\ndata: ready\n\nid: 14\nevent: end\ndata: {"status": "stopped"}\n\n'

    def test_of_a_generation_that_was_never_there_they_are_empty(
        self, client: TestClient, deployment: Deployment
    ) -> None:
        assert client.get(f"{PATH}/{deployment.deployment_id}/logs", params={"generation": 7}).text == ""

    def test_of_one_that_is_not_there_they_are_not_found(self, client: TestClient, deployment: Deployment) -> None:
        assert client.get(f"{PATH}/dep-none/logs").status_code == 404
