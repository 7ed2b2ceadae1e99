"""Connections and transactions. A write on SQLite takes the lock at its start, so it never fails half way."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import orjson
import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Select, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from modelyard.db import changes, fencing
from modelyard.db.compiled_query import CompiledQuery, QueryExecutor
from modelyard.db.postgres_executor import PostgresExecutor
from modelyard.db.sqlite_executor import SqliteExecutor
from modelyard.errors import DiskFull, Invalid, Unavailable

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 5
_ENCODING = "UTF8"
_POOL: dict[str, Any] = {
    "pool_size": 20,
    "max_overflow": 20,
    # PostgreSQL refuses NaN, which JSON does not have; a SQLite that took it would break who reads it.
    "json_serializer": partial(json.dumps, allow_nan=False),
    "json_deserializer": orjson.loads,
}
_WRITES = "modelyard_writes"
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_MAX_COMPILED = 1000
_joined: ContextVar["tuple[Database, Connection] | None"] = ContextVar("joined", default=None)


class Database:
    """One database. Transactions are short: no network call is made while one is open.

    `read()` and `write()` give a connection inside a transaction, committed when the block ends and rolled back when
    it raises. They raise Unavailable (code `database_unavailable`) when the database does not answer, and DiskFull
    when it has no space. The first connection raises Invalid where it cannot hold every text.
    """

    def __init__(self, url: str) -> None:
        self._engine = _sqlite_engine(url) if url.startswith("sqlite") else _server_engine(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # Without it, PostgreSQL shows each statement of a transaction another state.
        one_state = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self._engine.execution_options(**one_state)
        changes.watch(self._engine)
        self._executor: QueryExecutor = (SqliteExecutor if self.is_sqlite else PostgresExecutor)(self._engine)
        self._compiled = lru_cache(maxsize=_MAX_COMPILED)(self._executor.compile)
        self._change_number = self._executor.compile(changes.SELECT_NUMBER)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file on this machine."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def joined(self) -> Iterator[None]:
        """One transaction of all that the present thread reads and writes inside of the block: all of it, or nothing.

        What reads there sees what was written there. A write that raises is undone alone, so a caller may go on after
        it. Nothing that waits for another thread, and no network call, belongs into it.
        """
        with self.write() as connection:
            token = _joined.set((self, connection))
            try:
                yield
            finally:
                _joined.reset(token)

    def _joined_connection(self) -> Connection | None:
        database, connection = _joined.get() or (None, None)
        return connection if database is self else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        if (joined := self._joined_connection()) is not None:
            yield joined
            return
        with _translated(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change rows, unless a fence of the present thread refuses it."""
        if (joined := self._joined_connection()) is not None:
            with _translated(), joined.begin_nested():
                yield joined
            return
        with _translated(), self._writer.connect() as connection, connection.begin():
            changes.begin(connection)
            fencing.pass_fences(connection)
            yield connection
            changes.end(connection)

    async def change_number(self) -> int | None:
        """A number that grows with every committed change of a table that is not volatile, of whichever process.

        None when the database does not answer.
        """
        try:
            rows = await self._fetch(self._change_number, {})
        except Unavailable:
            return None
        return rows[0]["number"] if rows else 0

    async def fetch(self, statement: Select[Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of one short statement that reads an index, executed by the event loop, outside of a transaction.

        It is compiled once, so callers keep the statement and vary its parameters: text, numbers and times.
        """
        return await self._fetch(self._compiled(statement), parameters)

    def is_reachable(self) -> bool:
        """Whether it answers now.

        Raises:
            Invalid: code `database_encoding_unsupported`.
        """
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
        except Unavailable:
            return False
        return True

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema up to date, or up to a revision. Two processes at once do it one after the other."""
        config = _migrations()
        with _translated(), self._writer.connect() as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7166051)"))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def revision(self) -> str | None:
        """The revision of the schema that is there; None when there is none."""
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    @staticmethod
    def newest_revision() -> str | None:
        """The revision that `migrate` leads to."""
        return ScriptDirectory.from_config(_migrations()).get_current_head()

    @staticmethod
    def knows(revision: str) -> bool:
        """Whether this is a revision of ours, and not of a later release."""
        return revision in {script.revision for script in ScriptDirectory.from_config(_migrations()).walk_revisions()}

    def close(self) -> None:
        """Give back all connections."""
        self._executor.close()
        self._engine.dispose()

    async def _fetch(self, query: CompiledQuery, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with _translated():
            return await self._executor.fetch(query, parameters)


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as exc:
        raise _unavailable() from exc
    except DBAPIError as exc:
        if _is_full(exc.orig):
            raise _disk_full() from exc
        if not (exc.connection_invalidated or _may_pass_later(exc.orig)):
            raise
        raise _unavailable() from exc
    except (sqlite3.Error, psycopg.Error) as exc:
        if _is_full(exc):
            raise _disk_full() from exc
        if not _may_pass_later(exc):
            raise
        raise _unavailable() from exc


def _may_pass_later(exc: BaseException | None) -> bool:
    """Whether the same statement may work in a while: the database was away or busy, and the statement not wrong."""
    if isinstance(exc, sqlite3.OperationalError):
        return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF != sqlite3.SQLITE_ERROR
    return isinstance(exc, psycopg.OperationalError)


def _is_full(exc: BaseException | None) -> bool:
    """Whether the database has no space to write."""
    return getattr(exc, "sqlite_errorcode", None) in _FULL or isinstance(exc, psycopg.errors.DiskFull)


def _disk_full() -> DiskFull:
    return DiskFull("disk full: the database needs space to write this down, and has none")


def _unavailable() -> Unavailable:
    return Unavailable("the database does not answer", code="database_unavailable")


def _server_engine(url: str) -> Engine:
    # The driver gives bytes instead of text where neither side names an encoding.
    options = {"connect_timeout": _CONNECT_SECONDS, "client_encoding": "utf8"}
    engine = create_engine(url, pool_pre_ping=True, connect_args=options, **_POOL)

    @event.listens_for(engine, "connect")
    def refuse_other_encodings(connection: psycopg.Connection[Any], _: ConnectionPoolEntry) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != _ENCODING:
            name = connection.info.dbname
            connection.close()
            raise Invalid(
                f"database: expected a PostgreSQL database with the encoding {_ENCODING}, got {encoding}: make one "
                f"with CREATE DATABASE … ENCODING '{_ENCODING}' TEMPLATE template0 instead of '{name}'",
                code="database_encoding_unsupported",
            )

    return engine


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **_POOL)

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
