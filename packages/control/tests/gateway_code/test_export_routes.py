"""Exports over HTTP."""

import pytest
from apim_world import BACKEND, document_001
from fastapi.testclient import TestClient
from gateway_objects import a_revision

from modelyard.gateway import release_store, store
from modelyard.gateway.domain import Target
from modelyard.main.control_plane import ControlPlane

_EXPORT = "/api/v1/gateway/export"


@pytest.fixture
def control_plane(sqlite_control_plane: ControlPlane) -> ControlPlane:
    """Nothing of this depends on the database."""
    return sqlite_control_plane


def _have(control_plane: ControlPlane, target: Target) -> None:
    objects = document_001()
    with control_plane.database.write() as connection:
        store.add_version_set(connection, objects.sets[0])
        store.add_api(connection, objects.known_apis[0])
        release_store.add_revision(connection, a_revision(target=target))
        release_store.add_release(connection, objects.releases[0])


class TestExport:
    def test_a_program_and_a_file_are_given_without_any_service_configured(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        _have(control_plane, BACKEND)

        program = client.get(_EXPORT, params={"format": "pulumi"}).json()
        assert program["file_name"] == "__main__.py"
        assert 'apim.ApiVersionSet(\n    "api_version_set"' in program["content"]
        file = client.get(_EXPORT, params={"format": "bicep", "operations": True}).json()
        assert "Microsoft.ApiManagement/service/apis/operations@" in file["content"]

    def test_a_service_needs_both_of_its_publisher(self, client: TestClient) -> None:
        refused = client.get(_EXPORT, params={"format": "pulumi", "publisher_name": "Team"})
        assert (refused.status_code, refused.json()["field"]) == (400, "publisher_email")

        both = {"format": "bicep", "publisher_name": "Team '${x}", "publisher_email": "team@example.com"}
        assert "publisherName: 'Team \\'\\${x}'" in client.get(_EXPORT, params=both).json()["content"]

    def test_what_cannot_be_said_is_refused_by_name(self, client: TestClient, control_plane: ControlPlane) -> None:
        _have(control_plane, Target(model_name="churn"))

        refused = client.get(_EXPORT, params={"format": "pulumi"})
        assert (refused.status_code, refused.json()["code"]) == (400, "apim_unsupported")

    def test_another_format_is_refused(self, client: TestClient) -> None:
        assert client.get(_EXPORT, params={"format": "terraform"}).status_code == 400

    def test_answers_of_the_gateway_itself_are_comments_of_the_gateway_api(self, client: TestClient) -> None:
        content = client.get(_EXPORT, params={"format": "gateway-api", "namespace": "gateways"}).json()["content"]

        assert content.startswith("# left out: ")
        refused = client.get(_EXPORT, params={"format": "gateway-api", "gateway": "Not A Name"})
        assert (refused.status_code, refused.json()["field"]) == (400, "gateway")


class TestApply:
    def test_a_file_is_tried_applied_and_exported(self, client: TestClient) -> None:
        content = (
            "apis:\n- {api_id: churn, display_name: Churn, path: churn, service_url: 'http://203.0.113.9',"
            " release: {release_id: first}}\n"
        )
        files = [{"name": "gateway.yaml", "content": content}]

        tried = client.post("/api/v1/gateway/apply", json={"files": files, "dry_run": True}).json()
        assert [(each["action"], each["key"]) for each in tried["changes"]] == [("create", "churn")]
        assert client.get("/api/v1/gateway/apis").json()["apis"] == []
        done = client.post("/api/v1/gateway/apply", json={"files": files}).json()
        assert done == {**tried, "is_applied": True}
        assert client.get("/api/v1/gateway/apis/churn").json()["current_revision"] == 1
        assert "api_id: churn" in client.get(_EXPORT).json()["content"]

    def test_what_is_wrong_is_named_with_its_line(self, client: TestClient) -> None:
        files = [{"name": "gateway.yaml", "content": "apis:\n- api_id: churn\n"}]

        refused = client.post("/api/v1/gateway/apply", json={"files": files})
        assert (refused.status_code, refused.json()["code"]) == (400, "gateway_file_invalid")
        assert "gateway.yaml:2: apis.display_name: " in refused.json()["error"]
        tried = client.post("/api/v1/gateway/apply", json={"files": files, "dry_run": True}).json()
        assert tried["problems"][0] == {
            "file": "gateway.yaml",
            "line": 2,
            "field": "apis.display_name",
            "message": "expected a value, got none",
        }
