"""No cached response depends on a table whose changes are not counted: every cacheable route is asked in every way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import Table, select, update
from sqlalchemy.sql import visitors
from statements import statements

from modelyard.access.tables import tenants
from modelyard.db import Database
from modelyard.http.response_cache import is_cacheable
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.schema import metadata

ADMIN = Principal(tenant_id="default", subject="admin", role=Role.ADMIN)
PLACES = {"name": "iris", "model_name": "iris", "version": "1"}
QUESTIONS: dict[str, list[str]] = {
    "tenant_id": ["default"],
    "limit": ["1"],
    "cursor": [],  # The `next_cursor` of each answer is followed instead.
    "stage": ["none", "production"],
    "tag": ["by:me"],
    "metric": ["auc>0.1"],
    "text": ["i"],
    "owner": ["ada"],
    "order": ["name", "-last_updated", "version", "-metrics.auc"],
}
"""Values for every parameter that a cacheable route has; a new parameter needs some here."""


def cacheable_routes(control_plane: ControlPlane) -> list[RouteContext]:
    return [
        route
        for route in iter_route_contexts(control_plane.app().routes)
        if isinstance(route.original_route, APIRoute) and is_cacheable(route.original_route.endpoint)
    ]


def parameters(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for each in dependant.dependencies:
        yield from parameters(each)


def questions(route: RouteContext) -> Iterator[str]:
    """The route's address alone, with each parameter, and with a parameter beside each other one."""
    assert route.path is not None
    address = route.path.format(**PLACES)
    singles = [(name, value) for name in parameters(route.dependant) for value in QUESTIONS[name]]
    yield address
    for first in singles:
        yield f"{address}?{urlencode([first])}"
        for second in singles:
            yield f"{address}?{urlencode([first, second])}"


@contextmanager
def tables_read(database: Database) -> Iterator[set[Table]]:
    """The tables of all statements meanwhile, known at its end."""
    seen: set[Table] = set()
    with statements(database) as asked:
        yield seen
    for statement in asked:
        assert isinstance(statement, visitors.ExternallyTraversible), "SQL as text names no tables"
        seen.update(each for each in visitors.iterate(statement) if isinstance(each, Table))


def count_up(control_plane: ControlPlane) -> None:
    """Invalidate all cached responses and principals."""
    with control_plane.database.write() as connection:
        connection.execute(update(tenants).values(name=tenants.c.name))


class TestCacheableRoutes:
    def test_none_reads_a_table_whose_changes_are_not_counted(
        self,
        sqlite_control_plane: ControlPlane,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        control_plane = sqlite_control_plane
        secret = control_plane.access.first_token()
        client = TestClient(control_plane.app(), headers={"Authorization": f"Bearer {secret}"})
        for _ in range(3):
            control_plane.registry.register(ADMIN, model_name="iris", logged=log_model())
        routes = cacheable_routes(control_plane)
        assert len(routes) >= 6
        with tables_read(control_plane.database) as seen:
            for address in (address for route in routes for address in questions(route)):
                count_up(control_plane)
                answer = client.get(address)
                while cursor := answer.is_success and answer.json().get("next_cursor"):
                    answer = client.get(f"{address}{'&' if '?' in address else '?'}{urlencode({'cursor': cursor})}")
                    assert answer.is_success, answer.text
        assert {"models", "versions", "version_tags", "model_owners", "tokens", "tenants"} <= {
            each.name for each in seen
        }
        assert {table.name for table in seen if table.info.get("volatile")} == set()

    def test_what_reading_a_volatile_table_looks_like_is_seen(self, sqlite_database: Database) -> None:
        audit = metadata.tables["audit_entries"]
        models = metadata.tables["models"]
        with tables_read(sqlite_database) as seen, sqlite_database.read() as connection:
            connection.execute(select(models.c.name).where(select(audit.c.sequence).exists()))
        assert seen == {audit, models}
