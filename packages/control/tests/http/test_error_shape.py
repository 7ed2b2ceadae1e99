"""One body for every error, over every route: a sentence, a code, the field, the request's id; and nothing of ours."""

import base64
import errno
import json
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import httpx2 as httpx
import pytest
from api_routes import api_routes
from fastapi.routing import RouteContext
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from modelyard.access.domain import MemberKind
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.http.app import MAX_BODY_BYTES
from modelyard.http.middleware.authentication import PUBLIC
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.states import Stage
from modelyard.subscriptions.domain import Scope, ScopeKind
from modelyard.subscriptions.limits import UNLIMITED
from modelyard.training.kinds import TRAINING

WORDS = [
    "no-such",
    "..",
    "%2e%2e%2f",
    "%00",
    "%ff",
    "\N{SNOWMAN}",
    "x" * 5000,
    "-1",
    "0",
    "1" * 30,
    "-" + "1" * 30,
    "1e400",
    "' OR 1=1",
]
BODIES: list[bytes] = [
    *(b"", b"{", b"null", b"[]", b"1", b'"text"', b"\xff\xfe", b"\x00", b"[" * 100_000, b"9" * 10_000),
    *(b'{"unknown": 1}', b'{"a": NaN}', b'{"\\ud800": 1}', b'{"\\u0000": 1}'),
    b'{"a": ' + b'{"a": ' * 990 + b"1" + b"}" * 991,
]
OTHER_TYPES = ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain")
SENT = [
    *((body, "application/json") for body in BODIES),
    *product((b"", b"{", b"\xff\xfe", b'{"unknown": 1}'), OTHER_TYPES),
]
VALUES: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        10**30,
        1.5,
        "",
        "\x00",
        "\ud800",
        "../../etc/passwd",
        "x" * 5000,
        [],
        [1],
        [[[]]],
        {},
        {"a": 1},
    ),
    *({"\ud800": "a"}, {"a": "\x00"}, {"a": {"b": []}}),
]
KEYS: list[Any] = [
    *([1], ["a"], ["²"], ["9" * 30], [1, 2], ["now", "x"], ["2026-01-01T00:00:00", "x"], [{}, []], ["\x00"]),
    ["\ud800", "\ud800"],
]
QUERIES = [
    *("limit=0", "limit=201", "limit=many", "limit=" + "9" * 30, "cursor=x", "cursor=%00", "cursor=" + "x" * 401),
    *("offset=-1", "offset=x", "offset=" + "9" * 40, "status=none", "kind=%ff", "model_name=%00", "namespace=%00"),
    *(
        "stage=none%20",
        "versions=",
        "versions=1,x",
        "versions=1," + "9" * 30,
        "versions=" + "1," * 5000,
        "versions=1,1",
    ),
    *("cursor=" + base64.urlsafe_b64encode(json.dumps(key).encode()).decode() for key in KEYS),
]
LEAKS = ("Traceback", "sqlalchemy", "psycopg", "sqlite", 'File "', "/home/", "site-packages", "<class")


def address(route: RouteContext, words: Mapping[str, str]) -> str:
    path = route.path or ""
    for parameter in route.dependant.path_params:
        path = path.replace(f"{{{parameter.name}}}", words[parameter.name])
    return path


@pytest.fixture
def known(
    control_plane: ControlPlane,
    engine: InlineJobEngine,
    alice: Principal,
    log_model: Callable[..., LoggedModel],
    token: str,
) -> dict[str, str]:
    """Things that are there, by the names of the paths' parameters."""
    control_plane.registry.register(alice, model_name="iris", logged=log_model())
    version = control_plane.registry.register(alice, model_name="iris", logged=log_model())
    job = control_plane.jobs.create(alice, kind=TRAINING, model_name="iris", request={}, experiment_name=None)
    deployment = control_plane.deployments.create(alice, version, replicas=1, namespace="default", job_id=job.job_id)
    moved = control_plane.promotion.change_stage(alice, version, Stage.STAGING, comment="good", revision=None)
    request = control_plane.promotion.request(alice, moved, comment="please")
    admin = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
    member = control_plane.members.add(admin, subject="dora", kind=MemberKind.SERVICE, role=Role.VIEWER)
    upload = control_plane.uploads.create(
        alice, model_name="iris", file_name="model.tar", size=10, sha256="0" * 64, request={}
    )
    hook, _ = control_plane.webhooks.webhooks.create(
        admin, url="https://hooks.example.com/", description="", event_types=["*"]
    )
    images = control_plane.deployment_parts.images.images
    image = images.add(alice, images.new(alice, version, repository=images.repositories.of("default"), job_id=None))
    product = control_plane.subscriptions.products.create(
        admin, product_id="gold", display_name="Gold", description="", api_ids=[], is_open=False, limits=UNLIMITED
    )
    subscription, _ = control_plane.subscriptions.subscriptions.create(
        admin, display_name="Shop", scope=Scope(ScopeKind.ALL), expires_at=None, client=None, limits=UNLIMITED
    )
    of_member, _ = control_plane.tokens.create(admin, subject=member.subject, name="ci")
    return {
        "name": "iris",
        "model_name": "iris",
        "version": "2",
        "job_id": job.job_id,
        "import_job_id": control_plane.importing.begin(alice).job_id,
        "push_job_id": job.job_id,
        "deployment_id": deployment.deployment_id,
        "request_id": request.request_id,
        "upload_id": upload.upload_id,
        "tenant_id": "default",
        "subject": member.subject,
        "token_id": of_member.token_id,
        "hold_id": control_plane.deletion.holds.put(admin, "iris", 2, reason="law", until=None).hold_id,
        "webhook_id": hook.webhook_id,
        "delivery_id": control_plane.webhooks.deliveries.test(admin, hook.webhook_id).delivery_id,
        "sha256": "0" * 64,
        "image": image.image_id,
        "product_id": product.product_id,
        "subscription_id": subscription.subscription_id,
        "key_name": "primary",
        "issuer_id": "entra",
        "api_id": "churn",
        "version_set_id": "churn",
        "release_id": "first",
        "number": "1",
        "rollout_id": "rollout-1",
        "schedule_id": "sch-0",
        "metric": "auc",
    }


