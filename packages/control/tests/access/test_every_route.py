"""Every route, each role, each tenant. The routes are the application's own, so none can be left out."""

from dataclasses import dataclass
from typing import Any

import pytest
from access_platform import Platform
from api_routes import api_routes
from fastapi.routing import APIRoute
from httpx import Client, Response
from oci_parts import make_root

from modelyard.apim.kinds import PUSH
from modelyard.http.guard import permissions_of
from modelyard.http.middleware.authentication import PUBLIC
from modelyard.images.imported_bases import ImportedBases
from modelyard.principals import FIRST_TENANT, PERMISSIONS, Permission, Principal, Role
from modelyard.rollouts.plan import Plan

COMMENT = {"comment": "because"}
UPLOAD = {"name": "iris", "file_name": "model.tar", "size_bytes": 10_000, "sha256": "0" * 64}
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/ml/registry/models/{name}/versions/{version}/stage": {"stage": "staging", **COMMENT},
    "POST /api/v1/ml/registry/models/{name}/versions/{version}/checks": {"name": "bias", "is_passed": True},
    "PATCH /api/v1/deployments/{deployment_id}": {"replicas": 2},
    "PATCH /api/v1/access/members/{subject}": {"role": "viewer"},
    "POST /api/v1/webhooks/{webhook_id}/replay": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "PUT /api/v1/gateway/traffic/{name}": {"shares": [{"version": 1, "percent": 100}]},
    "POST /api/v1/ml/registry/models/{name}/outcomes": {"outcomes": [{"request_id": "r-0", "value": 1}]},
    "POST /api/v1/gateway/apis/{api_id}/revisions": {"deployment_id": "dep-0"},
    "PATCH /api/v1/gateway/apis/{api_id}/revisions/{number}": {"is_online": True},
    "POST /api/v1/access/tenants/{tenant_id}/admin-token": {"admin": "ada"},
    "POST /api/v1/modelserving/models/{name}/versions": {"artifact_id": "0" * 32},
    "POST /api/v1/modelserving/models/{name}/image": {"artifact_id": "0" * 32},
    "POST /api/v1/ml/registry/models/{name}/versions/{version}/holds": {"reason": "law"},
    "POST /api/v1/ml/registry/models/{name}/holds/{hold_id}/lift": {"reason": "done"},
}
"""Of routes with an id, what makes a request whole; the others take an empty object."""
QUERIES: dict[str, dict[str, Any]] = {
    "GET /api/v1/ml/registry/models/{name}/versions/{version}/artifacts/file": {"path": "MLmodel"},
    "GET /api/v1/ml/registry/models/{name}/compare": {"versions": "1,2"},
    "GET /api/v1/ml/registry/models/{name}/outcomes/{metric}": {"control": "1", "candidate": "2"},
    "GET /api/v1/gateway/explain": {"url": "/iris/predict"},
    "GET /api/v1/ml/registry/models/{name}/compare.svg": {"versions": "1,2"},
}

BY_CONTENT = {"PUT /mlops/projects/{sha256}": 400, "PUT /api/v1/gateway/token-issuers/{issuer_id}": 400}
"""Routes whose id is the digest of what is sent, or that make what they name; what is sent here makes nothing."""
NOT_OF_EVERY_ONE = {
    "GET /mlops/jobs/{job_id}/notebook": "notebook_not_found",
    "GET /mlops/jobs/{job_id}/notebook.html": "notebook_not_found",
    "GET /api/v1/gateway/traffic/{name}/comparison": "shadow_not_found",
}
"""Routes of what only some things have, and the code with which the owner of one without it is answered."""
HEADERS = {"PATCH /api/v1/ml/registry/uploads/{upload_id}": {"Upload-Offset": "0"}}


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    parameters: frozenset[str]
    permission: Permission

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}"

    def ask(self, caller: Client, ids: dict[str, str]) -> Response:
        """Call it with these ids in its path."""
        is_training = self.path.startswith("/mlops/training/")
        path = self.path.format(**(ids | {"job_id": ids["training_job_id"]} if is_training else ids))
        body = None if self.method == "GET" else BODIES.get(self.title, {})
        return caller.request(
            self.method, path, json=body, params=QUERIES.get(self.title), headers=HEADERS.get(self.title)
        )


def routes_of(platform: Platform) -> list[Route]:
    """All but the public ones."""
    found = []
    for context in api_routes(platform.app):
        if context.path in PUBLIC or not isinstance(context.original_route, APIRoute):
            continue
        (permission,) = permissions_of(context.original_route)
        parameters = frozenset(parameter.name for parameter in context.dependant.path_params)
        found += [Route(method, str(context.path), parameters, permission) for method in sorted(context.methods or [])]
    assert len(found) > 40
    return found


