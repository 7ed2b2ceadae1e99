"""Statements that read, each alone and each over a connection that stays open: no transaction is begun or ended around
them, so one costs what the database needs for it. What needs one state for two statements is none of these.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select
from sqlalchemy.exc import DBAPIError

MOST_IDLE = 8


class Lookups:
    """Keeps a few connections, each used by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        """`engine` begins no transactions, so each statement sees the state of its moment."""
        self._engine = engine
        self._lock = threading.Lock()
        self._idle: list[Connection] = []

    def rows(self, statement: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """What it selects. A connection that was lost while nobody used it is replaced, and the question put again.

        Raises:
            DBAPIError: the database does not answer, or does not understand.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                return self._ask(connection, statement, parameters)
            except DBAPIError as exc:
                if not exc.connection_invalidated:
                    raise
        return self._ask(self._engine.connect(), statement, parameters)

    def close(self) -> None:
        """Give the connections up."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        try:
            rows = connection.execute(statement, parameters).all()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return rows
        connection.close()
        return rows
