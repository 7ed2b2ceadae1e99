"""Routes are read when they are needed, and are then what FastAPI makes of them."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Query, routing
from fastapi.testclient import TestClient

from modelyard.http.routing import APIRouter, Route, add_routes

read: list[object] = []


class NoticesBeingRead:
    """A type that says when FastAPI makes a validator for it."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> dict[str, str]:
        read.append(source)
        return {"type": "str"}


@pytest.fixture
def app() -> FastAPI:
    read.clear()
    router = APIRouter(prefix="/things", tags=["things"])

    @router.get("/{number}", status_code=203)
    def one(number: int, limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
        return {"number": number, "limit": limit}

    @router.post("/{number}")
    def never(number: NoticesBeingRead) -> None: ...

    app = FastAPI(dependencies=[Depends(lambda: None)], responses={"4XX": {"description": "refused"}})
    add_routes(app.router, router.routes)
    return app


class TestRoutes:
    def test_a_request_reads_the_route_that_answers_it_and_no_other(self, app: FastAPI) -> None:
        response = TestClient(app).get("/things/7", params={"limit": 2})
        assert (response.status_code, response.json()) == (203, {"number": 7, "limit": 2})
        assert TestClient(app).get("/things/7", params={"limit": 0}).status_code == 422
        assert read == []
        assert TestClient(app).post("/things/7").status_code == 200
        assert read == [NoticesBeingRead]

    def test_a_path_knows_its_methods_before_it_is_read(self, app: FastAPI) -> None:
        assert TestClient(app).put("/things/7").status_code == 405
        assert read == []

    def test_one_has_what_its_router_and_its_application_declare(self, app: FastAPI) -> None:
        operation = app.openapi()["paths"]["/things/{number}"]["get"]
        assert operation["tags"] == ["things"]
        assert {"203", "4XX"} <= operation["responses"].keys()
        route = next(route for route in app.routes if isinstance(route, Route))
        assert len(route.dependant.dependencies) == 1

    def test_a_route_that_is_read_at_once_is_refused(self) -> None:
        router = routing.APIRouter()
        router.get("/eager")(lambda: None)
        with pytest.raises(TypeError, match=r"expected a route of modelyard.http.routing.APIRouter, got APIRoute"):
            add_routes(FastAPI().router, router.routes)

    def test_what_no_route_has_is_missed_by_name(self, app: FastAPI) -> None:
        route = next(route for route in app.routes if isinstance(route, Route))
        with pytest.raises(AttributeError, match="'Route' object has no attribute 'colour'"):
            _ = route.colour
