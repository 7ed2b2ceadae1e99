"""Executes compiled queries in PostgreSQL from the event loop, without a thread, over a few pipelined connections."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from sqlalchemy import Engine, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from modelyard.db.compiled_query import CompiledQuery
from modelyard.db.pipelined_connection import PipelinedConnection, QueryTimeout

_MAX_CONNECTIONS = 4
# After a migration, or when a pooler gave the server's side of the connection to somebody else.
_STALE_STATEMENT = (FeatureNotSupported, InvalidSqlStatementName)
_SERVER_SHUTS_DOWN = "57P"


class PostgresExecutor:
    """Each event loop has its own connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    def compile(self, statement: Select[Any]) -> CompiledQuery:
        """The statement for PostgreSQL."""
        return CompiledQuery(statement, self._dialect)

    async def fetch(self, query: CompiledQuery, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows. A query whose connection was lost is repeated once, over another connection."""
        pool, values = self._pool(), query.values(parameters)
        connection = await pool.least_busy()
        try:
            fetched = await connection.fetch(query.sql, values)
        except _STALE_STATEMENT:
            fetched = await connection.fetch(query.sql, values)
        except psycopg.OperationalError as exc:
            was_lost = connection.is_closed or (exc.sqlstate or "").startswith(_SERVER_SHUTS_DOWN)
            if isinstance(exc, QueryTimeout) or not was_lost:
                raise
            connection.close()
            fetched = await (await pool.least_busy()).fetch(query.sql, values)
        return query.rows(fetched)

    def close(self) -> None:
        """Close the connections."""
        while self._pools:
            loop, pool = self._pools.popitem()
            if loop.is_running():
                loop.call_soon_threadsafe(pool.close)
            else:
                pool.close()

    def _pool(self) -> "_Pool":
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            for ended in [one for one in self._pools if one.is_closed()]:
                self._pools.pop(ended).close()
            pool = self._pools[loop] = _Pool(self._engine)
        return pool


class _Pool:
    """The connections of one event loop. While all are busy one more is opened in the background, up to four."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: list[PipelinedConnection] = []
        self._opening: asyncio.Task[PipelinedConnection] | None = None

    async def least_busy(self) -> PipelinedConnection:
        """The connection with the fewest pending queries."""
        self._open = [connection for connection in self._open if not connection.is_closed]
        connection = min(self._open, key=lambda one: one.pending, default=None)
        if connection is None:
            return await asyncio.shield(self._begin_opening())
        if connection.pending and len(self._open) < _MAX_CONNECTIONS:
            self._begin_opening()
        return connection

    def close(self) -> None:
        """Close them."""
        for connection in self._open:
            connection.close()

    def _begin_opening(self) -> asyncio.Task[PipelinedConnection]:
        """The task that opens one more connection; there is one such task at a time."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._add())
            # Nobody may be waiting for it, and a server that refuses one more connection still answers over the others.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._opening

    async def _add(self) -> PipelinedConnection:
        try:
            connection = PipelinedConnection(await asyncio.to_thread(self._connect))
        finally:
            self._opening = None
        self._open.append(connection)
        return connection

    def _connect(self) -> psycopg.Connection[Any]:
        """A connection that SQLAlchemy's pool does not know any more, in autocommit mode."""
        connection = self._engine.raw_connection()
        driver: psycopg.Connection[Any] = connection.driver_connection  # type: ignore[assignment]
        connection.detach()
        driver.autocommit = True
        return driver
