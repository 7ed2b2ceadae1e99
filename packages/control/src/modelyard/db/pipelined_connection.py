"""One connection to PostgreSQL that the event loop uses in libpq's pipeline mode: a query is sent while earlier ones
are pending, and the results come back in the same order. No transaction is begun, and a query that fails does not
affect the others.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

_TIMEOUT_SECONDS = 10.0
_UNSENT = 1

Rows = list[tuple[Any, ...]]


class QueryTimeout(psycopg.OperationalError):
    """The server sent no result of a query within ten seconds."""


class _PendingQuery(NamedTuple):
    sql: str
    sent_at: float
    result: asyncio.Future[Rows]


class PipelinedConnection:
    """Belongs to one event loop. A statement is prepared when it is executed for the first time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Take over `connection`, which nobody else uses and which is in no transaction; it is closed with this."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = self._pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._transformer = Transformer(connection)
        self._prepared: dict[str, bytes] = {}
        self._count = 0
        self._pending: deque[_PendingQuery] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._receive)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or lost."""
        return self._is_closed

    @property
    def pending(self) -> int:
        """How many queries have no result yet."""
        return len(self._pending)

    async def fetch(self, sql: str, values: Sequence[Any]) -> Rows:
        """The rows of one statement, which names its parameters `$1`, `$2`, ….

        Raises:
            QueryTimeout: no result within ten seconds; the connection is closed.
            psycopg.OperationalError: the connection was lost.
            psycopg.Error: the server refuses the statement.
        """
        texts = [_text(value) for value in values]
        query = _PendingQuery(sql, self._loop.time(), self._loop.create_future())
        try:
            self._pgconn.send_query_prepared(self._prepared.get(sql) or self._prepare(sql), texts)
            self._pgconn.pipeline_sync()
            self._send()
        except psycopg.OperationalError as exc:
            self._fail(exc)
            raise
        self._pending.append(query)
        if self._timer is None:
            self._timer = self._loop.call_later(_TIMEOUT_SECONDS, self._check_timeout)
        return await query.result

    def close(self) -> None:
        """Close the connection. Pending queries fail as if it had been lost."""
        self._fail(psycopg.OperationalError("the connection was closed"))

    def _prepare(self, sql: str) -> bytes:
        self._count += 1
        name = self._prepared[sql] = b"q%d" % self._count
        self._pgconn.send_prepare(name, sql.encode())
        return name

    def _send(self) -> None:
        if self._pgconn.flush() == _UNSENT:
            self._loop.add_writer(self._socket, self._send_rest)

    def _send_rest(self) -> None:
        try:
            if self._pgconn.flush() != _UNSENT:
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as exc:
            self._fail(exc)

    def _receive(self) -> None:
        try:
            self._pgconn.consume_input()
            was_none = False
            # Results come one by one, with None at the end of each command and where there are no more.
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is not None:
                    self._handle_result(result)
                elif was_none:
                    return
                was_none = result is None
        except psycopg.OperationalError as exc:
            self._fail(exc)

    def _handle_result(self, result: PGresult) -> None:
        """A query gets its rows or an error, of its preparation or its own; then comes a synchronization point."""
        if not self._pending:
            raise psycopg.OperationalError("the server ended the connection") from error_from_result(result)
        if result.status == ExecStatus.PIPELINE_SYNC:
            future = self._pending.popleft().result
            if not future.done():
                future.set_result([])
            return
        query = self._pending[0]
        if query.result.done():
            return
        if result.status == ExecStatus.TUPLES_OK:
            try:
                self._transformer.set_pgresult(result)
                query.result.set_result(self._transformer.load_rows(0, result.ntuples, tuple))
            except psycopg.DataError as exc:
                query.result.set_exception(exc)
        elif result.status != ExecStatus.COMMAND_OK:
            # Whatever was wrong, the statement is prepared anew when it is executed next.
            self._prepared.pop(query.sql, None)
            query.result.set_exception(error_from_result(result))

    def _check_timeout(self) -> None:
        """One timer for all pending queries, since their results come in order."""
        self._timer = None
        if not self._pending:
            return
        left = self._pending[0].sent_at + _TIMEOUT_SECONDS - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check_timeout)
        else:
            self._fail(QueryTimeout(f"the database did not respond within {_TIMEOUT_SECONDS:g} s"))

    def _fail(self, reason: psycopg.OperationalError) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._connection.close()
        pending, self._pending = self._pending, deque()
        for query in pending:
            if not query.result.done():
                query.result.set_exception(reason)


def _text(value: object) -> bytes | None:
    """A parameter in PostgreSQL's text format; its type is in the statement."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\x00" in value:
            raise psycopg.DataError("PostgreSQL stores no text with NUL characters")
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int | float):
        return repr(value).encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    raise TypeError(f"expected a text, a number or a time as a parameter, got {type(value).__name__}")
