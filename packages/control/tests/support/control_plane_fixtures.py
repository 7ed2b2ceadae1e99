"""The whole control plane on either database, and its callers over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi.testclient import TestClient
from sqlite_schema import lay_schema

from modelyard.db import Database
from modelyard.http.settings import HttpSettings
from modelyard.main import Adapters, ControlPlane
from modelyard.settings import Settings
from modelyard.storage import StorageSettings


def _settings(**storage: Any) -> Settings:
    return Settings(storage=StorageSettings(**storage), http=HttpSettings(allowed_hosts=["testserver"]))


@pytest.fixture
def sqlite_control_plane(adapters: Adapters, tmp_path: Path) -> Iterator[ControlPlane]:
    """The whole control plane over its own new home; nothing works in the background."""
    settings = _settings(home=tmp_path / "home")
    lay_schema(settings.storage.places)
    control_plane = ControlPlane(settings, adapters)
    yield control_plane
    control_plane.database.close()


@pytest.fixture
def postgres_control_plane(
    adapters: Adapters, tmp_path: Path, postgres_url: str, postgres_database: Database
) -> Iterator[ControlPlane]:
    control_plane = ControlPlane(_settings(home=tmp_path / "home", database_url=postgres_url), adapters)
    yield control_plane
    control_plane.database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def control_plane(request: pytest.FixtureRequest) -> ControlPlane:
    control_plane: ControlPlane = request.getfixturevalue(f"{request.param}_control_plane")
    return control_plane


@pytest.fixture
def token(control_plane: ControlPlane) -> str:
    """The first token of this control plane: an administrator's."""
    secret = control_plane.access.first_token()
    assert secret is not None
    return secret


@pytest.fixture
def anonymous(control_plane: ControlPlane) -> Iterator[TestClient]:
    """A caller without a token. What breaks inside is answered, as it is in production.

    All its requests are on one event loop, as a server's are; a client without one would make a new one for each.
    """
    client = TestClient(control_plane.app(), raise_server_exceptions=False)
    with start_blocking_portal() as client.portal:
        yield client


@pytest.fixture
def client(anonymous: TestClient, token: str) -> TestClient:
    """An administrator."""
    anonymous.headers["Authorization"] = f"Bearer {token}"
    return anonymous
