"""With the fast path and the cache, and without them, every request gets the same status, headers and body."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi.testclient import TestClient
from httpx2 import Response

from modelyard.access.routes import PREFIX
from modelyard.errors import Forbidden, NotFound, Unavailable
from modelyard.http.cached_response import no_fast_path
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.reads.fast_path import RegistryFastPath
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.settings import RegistrySettings
from modelyard.registry.states import Stage

MODELS = "/api/v1/ml/registry/models"

ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
ADA = Principal(tenant_id="acme", subject="ada", role=Role.ADMIN)
VIEWER = Principal(tenant_id="default", subject="vera", role=Role.VIEWER)
PATHS = [
    MODELS,
    f"{MODELS}/",
    f"{MODELS}/iris",
    f"{MODELS}/iris/",
    f"{MODELS}/iris/versions",
    f"{MODELS}/iris/versions/1",
    f"{MODELS}/iris/versions/3",
    f"{MODELS}/iris/versions/0",
    f"{MODELS}/iris/versions/01",
    f"{MODELS}/iris/versions/-1",
    f"{MODELS}/iris/versions/%D9%A1",
    f"{MODELS}/iris/versions/99999999999999999999",
    f"{MODELS}/iris/versions/latest",
    f"{MODELS}/iris%2Fversions%2F1",
    f"{MODELS}/iris%00",
    f"{MODELS}/roses%20and%20thorns",
    f"{MODELS}/r%C3%B6schen",
    f"{MODELS}/absent",
    f"{MODELS}/absent/versions",
    f"{MODELS}/absent/versions/1",
    "/mlops/models",
    "/mlops/models/iris",
]
QUERIES = [
    "",
    "limit=1",
    "limit=200",
    "limit=0",
    "limit=201",
    "limit=01",
    "limit=+1",
    "limit=",
    "limit=1&limit=2",
    "limit=%31",
    "stage=production",
    "stage=staging&limit=1",
    "stage=Production",
    "stage=",
    "stage=none&stage=staging",
    "order=name",
    "order=version",
    "tag=by:admin",
    "tenant_id=default",
    "tenant_id=acme",
    "cursor=",
    "cursor=nonsense",
    "cursor=%00",
    "cursor=" + "x" * 2001,
    "unknown=1",
    "metric=auc>0.1",
    "text=i",
    "owner=ada",
    "order=-metrics.auc",
    "order=-last_updated",
    "limit=1;stage=none",
    "%ff=%fe",
]


ON_SQLITE = pytest.mark.parametrize("control_plane", ["sqlite"], indirect=True)
FEW = ["", "limit=1", "stage=staging", "tenant_id=default", "tenant_id=acme", "cursor=nonsense", "unknown=1"]


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    """One event loop for all requests, as a server has."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def fast(control_plane: ControlPlane, token: str, portal: BlockingPortal) -> TestClient:
    return client_of(control_plane, token, portal)