def check(response: httpx.Response, what: str) -> None:
    """An answer that is no error is none of this test's business; an error is ours only if the test asked for one."""
    if response.status_code < 400:
        return
    body = response.json()
    assert response.status_code < 500, f"{what}: {response.status_code} {response.text}"
    assert body.keys() <= {"error", "code", "field", "request_id"}, what
    assert {type(value) for value in body.values()} == {str}, what
    assert body["request_id"] == response.headers["X-Request-Id"], what
    assert 0 < len(body["error"]) <= 1000, what
    assert body["code"].replace("_", "").isalpha(), what
    assert not any(leak in response.text for leak in LEAKS), f"{what}: {response.text}"


@pytest.fixture
def routes(control_plane: ControlPlane) -> list[RouteContext]:
    return [route for route in api_routes(control_plane.app()) if route.path not in PUBLIC]


def body_fields(document: Mapping[str, Any], route: RouteContext, method: str) -> list[str]:
    """The fields of the route's body, as the API's document has them; of what only nodes ask, as the code has them."""
    if not route.include_in_schema:
        return list(route.body_field.field_info.annotation.model_fields) if route.body_field else []
    content = document["paths"][route.path][method.lower()].get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


class TestEveryRoute:
    def test_answers_words_that_nobody_expects_in_its_path(
        self, client: TestClient, routes: list[RouteContext], known: dict[str, str]
    ) -> None:
        for route, word in product(routes, WORDS):
            for method, parameter in product(route.methods or (), route.dependant.path_params):
                path = address(route, known | {parameter.name: word})
                check(client.request(method, path, json={}), f"{method} {route.path} {word[:40]}")

    def test_answers_queries_that_nobody_expects(
        self, client: TestClient, routes: list[RouteContext], known: dict[str, str]
    ) -> None:
        for route, query in product(routes, QUERIES):
            if "GET" in (route.methods or ()):
                check(client.get(f"{address(route, known)}?{query}"), f"{route.path}?{query}")

    @pytest.mark.parametrize("control_plane", ["sqlite"], indirect=True)  # No database sees them.
    def test_answers_bodies_that_nobody_expects(
        self, client: TestClient, routes: list[RouteContext], known: dict[str, str]
    ) -> None:
        for route, (body, content_type) in product(routes, SENT):
            for method in (route.methods or set()) - {"GET"}:
                headers = {"Content-Type": content_type}
                response = client.request(method, address(route, known), content=body, headers=headers)
                check(response, f"{method} {route.path} {content_type} {body[:40]!r}")

    def test_answers_values_that_nobody_expects_in_each_field_of_its_body(
        self, client: TestClient, routes: list[RouteContext], known: dict[str, str]
    ) -> None:
        tried, document = 0, client.get("/openapi.json").json()
        for route in routes:
            for method in (route.methods or set()) - {"GET"}:
                for field in body_fields(document, route, method):
                    for value in VALUES:
                        content = json.dumps({field: value}).encode()
                        headers = {"Content-Type": "application/json"}
                        response = client.request(method, address(route, known), content=content, headers=headers)
                        check(response, f"{method} {route.path} {field}={value!r}")
                        tried += 1
        assert tried > 500

    def test_answers_methods_that_it_does_not_have(
        self, client: TestClient, routes: list[RouteContext], known: dict[str, str]
    ) -> None:
        for route in routes:
            response = client.request("TRACE", address(route, known))
            assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
            check(response, f"TRACE {route.path}")

    def test_names_every_method_of_a_path_that_it_has(self, client: TestClient) -> None:
        response = client.request("TRACE", "/api/v1/access/tenants/acme")
        assert response.headers["Allow"] == "DELETE, GET, PATCH"


