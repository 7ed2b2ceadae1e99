"""The short way to the catalogue's plain questions tells exactly what their routes tell."""

from collections.abc import Callable
from itertools import product

import pytest
from fastapi.testclient import TestClient

from modelyard.access.routes import PREFIX
from modelyard.errors import Unavailable
from modelyard.http.told import nothing_at_once
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.at_once import CatalogueAtOnce
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.states import Stage

MODELS = "/api/v1/ml/registry/models"
ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
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
    "tag=by:me",
    "tenant_id=default",
    "tenant_id=other",
    "cursor=",
    "cursor=nonsense",
    "cursor=%00",
    "cursor=" + "x" * 2001,
    "unknown=1",
    "limit=1;stage=none",
    "%ff=%fe",
]


@pytest.fixture
def _catalogue(sqlite_control_plane: ControlPlane, log_model: Callable[..., LoggedModel]) -> None:
    control_plane = sqlite_control_plane
    for name in ("iris", "moons"):
        for _ in range(3):
            control_plane.registry.register(ADMIN, model_name=name, logged=log_model(), tags={"by": "me"})
    version = control_plane.registry.version(ADMIN, "iris", 2)
    control_plane.promotion.change_stage(ADMIN, version, Stage.STAGING, comment="tested", revision=None)


@pytest.fixture
def headers(sqlite_control_plane: ControlPlane) -> dict[str, str]:
    return {"Authorization": f"Bearer {sqlite_control_plane.access.first_token()}"}


@pytest.fixture
def short_way(sqlite_control_plane: ControlPlane, headers: dict[str, str]) -> TestClient:
    return TestClient(sqlite_control_plane.app(), headers=headers, raise_server_exceptions=False)


@pytest.fixture
def by_route(
    sqlite_control_plane: ControlPlane, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> TestClient:
    with monkeypatch.context() as patch:
        patch.setattr("modelyard.main.control_plane.CatalogueAtOnce", lambda _: nothing_at_once)
        return TestClient(sqlite_control_plane.app(), headers=headers, raise_server_exceptions=False)


@pytest.mark.usefixtures("_catalogue")
class TestCatalogueAtOnce:
    def test_it_tells_what_the_routes_tell(self, short_way: TestClient, by_route: TestClient) -> None:
        differing = []
        for path, query in product(PATHS, QUERIES):
            shortly, routed = (client.get(f"{path}?{query}") for client in (short_way, by_route))
            told = [
                (answer.status_code, answer.content, answer.headers["content-type"], answer.headers.get("etag"))
                for answer in (shortly, routed)
            ]
            if told[0][0] != told[1][0] or (shortly.is_success and told[0] != told[1]):
                differing.append((path, query, *told))
            assert set(shortly.headers) == set(routed.headers)
        assert differing == []

    def test_pages_are_followed_to_the_same_end(self, short_way: TestClient, by_route: TestClient) -> None:
        for address in (f"{MODELS}?limit=1", f"{MODELS}/iris/versions?limit=2"):
            cursor = ""
            while cursor is not None:
                pages = [
                    client.get(f"{address}{cursor and f'&cursor={cursor}'}").json() for client in (short_way, by_route)
                ]
                assert pages[0] == pages[1]
                cursor = pages[0]["next_cursor"]

    @pytest.mark.anyio
    @pytest.mark.parametrize(
        ("path", "query"),
        [
            (MODELS, b""),
            (f"{MODELS}/iris", b""),
            (f"{MODELS}/iris/versions", b"limit=5"),
            (f"{MODELS}/iris/versions", b"stage=staging"),
            (f"{MODELS}/iris/versions/2", b""),
        ],
    )
    async def test_the_plain_questions_need_no_route(
        self, sqlite_control_plane: ControlPlane, path: str, query: bytes
    ) -> None:
        at_once = CatalogueAtOnce(sqlite_control_plane.catalogue.reading)
        assert await at_once(VIEWER, path, query) is not None
        nobody = Principal(tenant_id="default", subject="narrow", role=Role.VIEWER, scopes=frozenset())
        assert await at_once(nobody, path, query) is None
        stranger = Principal(tenant_id="other", subject="eve", role=Role.ADMIN)
        told = await at_once(stranger, path, query)
        assert told is None or told.body == b'{"models":[],"next_cursor":null}'

    def test_a_token_without_the_scope_is_told_so(self, short_way: TestClient) -> None:
        made = short_way.post(f"{PREFIX}/tokens", json={"name": "narrow", "scopes": ["jobs:read"]})
        assert made.is_success, made.text
        bearer = {"Authorization": f"Bearer {made.json()['secret']}"}
        answer = short_way.get(f"{MODELS}/iris/versions/1", headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")

    def test_what_was_changed_is_told_at_once(self, short_way: TestClient) -> None:
        before = short_way.get(f"{MODELS}/iris")
        edited = short_way.patch(f"{MODELS}/iris", json={"description": "petals"})
        assert edited.is_success, edited.text
        after = short_way.get(f"{MODELS}/iris")
        assert (before.json()["description"], after.json()["description"]) == ("", "petals")
        held = short_way.get(f"{MODELS}/iris", headers={"If-None-Match": after.headers["etag"]})
        assert (held.status_code, held.content) == (304, b"")

    def test_what_it_cannot_find_out_is_the_routes(
        self, short_way: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object, **__: object) -> None:
            raise Unavailable("the database does not answer", code="database_unavailable")

        monkeypatch.setattr(CatalogueReading, "version", away)
        assert short_way.get(f"{MODELS}/iris/versions/1").json()["version"] == 1