@pytest.fixture
def routed(control_plane: ControlPlane, token: str, portal: BlockingPortal) -> TestClient:
    """The same control plane with neither the fast path nor a cache of responses."""
    registry = RegistrySettings.model_validate({"ML_REGISTRY_CACHE_TTL": 0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modelyard.main.control_plane.RegistryFastPath", lambda _: no_fast_path)
        patch.setattr(control_plane, "_settings", replace(control_plane._settings, registry=registry))
        return client_of(control_plane, token, portal)


def client_of(control_plane: ControlPlane, token: str, portal: BlockingPortal) -> TestClient:
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "the-same-everywhere"}
    client = TestClient(control_plane.app(), headers=headers, raise_server_exceptions=False)
    client.portal = portal
    return client


@pytest.fixture
def tokens(
    control_plane: ControlPlane, log_model: Callable[..., LoggedModel], token: str, fast: TestClient
) -> dict[str, str]:
    """Two tenants with models of the same name, and callers of different roles; by what they are, their tokens."""
    made = fast.post(f"{PREFIX}/tenants", json={"tenant_id": "acme", "admin": "ada"})
    fast.post(f"{PREFIX}/members", json={"subject": "vera", "role": "viewer"})
    given = [{"name": "viewer", "subject": "vera"}, {"name": "narrow", "scopes": ["jobs:read"]}]
    viewer, narrow = (fast.post(f"{PREFIX}/tokens", json=body).json()["secret"] for body in given)
    registry, promotion = control_plane.registry, control_plane.promotion
    for caller, names in ((ADMIN, ("iris", "moons", "zoo")), (ADA, ("iris",))):
        for name in names:
            for _ in range(3):
                registry.register(caller, model_name=name, logged=log_model(), tags={"by": caller.subject})
        version = registry.version(caller, "iris", 2)
        promotion.change_stage(caller, version, Stage.STAGING, comment="tested", revision=None)
    editor = {"Authorization": f"Bearer {made.json()['admin_token']['secret']}"}
    assert fast.patch(f"{MODELS}/iris", json={"description": "of Acme"}, headers=editor).is_success
    return {"admin": token, "viewer": viewer, "narrow": narrow, "acme": made.json()["admin_token"]["secret"]}


def shown(answer: Response) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, dict(answer.headers), answer.content


class TestEquivalence:
    @pytest.mark.parametrize(
        ("control_plane", "who", "queries"),
        [
            ("sqlite", "admin", QUERIES),
            ("postgres", "admin", QUERIES),
            ("sqlite", "viewer", FEW),
            ("sqlite", "narrow", FEW),
            ("sqlite", "acme", FEW),
        ],
        ids=["admin", "admin-on-postgres", "viewer", "narrow", "acme"],
        indirect=["control_plane"],
    )
    def test_every_request_is_answered_alike(
        self, fast: TestClient, routed: TestClient, tokens: dict[str, str], who: str, queries: Sequence[str]
    ) -> None:
        """The fast path answers the first time, and the cache the second time."""
        caller = {"Authorization": f"Bearer {tokens[who]}"}
        statuses = set[int]()
        for path, query in product(PATHS, queries):
            address = f"{path}?{query}" if query else path
            first, again, expected = (client.get(address, headers=caller) for client in (fast, fast, routed))
            assert shown(first) == shown(again) == shown(expected), address
            statuses.add(first.status_code)
        assert statuses == ({403, 404, 400} if who == "narrow" else {200, 400, 404})

    @ON_SQLITE
    def test_tenants_get_their_own(self, fast: TestClient, routed: TestClient, tokens: dict[str, str]) -> None:
        for address in (MODELS, f"{MODELS}/iris", f"{MODELS}/iris/versions", f"{MODELS}/iris/versions/2"):
            bodies = {who: fast.get(address, headers={"Authorization": f"Bearer {tokens[who]}"}) for who in tokens}
            assert bodies["admin"].content == bodies["viewer"].content != bodies["acme"].content
            assert bodies["narrow"].status_code == 403

    @ON_SQLITE
    def test_a_wrong_token_and_none_are_refused_alike(
        self, fast: TestClient, routed: TestClient, tokens: dict[str, str]
    ) -> None:
        address = f"{MODELS}/iris/versions/1"
        assert fast.get(address).status_code == fast.get(address).status_code == 200
        for header in ("Bearer my_wrong", "Basic YTpi", "", f"bearer  {tokens['admin']}x"):
            first, expected = (client.get(address, headers={"Authorization": header}) for client in (fast, routed))
            assert shown(first) == shown(expected)
            assert first.status_code == 401

    def test_pages_are_followed_to_the_same_end(
        self, fast: TestClient, routed: TestClient, tokens: dict[str, str]
    ) -> None:
        for address in (
            f"{MODELS}?limit=1",
            f"{MODELS}/iris/versions?limit=2",
            f"{MODELS}/iris/versions?limit=1&stage=none",
            f"{MODELS}?limit=1&tag=by:admin",
            f"{MODELS}/iris/versions?limit=1&order=-metrics.auc",
            "/mlops/models?limit=1",
        ):
            cursor: str | None = ""
            pages = 0
            while cursor is not None:
                page = f"{address}&cursor={cursor}" if cursor else address
                first, again, expected = (client.get(page) for client in (fast, fast, routed))
                assert shown(first) == shown(again) == shown(expected), page
                cursor, pages = first.json()["next_cursor"], pages + 1
            assert pages > 1

    @ON_SQLITE
    def test_a_client_that_has_the_response_gets_304_alike(
        self, fast: TestClient, routed: TestClient, tokens: dict[str, str]
    ) -> None:
        for address in (MODELS, f"{MODELS}/iris", f"{MODELS}/iris/versions", f"{MODELS}/iris/versions/2"):
            etag = routed.get(address).headers["ETag"]
            held = {"If-None-Match": etag}
            first, again, expected = (client.get(address, headers=held) for client in (fast, fast, routed))
            assert shown(first) == shown(again) == shown(expected)
            assert first.status_code == 304


@ON_SQLITE
class TestRegistryFastPath:
    @pytest.mark.anyio
    @pytest.mark.usefixtures("tokens")
    @pytest.mark.parametrize(
        ("path", "query"),
        [
            (f"{MODELS}/iris", b""),
            (f"{MODELS}/iris/versions", b"limit=5"),
            (f"{MODELS}/iris/versions", b"stage=staging"),
            (f"{MODELS}/iris/versions/2", b""),
        ],
    )
    async def test_it_answers_the_plain_questions_of_who_may_ask(
        self, control_plane: ControlPlane, path: str, query: bytes
    ) -> None:
        fast_path = RegistryFastPath(control_plane.registry_parts.reads)
        assert await fast_path(VIEWER, path, query) is not None
        nobody = Principal(tenant_id="default", subject="narrow", role=Role.VIEWER, scopes=frozenset())
        with pytest.raises(Forbidden):
            await fast_path(nobody, path, query)
        stranger = Principal(tenant_id="other", subject="eve", role=Role.ADMIN)
        with pytest.raises(NotFound):
            await fast_path(stranger, path, query)

    def test_what_was_changed_is_in_the_next_response(self, fast: TestClient, tokens: dict[str, str]) -> None:
        before = fast.get(f"{MODELS}/iris")
        edited = fast.patch(f"{MODELS}/iris", json={"description": "petals"})
        assert edited.is_success, edited.text
        after = fast.get(f"{MODELS}/iris")
        assert (before.json()["description"], after.json()["description"]) == ("", "petals")

    def test_while_it_fails_the_route_says_what_is_wrong(
        self, fast: TestClient, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert fast.get(f"{MODELS}/iris").is_success

        async def away(*_: object, **__: object) -> None:
            raise Unavailable("the database does not answer", code="database_unavailable")

        monkeypatch.setattr(RegistryReads, "version", away)
        answer = fast.get(f"{MODELS}/iris/versions/1")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
