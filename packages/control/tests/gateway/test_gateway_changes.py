"""What happens elsewhere reaches APIs: a promotion is a release of them, and a tenant that is deleted has none."""

from collections.abc import Callable

import pytest
from gateway_objects import MADE, a_revision, a_version_set, an_api
from starlette.testclient import TestClient

from modelyard.access.tables import tenants
from modelyard.gateway import release_store, store
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard.registry.states import Stage

PETRA = Principal(tenant_id=FIRST_TENANT, subject="petra", role=Role.APPROVER)


@pytest.fixture
def promoted(control_plane: ControlPlane, log_model: Callable[..., LoggedModel]) -> Callable[[float], int]:
    """Registers a version with this metric and brings it to production."""

    def promote(auc: float) -> int:
        logged = log_model(metrics={"auc": auc})
        version = control_plane.registry.register(PETRA, model_name="churn", logged=logged)
        with control_plane.database.write() as connection:
            mover = control_plane.registry_parts.mover
            staged = mover.move(connection, PETRA, version, Stage.STAGING, reason="tried")
            mover.move(connection, PETRA, staged, Stage.PRODUCTION, reason="better")
        return version.version

    return promote


def test_a_promotion_is_a_release_of_the_apis_that_are_bound_to_the_stage(
    control_plane: ControlPlane, client: TestClient, promoted: Callable[[float], int]
) -> None:
    promoted(0.8)
    for name, target in (("bound", {"stage": "production"}), ("pinned", {"version": 1})):
        body = {"api_id": name, "display_name": name, "path": name, "model_name": "churn", **target}
        assert client.post("/api/v1/gateway/apis", json=body).status_code == 201
        assert client.post(f"/api/v1/gateway/apis/{name}/releases", json={}).status_code == 201
    promoted(0.9)
    log = client.get("/api/v1/gateway/apis/bound/releases").json()["releases"]
    assert [release["cause"] for release in log] == ["promotion", "release"]
    assert log[0]["changes"] == ["version 1 of 'churn' → version 2 of 'churn'"]
    assert (log[0]["before"]["metrics"]["auc"], log[0]["after"]["metrics"]["auc"]) == (0.8, 0.9)
    assert log[0]["created_by"] == "petra"
    assert len(client.get("/api/v1/gateway/apis/pinned/releases").json()["releases"]) == 1


def test_a_tenant_that_is_deleted_has_no_path_any_more(control_plane: ControlPlane, client: TestClient) -> None:
    acme = {"tenant_id": "acme", "name": "Acme", "admin": "ada"}
    assert client.post("/api/v1/access/tenants", json=acme).status_code == 201
    with control_plane.database.write() as connection:
        store.add_version_set(connection, a_version_set(tenant_id="acme"))
        store.add_api(connection, an_api(tenant_id="acme"))
        release_store.add_revision(connection, a_revision(tenant_id="acme"))
    assert [api.tenant_id for api in control_plane.gateway.states.read().apis] == ["acme"]
    with control_plane.database.write() as connection:
        connection.execute(tenants.update().where(tenants.c.id == "acme").values(deleted_at=MADE))
    state = control_plane.gateway.states.read()
    assert (state.apis, state.version_sets, state.revisions) == ([], [], [])
