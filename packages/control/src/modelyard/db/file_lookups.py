"""Look-ups in a file of this machine: microseconds each, so they are made where we stand, without a thread."""

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Engine, Select

from modelyard.db.lookups import Lookup

_MOST_IDLE = 8


class FileLookups:
    """Keeps a few connections to a SQLite file, each used by one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[sqlite3.Connection] = []

    def compile(self, statement: Select[Any]) -> Lookup:
        """The statement for SQLite."""
        return Lookup(statement, self._engine.dialect)

    async def ask(self, lookup: Lookup, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What it selects. The driver begins no transaction around a statement that reads."""
        connection = self._take()
        try:
            found = connection.execute(lookup.sql, lookup.values(parameters)).fetchall()
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return lookup.rows(found)

    def close(self) -> None:
        """Give the connections up."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.raw_connection()
            driver = cast("sqlite3.Connection", connection.driver_connection)
            connection.detach()
            return driver