class TestLargeBodies:
    def test_one_that_says_that_it_is_too_large_is_refused_unread(self, client: TestClient) -> None:
        headers = {"Content-Length": str(MAX_BODY_BYTES + 1), "Content-Type": "application/json"}
        response = client.post("/mlops/deploy", content=b"{}", headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
        check(response, "too large")

    @pytest.mark.parametrize("path", ["/mlops/deploy", "/mlops/training/upload"])
    @pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
    def test_one_that_turns_out_too_large_is_refused(self, client: TestClient, path: str, content_type: str) -> None:
        pieces = (b" " * 1024 * 1024 for _ in range(9))
        response = client.post(path, content=pieces, headers={"Content-Type": content_type})
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
        assert response.json()["error"].endswith(f"the body is larger than {MAX_BODY_BYTES} bytes")
        check(response, "too large")

    @pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "x"])
    def test_a_length_that_is_none_breaks_nothing(self, client: TestClient, length: str) -> None:
        headers = [(b"Content-Length", length.encode("latin-1")), (b"Content-Type", b"application/json")]
        response = client.post("/mlops/deploy", content=b"{}", headers=headers)
        assert response.status_code in {400, 413}
        check(response, length)


class TestWhatAnErrorDiscloses:
    def error_of(self, client: TestClient, body: str) -> tuple[str, str]:
        headers = {"Content-Type": "application/json"}
        response = client.post("/mlops/registry", content=body.encode(), headers=headers)
        assert response.status_code == 400
        assert response.json()["code"] == "request_invalid"
        return response.json()["field"], response.json()["error"]

    @pytest.mark.parametrize(
        ("body", "field", "sentence"),
        [
            ("{", "body", "body: expected JSON, got something that is malformed at character 1"),
            ("{}", "name", "name: expected a value, got none"),
            ('{"name": 7}', "name", "name: expected a valid string, got 7"),
            ('{"name": "a", "x": 1}', "x", "x: expected no such field, got 1"),
            ('{"name": "a", "tags": {"body": 1}}', "tags.body", "tags.body: expected a valid string, got 1"),
            (
                '{"name": "a", "metrics": {"auc": NaN}}',
                "metrics.auc",
                "metrics.auc: expected a finite number, got nan",
            ),
            (
                '{"name": "a", "tags": {"a": "\\u0000"}}',
                "tags.a",
                "tags.a: expected text without NUL characters and halves of surrogate pairs",
            ),
            ("[]", "body", "body: expected a valid dictionary or object to extract fields from, got []"),
        ],
    )
    def test_it_names_the_field_what_was_expected_and_what_came(
        self, client: TestClient, body: str, field: str, sentence: str
    ) -> None:
        assert self.error_of(client, body) == (field, sentence)

    def test_of_a_value_without_end_only_its_beginning_is_returned(self, client: TestClient) -> None:
        field, sentence = self.error_of(client, json.dumps({"name": ["x" * 1000] * 1000}))
        assert field == "name"
        assert len(sentence) < 400

    def test_a_bug_is_answered_and_its_text_stays_inside(
        self, client: TestClient, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise LookupError("/secret/path")

        monkeypatch.setattr(control_plane.registry_parts.reads, "models", broken)
        response = client.get("/mlops/models", headers={"X-Request-Id": "mine"})
        assert response.status_code == 500
        assert response.json() == {
            "error": "an internal error; the log has the details under this request's id",
            "code": "internal_error",
            "request_id": "mine",
        }
        assert response.headers["X-Request-Id"] == "mine"

    def test_a_database_that_is_away_is_503(
        self, client: TestClient, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control_plane.database, "_reader", create_engine("sqlite:////no/such/folder/x.db"))
        response = client.get("/mlops/models")
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")

    @pytest.mark.parametrize(("error", "status"), [(errno.ENOSPC, 507), (errno.EACCES, 500)])
    def test_a_file_for_which_there_is_no_space_is_507(
        self, client: TestClient, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, error: int, status: int
    ) -> None:
        def write(*_: object, **__: object) -> None:
            raise OSError(error, "no")

        monkeypatch.setattr(control_plane.registry_parts.reads, "models", write)
        assert client.get("/mlops/models").status_code == status


class TestRequestId:
    def test_the_callers_own_word_is_given_back(self, client: TestClient) -> None:
        assert client.get("/mlops/models", headers={"X-Request-Id": "a-1.b_2"}).headers["X-Request-Id"] == "a-1.b_2"

    @pytest.mark.parametrize("given", ["", "two words", "x" * 81, "a;b", "ü"])
    def test_anything_else_is_replaced(self, client: TestClient, given: str) -> None:
        headers = [(b"X-Request-Id", given.encode())]
        generated = client.get("/mlops/models", headers=headers).headers["X-Request-Id"]
        assert len(generated) == 32
        assert generated.isalnum()

    def test_two_requests_have_two(self, anonymous: TestClient) -> None:
        ids = {anonymous.get("/health/live").headers["X-Request-Id"] for _ in range(10)}
        assert len(ids) == 10
