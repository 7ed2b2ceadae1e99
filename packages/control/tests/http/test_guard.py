"""Who gets in, and that no route can be added without saying whom it lets in."""

from collections.abc import Callable

import anyio
import pytest
from api_routes import api_routes
from fastapi import Depends, FastAPI, WebSocket
from fastapi.routing import RouteContext
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from modelyard.access.domain import MemberKind
from modelyard.http.app import create_app
from modelyard.http.guard import Requires
from modelyard.http.middleware.authentication import ANNOUNCEMENTS, PUBLIC
from modelyard.http.routing import APIRouter
from modelyard.main import ControlPlane
from modelyard.principals import FIRST_TENANT, Permission, Principal, Role
from modelyard.trusted_sources import TrustedSources

NOT_FOR_VIEWERS = (
    "/api/v1/access/tenants",
    "/api/v1/gateway/configuration",
    "/api/v1/gateway/subscriptions",
    "/api/v1/gateway/token-issuers",
    "/api/v1/webhooks",
)
"""What operators, administrators and nodes of the gateway read."""


def routes_of(control_plane: ControlPlane) -> list[RouteContext]:
    """Every route but the public ones."""
    return [route for route in api_routes(control_plane.app()) if route.path not in PUBLIC]


def address_of(route: RouteContext) -> str:
    """The route's path, with a number or a word for each of its parameters."""
    path = route.path or ""
    for parameter in route.dependant.path_params:
        value = "1" if parameter.field_info.annotation is int else "some"
        path = path.replace(f"{{{parameter.name}}}", value)
    return path


def start(control_plane: ControlPlane, *routers: APIRouter) -> FastAPI:
    return create_app(
        access=control_plane.access,
        database=control_plane.database,
        sources=TrustedSources(listens_on="127.0.0.1", hosts=["testserver"]),
        routers=routers,
        is_ready=lambda: True,
        disk_full_reason=lambda: None,
    )


async def unread() -> Message:
    raise AssertionError("the body was read")


class TestEveryRoute:
    def test_is_walked(self, sqlite_control_plane: ControlPlane) -> None:
        paths = {route.path for route in routes_of(sqlite_control_plane)}
        assert {"/mlops/deploy", "/api/v1/deployments/{deployment_id}"} <= paths
        assert len(paths) > 20

    @pytest.mark.parametrize(("host", "status"), [(b"127.0.0.1", 401), (b"evil.example", 403)])
    def test_answers_strangers_before_the_body_is_read(
        self, sqlite_control_plane: ControlPlane, host: bytes, status: int
    ) -> None:
        """401 without a token, 403 under a foreign name."""
        app = sqlite_control_plane.app()

        async def call(method: str, path: str) -> list[Message]:
            sent: list[Message] = []

            async def send(message: Message) -> None:
                sent.append(message)

            scope: Scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "path": path,
                "query_string": b"",
                "headers": [(b"host", host), (b"content-length", b"10"), (b"content-type", b"application/json")],
            }
            await app(scope, unread, send)
            return sent

        for route in routes_of(sqlite_control_plane):
            for method in route.methods or ():
                start, *_ = anyio.run(call, method, address_of(route))
                assert start["status"] == status, f"{method} {route.path}"

    def test_refuses_a_role_without_its_permission(self, sqlite_control_plane: ControlPlane) -> None:
        client = TestClient(sqlite_control_plane.app())
        client.headers["Authorization"] = f"Bearer {make_token(sqlite_control_plane, Role.VIEWER)}"
        for route in routes_of(sqlite_control_plane):
            if route.methods == {"GET"}:
                continue
            for method in route.methods or ():
                response = client.request(method, address_of(route), json={})
                assert response.status_code == 403, f"{method} {route.path}: {response.text}"
                assert response.json()["code"] == "permission_missing"

    def test_lets_a_viewer_read(self, sqlite_control_plane: ControlPlane) -> None:
        client = TestClient(sqlite_control_plane.app())
        client.headers["Authorization"] = f"Bearer {make_token(sqlite_control_plane, Role.VIEWER)}"
        for route in routes_of(sqlite_control_plane):
            is_for_others = (route.path or "").startswith(NOT_FOR_VIEWERS)
            if route.methods == {"GET"} and not is_for_others:
                response = client.get(address_of(route))
                assert response.status_code in {200, 400, 404}, f"{route.path}: {response.text}"


