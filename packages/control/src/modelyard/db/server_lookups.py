"""Look-ups in PostgreSQL, asked from the event loop without a thread: over a few lines, opened when they are needed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from sqlalchemy import Engine, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from modelyard.db.line import Line, Silent
from modelyard.db.lookups import Lookup

_MOST_LINES = 4
# A schema that was migrated meanwhile; a connection that a pooler gave to somebody else.
_PREPARED_IN_VAIN = (FeatureNotSupported, InvalidSqlStatementName)
_SERVER_LEAVES = "57P"


class ServerLookups:
    """Each event loop has its own lines."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._of_loops: dict[asyncio.AbstractEventLoop, _Lines] = {}

    def compile(self, statement: Select[Any]) -> Lookup:
        """The statement for PostgreSQL."""
        return Lookup(statement, self._dialect)

    async def ask(self, lookup: Lookup, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What it selects. A question that was lost with its line is put once more, over another one."""
        lines, values = self._lines(), lookup.values(parameters)
        line = await lines.free()
        try:
            found = await line.ask(lookup.sql, values)
        except _PREPARED_IN_VAIN:
            found = await line.ask(lookup.sql, values)
        except psycopg.OperationalError as exc:
            if isinstance(exc, Silent) or not (line.is_lost or (exc.sqlstate or "").startswith(_SERVER_LEAVES)):
                raise
            line.close()
            found = await (await lines.free()).ask(lookup.sql, values)
        return lookup.rows(found)

    def close(self) -> None:
        """Give the connections up."""
        while self._of_loops:
            loop, lines = self._of_loops.popitem()
            if loop.is_running():
                loop.call_soon_threadsafe(lines.close)
            else:
                lines.close()

    def _lines(self) -> "_Lines":
        loop = asyncio.get_running_loop()
        lines = self._of_loops.get(loop)
        if lines is None:
            for ended in [one for one in self._of_loops if one.is_closed()]:
                self._of_loops.pop(ended).close()
            lines = self._of_loops[loop] = _Lines(self._engine)
        return lines


class _Lines:
    """Who finds all lines busy has another one opened for those who come later, up to four."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: list[Line] = []
        self._opening: asyncio.Task[Line] | None = None

    async def free(self) -> Line:
        """The line with the fewest questions."""
        self._open = [line for line in self._open if not line.is_lost]
        line = min(self._open, key=lambda one: one.waiting, default=None)
        if line is None:
            return await asyncio.shield(self._another())
        if line.waiting and len(self._open) < _MOST_LINES:
            self._another()
        return line

    def close(self) -> None:
        """Give them up."""
        for line in self._open:
            line.close()

    def _another(self) -> asyncio.Task[Line]:
        """The one that is being opened."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._add())
            # Nobody may be waiting for it, and a server that refuses one more line still answers over the others.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._opening

    async def _add(self) -> Line:
        try:
            line = Line(await asyncio.to_thread(self._connect))
        finally:
            self._opening = None
        self._open.append(line)
        return line

    def _connect(self) -> psycopg.Connection[Any]:
        """A connection that the pool knows no more, without transactions."""
        connection = self._engine.raw_connection()
        driver: psycopg.Connection[Any] = connection.driver_connection  # type: ignore[assignment]
        connection.detach()
        driver.autocommit = True
        return driver
