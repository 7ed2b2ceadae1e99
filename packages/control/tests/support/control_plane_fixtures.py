"""The whole control plane on either database, and its callers over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi._compat import v2 as fastapi_types
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from sqlite_schema import lay_schema

from modelyard.db import Database
from modelyard.http.settings import HttpSettings
from modelyard.main import Adapters, ControlPlane
from modelyard.settings import Settings
from modelyard.storage import StorageSettings


@pytest.fixture(scope="session", autouse=True)
def shared_adapters() -> Iterator[None]:
    """An application makes 1,600 type adapters, which are two fifths of its start. Of hundreds that start in a process,
    those of equal types are one."""
    made: dict[object, TypeAdapter[Any]] = {}

    def adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
        annotation, *metadata = get_args(annotated)
        key = (annotation, repr(metadata), repr(config))
        if key not in made:
            made[key] = TypeAdapter(annotated, config=config)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastapi_types, "TypeAdapter", adapter)
        yield


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