def make_token(control_plane: ControlPlane, role: Role) -> str:
    """A token of a new member with this role in the first tenant."""
    control_plane.access.first_token()
    admin = Principal(tenant_id=FIRST_TENANT, subject="admin", role=Role.ADMIN)
    control_plane.members.add(admin, subject=str(role), kind=MemberKind.PERSON, role=role)
    _, secret = control_plane.tokens.create(admin, subject=str(role), name="test")
    return secret


class TestUnguardedRoutes:
    def refused(self, control_plane: ControlPlane, router: APIRouter) -> None:
        with pytest.raises(RuntimeError, match="the route /open declares no permission"):
            start(control_plane, router)

    def test_one_without_a_permission_stops_the_start(self, sqlite_control_plane: ControlPlane) -> None:
        router = APIRouter()
        router.get("/open")(lambda: None)
        self.refused(sqlite_control_plane, router)

    def test_one_in_a_router_within_a_router_does_too(self, sqlite_control_plane: ControlPlane) -> None:
        inner, outer = APIRouter(), APIRouter()
        inner.get("/open")(lambda: None)
        outer.include_router(inner)
        self.refused(sqlite_control_plane, outer)

    def test_one_that_is_guarded_by_something_else_does_too(self, sqlite_control_plane: ControlPlane) -> None:
        router = APIRouter()
        router.get("/open", dependencies=[Depends(lambda: None)])(lambda: None)
        self.refused(sqlite_control_plane, router)

    def test_what_cannot_name_a_permission_does_too(self, sqlite_control_plane: ControlPlane) -> None:
        async def plain(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("open")(scope, receive, send)

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()

        adders: list[Callable[[APIRouter], None]] = [
            lambda router: router.add_route("/open", lambda _: PlainTextResponse("open")),
            lambda router: router.mount("/open", plain),
            lambda router: router.add_api_websocket_route("/open", socket),
        ]
        for add in adders:
            router = APIRouter()
            add(router)
            self.refused(sqlite_control_plane, router)

    def test_a_permission_of_the_whole_router_is_enough(self, sqlite_control_plane: ControlPlane) -> None:
        router = APIRouter(dependencies=[Depends(Requires(Permission.STATUS_READ))])
        router.get("/guarded")(lambda: "in")
        client = TestClient(start(sqlite_control_plane, router))
        assert client.get("/guarded").status_code == 401


class TestPublicRoutes:
    @pytest.mark.parametrize("path", sorted(PUBLIC - {ANNOUNCEMENTS}))
    def test_needs_no_token(self, anonymous: TestClient, path: str) -> None:
        assert anonymous.get(path).status_code == 200

    def test_an_announcement_needs_the_secret_of_its_address(self, anonymous: TestClient) -> None:
        query = {"schedule": "sch-0", "key": "guessed"}
        assert anonymous.post(ANNOUNCEMENTS, params=query).json()["code"] == "schedule_not_found"
        assert anonymous.post(ANNOUNCEMENTS).status_code == 400

    @pytest.mark.parametrize("path", ["/health/live/", "//health/live", "/docs/", "/openapi.json/", "/nowhere", "/"])
    def test_what_only_looks_like_one_needs_a_token(self, anonymous: TestClient, path: str) -> None:
        response = anonymous.get(path, follow_redirects=False)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"

    def test_ready_says_when_the_database_is_away(
        self, sqlite_control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = TestClient(sqlite_control_plane.app())
        monkeypatch.setattr(sqlite_control_plane.database, "is_reachable", lambda: False)
        response = client.get("/health/ready")
        assert (response.status_code, response.json()) == (503, {"ready": False})
        assert client.get("/health/live").status_code == 200
