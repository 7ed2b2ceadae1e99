"""Executes compiled queries in a SQLite file: microseconds each, so the event loop does it itself, without a thread."""

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Engine, Select

from modelyard.db.compiled_query import CompiledQuery

_MAX_IDLE = 8


class SqliteExecutor:
    """Keeps a few connections to the file open, each used by one query at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[sqlite3.Connection] = []

    def compile(self, statement: Select[Any]) -> CompiledQuery:
        """The statement for SQLite."""
        return CompiledQuery(statement, self._engine.dialect)

    async def fetch(self, query: CompiledQuery, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows. The driver begins no transaction around a statement that reads."""
        connection = self._acquire()
        try:
            fetched = connection.execute(query.sql, query.values(parameters)).fetchall()
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < _MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return query.rows(fetched)

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def _acquire(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.raw_connection()
            driver = cast("sqlite3.Connection", connection.driver_connection)
            connection.detach()
            return driver