@pytest.fixture(scope="module")
def things(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One of each thing that a path can name, of the first tenant, by the parameter that names it."""
    owner = platform.operator
    for _ in range(2):
        registered = owner.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()})
        assert registered.status_code == 201
    stage = "/api/v1/ml/registry/models/iris/versions/1/stage"
    assert owner.post(stage, json={"stage": "staging", **COMMENT}).status_code == 200
    asked = owner.post(stage, json={"stage": "production", **COMMENT})
    deployed = owner.post("/api/v1/deployments", json={"model_name": "iris", "version": 1})
    assert (asked.status_code, deployed.status_code) == (202, 202)
    layout = platform.control.deployment_parts.images.building.layout
    ImportedBases(layout).add(make_root(tmp_path_factory.mktemp("base") / "root"), name="small")
    assert owner.post("/api/v1/ml/registry/models/iris/versions/1/image").status_code == 202
    while platform.engine.run_next():
        pass  # Imports that earlier tests have begun, the deployment and the image.
    held = owner.post("/api/v1/ml/registry/models/iris/versions/1/holds", json={"reason": "law"})
    assert held.status_code == 201
    script = {"script_name": "train.py", "script_content": "log()", "requirements": []}
    trained = owner.post("/mlops/training/upload", json=script)
    assert trained.status_code == 202
    begun = owner.post("/api/v1/ml/registry/uploads", json=UPLOAD)
    assert begun.status_code == 201
    platform.member(owner, "dora", "developer")
    token = owner.get("/api/v1/access/tokens").json()["tokens"][0]
    hook = owner.post("/api/v1/webhooks", json={"url": "https://hooks.example.com/"}).json()["webhook"]["webhook_id"]
    delivery = owner.post(f"/api/v1/webhooks/{hook}/test").json()
    deployment = owner.get("/api/v1/deployments").json()["deployments"][0]
    version_set = {"version_set_id": "iris", "display_name": "Iris", "versioning_scheme": "Segment"}
    assert owner.post("/api/v1/gateway/version-sets", json=version_set).status_code == 201
    api = {"api_id": "iris-v1", "display_name": "Iris", "path": "iris", "model_name": "iris"}
    assert owner.post("/api/v1/gateway/apis", json=api).status_code == 201
    release = owner.post("/api/v1/gateway/apis/iris-v1/releases", json={"release_id": "first"})
    assert release.status_code == 201
    gold = {"product_id": "gold", "display_name": "Gold"}
    assert owner.post("/api/v1/gateway/products", json=gold).status_code == 201
    subscribed = {"display_name": "Shop", "scope": {"kind": "all"}}
    subscription = owner.post("/api/v1/gateway/subscriptions", json=subscribed).json()["subscription"]
    assert owner.put("/api/v1/rollout-plans/iris", json={}).status_code == 200
    petra = Principal(tenant_id=FIRST_TENANT, subject="petra", role=Role.ADMIN)
    with platform.control.database.write() as connection:
        rollout = platform.control.rollout_parts.book.start(
            connection, petra, "iris", Plan(), former=1, candidate=2, is_promoted=False
        )
    return {
        "name": "iris",
        "model_name": "iris",
        "version": "1",
        "request_id": asked.json()["request"]["request_id"],
        "upload_id": begun.json()["upload_id"],
        "job_id": deployed.json()["job_id"],
        "training_job_id": trained.json()["job_id"],
        "import_job_id": owner.post("/api/v1/ml/registry/mirror/import").json()["job_id"],
        "push_job_id": platform.control.jobs.create(
            petra,
            kind=PUSH,
            model_name="",
            request={},
            experiment_name=None,
        ).job_id,
        "deployment_id": deployment["deployment_id"],
        "subject": "dora",
        "token_id": token["token_id"],
        "tenant_id": FIRST_TENANT,
        "hold_id": held.json()["hold_id"],
        "webhook_id": hook,
        "delivery_id": delivery["delivery_id"],
        "product_id": "gold",
        "key_name": "primary",
        "subscription_id": subscription["subscription_id"],
        "issuer_id": "nosuch",
        "image": owner.get("/api/v1/ml/registry/images").json()["images"][0]["image_id"],
        "sha256": "0" * 64,
        "version_set_id": "iris",
        "rollout_id": rollout.rollout_id,
        "schedule_id": _schedule(platform),
        "metric": "bought",
        "api_id": "iris-v1",
        "number": "1",
        "release_id": "first",
    }


def _schedule(platform: Platform) -> str:
    new = {"model_name": "iris", "version": "production", "cron": "0 0 1 1 *"}
    made = platform.operator.post("/api/v1/schedules", json=new)
    assert made.status_code == 201, made.text
    schedule_id: str = made.json()["schedule_id"]
    return schedule_id


MISSING = {
    "name": "nosuch",
    "model_name": "nosuch",
    "version": "1",
    "request_id": "request-0",
    "upload_id": "up-0",
    "job_id": "job-0",
    "training_job_id": "job-0",
    "import_job_id": "job-0",
    "push_job_id": "job-0",
    "deployment_id": "dep-0",
    "subject": "nobody",
    "token_id": "token-0",
    "tenant_id": "nosuch",
    "hold_id": "hold-0",
    "webhook_id": "hook-0",
    "sha256": "0" * 64,
    "delivery_id": "dlv-0",
    "image": "img-0",
    "product_id": "nosuch",
    "key_name": "primary",
    "api_id": "nosuch",
    "subscription_id": "sub-0",
    "issuer_id": "nosuch",
    "version_set_id": "nosuch",
    "number": "1",
    "release_id": "nosuch",
    "rollout_id": "nosuch",
    "schedule_id": "nosuch",
    "metric": "bought",
}


class TestRoles:
    @pytest.mark.parametrize("tenant_id", [FIRST_TENANT, "other"])
    @pytest.mark.parametrize("role", Role)
    def test_a_role_is_refused_where_it_lacks_the_permission_and_nowhere_else(
        self, platform: Platform, other: Client, role: Role, tenant_id: str
    ) -> None:
        admin = platform.operator if tenant_id == FIRST_TENANT else other
        caller = platform.member(admin, f"one-{role}", role)
        principal = Principal(tenant_id=tenant_id, subject=f"one-{role}", role=role)
        for route in routes_of(platform):
            answer = route.ask(caller, MISSING)
            is_refused = answer.status_code == 403 and answer.json()["code"] == "permission_missing"
            assert is_refused is not principal.may(route.permission), f"{route.title}: {answer.text}"
            assert answer.status_code not in {401, 500}, f"{route.title}: {answer.text}"

    def test_a_token_with_one_scope_opens_that_and_nothing_else(self, platform: Platform) -> None:
        scope = Permission.JOBS_READ
        caller = platform.member(platform.operator, "narrow", "admin", scopes=[scope])
        for route in routes_of(platform):
            answer = route.ask(caller, MISSING)
            is_open = route.permission in {scope, Permission.IDENTITY_READ}
            assert (answer.status_code != 403) is is_open, f"{route.title}: {answer.text}"

    def test_nobody_gets_in_without_a_token(self, platform: Platform) -> None:
        stranger = platform.at(None)
        for route in routes_of(platform):
            answer = route.ask(stranger, MISSING)
            assert (answer.status_code, answer.json()["code"]) == (401, "token_missing"), route.title

    def test_what_changes_something_asks_for_more_than_reading(self, platform: Platform) -> None:
        lax = [
            route.title
            for route in routes_of(platform)
            if route.method != "GET" and route.permission in PERMISSIONS[Role.VIEWER]
        ]
        assert lax == []


class TestTenants:
    def test_another_tenants_thing_is_answered_as_one_that_does_not_exist(
        self, platform: Platform, other: Client, things: dict[str, str]
    ) -> None:
        for route in routes_of(platform):
            if not route.parameters:
                continue
            theirs = _reported(route.ask(other, things), route, things)
            nobodys = _reported(route.ask(other, MISSING), route, MISSING)
            is_operators = route.permission in {Permission.TENANTS_WRITE, Permission.GATEWAY_SERVE}
            expected = 403 if is_operators else 404
            expected = BY_CONTENT.get(route.title, expected)
            assert theirs == nobodys, route.title
            assert theirs[0] == expected, f"{route.title}: {theirs}"

    def test_its_owner_is_answered_otherwise(self, platform: Platform, things: dict[str, str]) -> None:
        for route in routes_of(platform):
            if route.parameters and route.method == "GET":
                answer = route.ask(platform.operator, things)
                if (code := NOT_OF_EVERY_ONE.get(route.title)) is not None:
                    assert answer.json()["code"] == code, answer.text
                    continue
                assert answer.status_code == 200, route.title

    def test_no_list_shows_another_tenants_names(
        self, platform: Platform, other: Client, things: dict[str, str]
    ) -> None:
        secret_names = {things[key] for key in ("name", "job_id", "deployment_id", "subject", "token_id", "webhook_id")}
        for route in routes_of(platform):
            if route.method != "GET" or route.parameters:
                continue
            answer = route.ask(other, MISSING)
            assert not [name for name in secret_names if name in answer.text], route.title

    def test_a_body_that_names_another_tenants_model_finds_none(self, platform: Platform, other: Client) -> None:
        theirs = other.post("/api/v1/deployments", json={"model_name": "iris"})
        nobodys = other.post("/api/v1/deployments", json={"model_name": "nosuch"})
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json()["error"] == nobodys.json()["error"].replace("nosuch", "iris")

    def test_models_of_two_tenants_may_have_one_name(
        self, platform: Platform, other: Client, things: dict[str, str]
    ) -> None:
        name = "shared"
        for caller in (platform.operator, other):
            made = caller.post("/mlops/registry", json={"name": name, "run_id": platform.log_model()})
            assert (made.status_code, made.json()["version"]) == (201, 1)
        platform.control.delivery.deliver_due()
        assert all(platform.registered.version(shown, 1) is not None for shown in (name, f"other--{name}"))


def _reported(answer: Response, route: Route, ids: dict[str, str]) -> tuple[int, str]:
    """The answer without what the caller wrote into the path, and without the request's own id."""
    body = answer.json()
    body.pop("request_id")
    text = repr(sorted(body.items()))
    for parameter in sorted({*route.parameters, "training_job_id"} - {"version"}):
        text = text.replace(ids[parameter], "<named>")
    return answer.status_code, text
