"""Azure API Management over HTTP: who may look, who may push, and what a push's job says."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from apim_world import BACKEND, client_of, document_001
from azure_api_management import ApiManagementService, api_management_service
from fastapi.testclient import TestClient
from gateway_objects import MADE, a_revision

from modelyard.adapters.apim.service import AzureApiManagement
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import OnMissing, Target
from modelyard.main.adapters import Adapters
from modelyard.main.control_plane import ControlPlane
from modelyard.registry.states import Stage
from modelyard.traffic.domain import Shadow, Share, Split, Stickiness, Traffic
from modelyard.traffic.service import TrafficService

_APIM = "/api/v1/gateway/azure-apim"


@pytest.fixture
def azure() -> Iterator[ApiManagementService]:
    with api_management_service() as service:
        yield service


@pytest.fixture
def adapters(adapters: Adapters, azure: ApiManagementService) -> Iterator[Adapters]:
    client = client_of(azure)
    yield replace(adapters, api_management=client)
    client.close()


@pytest.fixture
def control_plane(sqlite_control_plane: ControlPlane) -> ControlPlane:
    """Nothing of this depends on the database."""
    return sqlite_control_plane


def _have_document_001(control_plane: ControlPlane, target: Target = BACKEND) -> None:
    objects = document_001()
    with control_plane.database.write() as connection:
        store.add_version_set(connection, objects.sets[0])
        store.add_api(connection, objects.known_apis[0])
        release_store.add_revision(connection, a_revision(target=target))
        release_store.add_release(connection, objects.releases[0])


class TestPush:
    def test_the_plan_that_was_shown_is_pushed_by_a_job(
        self, client: TestClient, control_plane: ControlPlane, azure: ApiManagementService, engine: InlineJobEngine
    ) -> None:
        _have_document_001(control_plane)
        plan = client.get(f"{_APIM}/plan").json()
        assert plan["changes"] == len(plan["steps"]) > 3

        accepted = client.post(f"{_APIM}/push", json={"plan": plan["digest"]})
        assert accepted.status_code == 202
        again = client.post(f"{_APIM}/push", json={})
        assert again.json()["job_id"] == accepted.json()["job_id"]
        engine.run_next()
        outcome = client.get(f"{_APIM}/pushes/{accepted.json()['job_id']}").json()
        assert outcome["status"] == "succeeded"
        assert "apis/ml-model-v1/releases/ml-model-release-v1" in outcome["changed"]
        assert azure.current == {"ml-model-v1": "1"}
        assert client.get(f"{_APIM}/plan").json()["drift"] == 0

    def test_a_push_whose_process_dies_is_finished_by_the_next(
        self,
        client: TestClient,
        control_plane: ControlPlane,
        azure: ApiManagementService,
        engine: InlineJobEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        _have_document_001(control_plane)
        job_id = client.post(f"{_APIM}/push", json={}).json()["job_id"]
        put, left = AzureApiManagement.put, iter((False, False, True))

        def die(service: AzureApiManagement, *args: Any, **options: Any) -> None:
            put(service, *args, **options)
            if next(left, False):
                raise SystemExit

        monkeypatch.setattr(AzureApiManagement, "put", die)
        with pytest.raises(SystemExit):
            engine.run_next()
        assert len(azure.writes) == 3

        engine.run_next()
        outcome = client.get(f"{_APIM}/pushes/{job_id}").json()
        assert outcome["status"] == "succeeded"
        assert len(azure.writes) == len(set(azure.writes)) == 10

    def test_another_plan_is_not_pushed(
        self, client: TestClient, control_plane: ControlPlane, azure: ApiManagementService
    ) -> None:
        _have_document_001(control_plane)

        refused = client.post(f"{_APIM}/push", json={"plan": "0" * 64})
        assert (refused.status_code, refused.json()["code"]) == (409, "apim_plan_changed")
        assert azure.writes == []

    def test_what_azure_cannot_honour_is_named_and_nothing_is_pushed(
        self, client: TestClient, control_plane: ControlPlane, azure: ApiManagementService
    ) -> None:
        _have_document_001(control_plane, Target(model_name="churn"))

        refused = client.post(f"{_APIM}/push", json={})
        assert (refused.status_code, refused.json()["code"]) == (400, "apim_unsupported")
        assert "apis/ml-model-v1: revisions.1.target" in refused.json()["error"]
        assert "MODELYARD_APIM_BACKEND_URL" in refused.json()["error"]
        assert azure.writes == []

    def test_what_azure_has_is_shown_with_who_wrote_it(
        self, client: TestClient, control_plane: ControlPlane, engine: InlineJobEngine
    ) -> None:
        _have_document_001(control_plane)
        client.post(f"{_APIM}/push", json={})
        engine.run_next()

        found = client.get(f"{_APIM}/resources").json()
        assert found["service"]["addresses"] == ["203.0.113.7"]
        by_name = {each["resource"]: each for each in found["resources"]}
        assert by_name["apis/ml-model-v1"]["properties"]["apiVersionSetId"] == "apiVersionSets/api-version-set"
        assert by_name["apis/ml-model-v1"]["written_by"]


class TestOtherNouns:
    def test_products_arrive_with_their_rate_and_subscriptions_are_named(
        self, client: TestClient, control_plane: ControlPlane, azure: ApiManagementService, engine: InlineJobEngine
    ) -> None:
        _have_document_001(control_plane)
        product = {"product_id": "team", "display_name": "Team", "api_ids": ["ml-model-v1"]}
        client.post("/api/v1/gateway/products", json={**product, "limits": {"rate": {"calls": 5, "seconds": 60}}})
        scope = {"kind": "product", "name": "team"}
        client.post("/api/v1/gateway/subscriptions", json={"display_name": "Petra", "scope": scope})

        (skipped,) = client.get(f"{_APIM}/plan").json()["skipped"]
        assert "hashes only" in skipped["reason"]
        client.post(f"{_APIM}/push", json={})
        engine.run_next()
        assert azure.entities["products/team"].properties["subscriptionRequired"] is True
        assert 'calls="5"' in azure.entities["products/team/policies/policy"].properties["value"]
        assert "products/team/apis/ml-model-v1" in azure.entities

    def test_a_quota_and_divided_traffic_of_a_stage_are_refused_by_name(
        self, client: TestClient, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _have_document_001(control_plane, Target(model_name="churn", stage=Stage.PRODUCTION))
        quota = {"quota": {"calls": 5, "period": "day"}, "is_enforced": False}
        client.post("/api/v1/gateway/products", json={"product_id": "team", "display_name": "Team", "limits": quota})
        split = Split((Share(1, 90), Share(2, 10)), Stickiness(), Shadow(3, 5))
        traffic = Traffic(
            tenant_id="default",
            model_name="churn",
            split=split,
            salt="",
            rollout_id=None,
            updated_by="petra",
            updated_at=MADE,
            revision=1,
        )
        monkeypatch.setattr(TrafficService, "of_tenant", lambda *_: [traffic])

        fields = [each["field"] for each in client.get(f"{_APIM}/plan").json()["refusals"]]
        assert fields[:5] == [
            "limits.quota",
            "limits.is_enforced",
            "traffic.shares",
            "traffic.sticky",
            "traffic.shadow",
        ]


class TestAccess:
    def test_a_viewer_looks_and_does_not_push(self, client: TestClient, control_plane: ControlPlane) -> None:
        _have_document_001(control_plane)
        made = client.post("/api/v1/access/tokens", json={"name": "reader", "scopes": ["gateway:read"]}).json()
        client.headers["Authorization"] = f"Bearer {made['secret']}"

        assert client.get(f"{_APIM}/plan").status_code == 200
        assert client.post(f"{_APIM}/push", json={}).status_code == 403

    def test_a_default_that_azure_has_not_stops_the_push_of_all(
        self, client: TestClient, control_plane: ControlPlane, azure: ApiManagementService
    ) -> None:
        _have_document_001(control_plane)
        version_set = document_001().sets[0]
        with control_plane.database.write() as connection:
            store.change_version_set(connection, version_set, on_missing=OnMissing.DEFAULT, default_version="v1")

        assert "on_missing" in client.post(f"{_APIM}/push", json={}).json()["error"]
        assert azure.writes == []


class TestWithoutAService:
    @pytest.fixture
    def adapters(self, adapters: Adapters) -> Adapters:
        return replace(adapters, api_management=None)

    def test_there_is_none(self, client: TestClient) -> None:
        answer = client.get(f"{_APIM}/plan")
        assert (answer.status_code, answer.json()["code"]) == (404, "apim_not_configured")
