"""Connections and transactions. A write on SQLite takes the lock at its start, so it never fails half way."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from modelyard.errors import Unavailable

_BUSY_SECONDS = 30
_WRITES = "modelyard_writes"


class Database:
    """One database. Transactions are short: no network call is made while one is open.

    `read()` and `write()` give a connection inside a transaction, committed when the block ends and rolled back when
    it raises. They raise Unavailable (code `database_unavailable`) when the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = _sqlite_engine(url) if url.startswith("sqlite") else _server_engine(url)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file on this machine."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change rows."""
        with (
            _translated(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def is_reachable(self) -> bool:
        """Whether it answers now. Never raises."""
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
        except Unavailable:
            return False
        return True

    def migrate(self) -> None:
        """Bring the schema up to date. Two processes at once do it one after the other."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7166051)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as exc:
        raise Unavailable("the database does not answer", code="database_unavailable") from exc


def _server_engine(url: str) -> Engine:
    return create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True)


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=20, max_overflow=20, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        # We say BEGIN ourselves: the driver would begin too late, after the first read of a writing transaction.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")

    return engine
