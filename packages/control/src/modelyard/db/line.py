"""One connection to PostgreSQL, asked from the event loop. Questions are sent as they come, also while others are not
answered yet; the answers come back in the same order (libpq's pipeline mode). No transaction is begun, and a question
that fails harms no other.
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

_PATIENCE_SECONDS = 10.0
_UNSENT = 1

Rows = list[tuple[Any, ...]]


class Silent(psycopg.OperationalError):
    """The server took a question, and gave no answer in ten seconds."""


class _Question(NamedTuple):
    sql: str
    asked_at: float
    answer: asyncio.Future[Rows]


class Line:
    """Of one event loop. A statement is prepared when it is asked for the first time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """`connection` is nobody else's and in no transaction; it is closed with this."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = self._pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._values = Transformer(connection)
        self._prepared: dict[str, bytes] = {}
        self._count = 0
        self._asked: deque[_Question] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._is_lost = False
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._receive)

    @property
    def is_lost(self) -> bool:
        """Whether it answers no more."""
        return self._is_lost

    @property
    def waiting(self) -> int:
        """How many questions are not answered yet."""
        return len(self._asked)

    async def ask(self, sql: str, values: Sequence[Any]) -> Rows:
        """The rows of one statement, which names its parameters `$1`, `$2`, ….

        Raises:
            Silent: no answer in ten seconds; the line is lost.
            psycopg.OperationalError: the line was lost.
            psycopg.Error: the server does not understand.
        """
        texts = [_text(value) for value in values]
        question = _Question(sql, self._loop.time(), self._loop.create_future())
        try:
            self._pgconn.send_query_prepared(self._prepared.get(sql) or self._prepare(sql), texts)
            self._pgconn.pipeline_sync()
            self._send()
        except psycopg.OperationalError as exc:
            self._lose(exc)
            raise
        self._asked.append(question)
        if self._watch is None:
            self._watch = self._loop.call_later(_PATIENCE_SECONDS, self._look_after)
        return await question.answer

    def close(self) -> None:
        """Give the connection up. Who waits for an answer is told that the line was lost."""
        self._lose(psycopg.OperationalError("the line was closed"))

    def _prepare(self, sql: str) -> bytes:
        self._count += 1
        name = self._prepared[sql] = b"l%d" % self._count
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
            self._lose(exc)

    def _receive(self) -> None:
        try:
            self._pgconn.consume_input()
            nothing_came = False
            # What came is told result by result, with None at the end of each command and where no more is to be had.
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is not None:
                    self._take(result)
                elif nothing_came:
                    return
                nothing_came = result is None
        except psycopg.OperationalError as exc:
            self._lose(exc)

    def _take(self, result: PGresult) -> None:
        """A question is answered by its rows or by an error, of its preparation or its own; then comes a mark."""
        if not self._asked:
            raise psycopg.OperationalError("the server ended the line") from error_from_result(result)
        if result.status == ExecStatus.PIPELINE_SYNC:
            answer = self._asked.popleft().answer
            if not answer.done():
                answer.set_result([])
            return
        question = self._asked[0]
        if question.answer.done():
            return
        if result.status == ExecStatus.TUPLES_OK:
            try:
                self._values.set_pgresult(result)
                question.answer.set_result(self._values.load_rows(0, result.ntuples, tuple))
            except psycopg.DataError as exc:
                question.answer.set_exception(exc)
        elif result.status != ExecStatus.COMMAND_OK:
            # Whatever was wrong, the next one who asks for it has it prepared anew.
            self._prepared.pop(question.sql, None)
            question.answer.set_exception(error_from_result(result))

    def _look_after(self) -> None:
        """One timer for all questions, so that a question costs none: they are answered in order."""
        self._watch = None
        if not self._asked:
            return
        left = self._asked[0].asked_at + _PATIENCE_SECONDS - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look_after)
        else:
            self._lose(Silent("the database is silent"))

    def _lose(self, reason: psycopg.OperationalError) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        if self._watch is not None:
            self._watch.cancel()
        self._connection.close()
        asked, self._asked = self._asked, deque()
        for question in asked:
            if not question.answer.done():
                question.answer.set_exception(reason)


def _text(value: object) -> bytes | None:
    """A parameter as the server reads it; which type it has is in the statement."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\x00" in value:
            raise psycopg.DataError("PostgreSQL keeps no text with NUL characters")
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int | float):
        return repr(value).encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    raise TypeError(f"no parameter of a look-up: {type(value).__name__}")
