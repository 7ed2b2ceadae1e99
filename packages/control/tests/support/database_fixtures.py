"""Databases with the schema and no rows, on both engines."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from empty_postgres import empty
from ports import find_free_port
from sqlite_schema import empty_database

from modelyard.db import Database


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL on a free port, as long as the tests run; skips where its binaries are missing."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server binaries (pg_config, initdb) are not on this machine")
    folder = Path(tempfile.mkdtemp(prefix="modelyard-postgres-"))
    data, port = folder / "data", find_free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
    control = [str(binaries / "pg_ctl"), "--pgdata", str(data), "--wait", "--silent"]
    initialise = [str(binaries / "initdb"), "--pgdata", str(data), "--username=postgres", "--auth=trust", "--no-sync"]
    try:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        subprocess.run(_as_a_user([*initialise, "--encoding=UTF8", "--locale=C"]), check=True, capture_output=True)
        start = [*control, "--log", str(folder / "log"), "--options", options, "start"]
        subprocess.run(_as_a_user(start), check=True, stdout=subprocess.DEVNULL, timeout=60)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        subprocess.run(_as_a_user([*control, "--mode", "immediate", "stop"]), check=True, stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that holds the schema and no rows."""
    path = tmp_path_factory.mktemp("schema") / "modelyard.db"
    path.write_bytes(empty_database())
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "modelyard.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(migrated_postgres: Database) -> Iterator[Database]:
    """The one that all tests share, one after the other, and leave empty."""
    yield migrated_postgres
    empty(migrated_postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database with the schema and no rows, on each engine in turn."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


def _postgres_binaries() -> Path | None:
    if shutil.which("pg_config") is None:
        return None
    found = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
    folder = Path(found.stdout.strip())
    return folder if (folder / "initdb").exists() else None


def _as_a_user(command: list[str]) -> list[str]:
    """The same command as somebody who is not root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
