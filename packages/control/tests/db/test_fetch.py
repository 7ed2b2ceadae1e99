"""Single statements that the event loop executes over connections that stay open."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import anyio
import psycopg
import pytest
from sqlalchemy import (
    Connection,
    Integer,
    String,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
    table,
    text,
)

from modelyard.access.tables import tenants
from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database, pipelined_connection
from modelyard.db.postgres_executor import PostgresExecutor
from modelyard.errors import Unavailable

T = TypeVar("T")
NAMES = select(tenants.c.name).order_by(tenants.c.name)
ECHO = select(bindparam("word", type_=String).label("word"))
PID = select(func.pg_backend_pid().label("pid"))
SLEEP = select(func.pg_sleep(bindparam("seconds", type_=Integer)).label("slept"))
DIVIDE = select((literal(1, Integer) % bindparam("by", type_=Integer)).label("one"))
SHELF: Any = select(column("a"), column("b")).select_from(table("shelf"))


def names(database: Database) -> list[str]:
    return [row["name"] for row in anyio.run(database.fetch, NAMES, {})]


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(tenants).values(id=name, name=name, quotas={}, created_at=ManualClock().now()))


def execute(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def together(*asked: Awaitable[T]) -> Awaitable[Sequence[T | BaseException]]:
    return asyncio.gather(*asked, return_exceptions=True)


async def echo(database: Database, word: str) -> str:
    (row,) = await database.fetch(ECHO, {"word": word})
    found: str = row["word"]
    return found


async def pid(database: Database) -> int:
    (row,) = await database.fetch(PID, {})
    found: int = row["pid"]
    return found


def terminate(database: Database, number: int) -> None:
    with database.read() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": number})


class TestFetch:
    def test_each_sees_what_was_committed_before_it_and_nothing_else(self, database: Database) -> None:
        assert names(database) == []
        with database.write() as connection:
            add(connection, "acme")
            assert names(database) == []
        assert names(database) == ["acme"]

    def test_many_at_once_have_each_its_own_answer(self, database: Database) -> None:
        words = [f"{number}é\\'" * (1 + number % 50) for number in range(500)]

        async def ask() -> list[str]:
            return list(await asyncio.gather(*(echo(database, word) for word in words)))

        assert anyio.run(ask) == words

    def test_values_come_as_they_were_stored(self, database: Database) -> None:
        with database.write() as connection:
            add(connection, "acme")
        columns = select(tenants.c.name, tenants.c.quotas, tenants.c.created_at, tenants.c.suspended_at)
        before = columns.where(tenants.c.created_at < bindparam("before", type_=tenants.c.created_at.type))
        now = ManualClock().now()
        stored = {"name": "acme", "quotas": {}, "created_at": now, "suspended_at": None}
        later = datetime.fromisoformat("2999-01-01T02:00:00+02:00")
        assert anyio.run(database.fetch, before, {"before": later}) == [stored]
        assert anyio.run(database.fetch, before, {"before": now}) == []

    def test_a_statement_that_is_wrong_harms_no_other(self, database: Database) -> None:
        nonsense: Any = select(column("absent")).select_from(table("nowhere"))

        async def ask() -> Sequence[object]:
            return await together(
                echo(database, "a"), database.fetch(nonsense, {}), echo(database, "b"), database.fetch(nonsense, {})
            )

        first, wrong, second, again = anyio.run(ask)
        assert (first, second) == ("a", "b")
        assert "nowhere" in str(wrong)
        assert type(wrong) is type(again)
        assert not isinstance(wrong, Unavailable)

    def test_a_parameter_that_is_not_given_is_not_taken_for_null(self, database: Database) -> None:
        with pytest.raises(KeyError, match="word"):
            anyio.run(database.fetch, ECHO, {})

    def test_a_list_of_any_length_is_no_parameter(self, database: Database) -> None:
        with pytest.raises(ValueError, match="depends on its parameters"):
            anyio.run(database.fetch, NAMES.where(tenants.c.name.in_(["acme"])), {})

    def test_without_a_database_it_is_unavailable(self, free_port: int) -> None:
        database = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/none")
        with pytest.raises(Unavailable):
            names(database)


class TestInAFile:
    def test_a_database_that_was_read_so_can_be_written_afterwards(self, sqlite_database: Database) -> None:
        names(sqlite_database)
        for name in ("acme", "globex"):
            with sqlite_database.write() as connection:
                add(connection, name)
        assert names(sqlite_database) == ["acme", "globex"]


class TestOnAServer:
    def test_a_few_connections_are_shared_by_all(self, postgres_database: Database) -> None:
        async def ask() -> list[int]:
            found: list[int] = []
            for _ in range(20):
                found += await asyncio.gather(*(pid(postgres_database) for _ in range(50)))
                await asyncio.sleep(0.01)
            return found

        assert 1 < len(set(anyio.run(ask))) <= 4

    def test_a_connection_that_the_server_ended_is_replaced(self, postgres_database: Database) -> None:
        async def ask() -> tuple[int, int]:
            before = await pid(postgres_database)
            await asyncio.to_thread(terminate, postgres_database, before)
            return before, await pid(postgres_database)

        before, after = anyio.run(ask)
        assert before != after

    def test_a_query_that_was_lost_with_its_connection_is_repeated(self, postgres_database: Database) -> None:
        async def ask() -> Sequence[object]:
            ours = await pid(postgres_database)
            asked = asyncio.ensure_future(
                together(postgres_database.fetch(SLEEP, {"seconds": 1}), echo(postgres_database, "a"))
            )
            await asyncio.sleep(0.1)
            await asyncio.to_thread(terminate, postgres_database, ours)
            return await asked

        slept, word = anyio.run(ask)
        assert slept == [{"slept": ""}]
        assert word == "a"

    def test_rows_are_right_while_connections_are_ended_again_and_again(self, postgres_database: Database) -> None:
        async def ask_on(name: str) -> int:
            unavailable = 0
            for number in range(200):
                word = f"{name}-{number}" * (1 + number % 9 * 500)
                try:
                    assert await echo(postgres_database, word) == word
                except Unavailable:
                    unavailable += 1
            return unavailable

        async def ask() -> Sequence[object]:
            asked = asyncio.ensure_future(together(*(ask_on(f"asker {number}") for number in range(20))))
            while not asked.done():
                with suppress(Unavailable):
                    await asyncio.to_thread(terminate, postgres_database, await pid(postgres_database))
                await asyncio.sleep(0.02)
            return await asked

        lost = anyio.run(ask)
        assert all(isinstance(each, int) for each in lost), lost
        assert sum(each for each in lost if isinstance(each, int)) < 40

    def test_a_server_that_is_silent_is_unavailable(
        self, postgres_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pipelined_connection, "_TIMEOUT_SECONDS", 0.1)

        async def ask() -> Sequence[object]:
            await pid(postgres_database)
            return await together(postgres_database.fetch(SLEEP, {"seconds": 60}), postgres_database.change_number())

        silent, count = anyio.run(ask)
        assert isinstance(silent, Unavailable)
        assert count is None

    def test_a_statement_whose_table_was_changed_is_prepared_anew(self, postgres_database: Database) -> None:
        execute(postgres_database, "CREATE TABLE shelf (a integer, b integer)", "INSERT INTO shelf VALUES (1, 2)")

        async def ask() -> tuple[object, object]:
            before = await postgres_database.fetch(SHELF, {})
            await asyncio.to_thread(execute, postgres_database, "ALTER TABLE shelf ALTER b TYPE text")
            return before, await postgres_database.fetch(SHELF, {})

        assert anyio.run(ask) == ([{"a": 1, "b": 2}], [{"a": 1, "b": "2"}])

    def test_a_statement_that_a_pooler_forgot_is_prepared_anew(self, postgres_database: Database) -> None:
        async def ask() -> list[str]:
            before = await echo(postgres_database, "a")
            (one,) = _connections(postgres_database)
            assert await one.fetch("DEALLOCATE ALL", []) == []
            return [before, await echo(postgres_database, "b"), await echo(postgres_database, "c")]

        assert anyio.run(ask) == ["a", "b", "c"]

    def test_who_left_leaves_the_answers_of_others_in_order(self, postgres_database: Database) -> None:
        async def ask() -> str:
            gone = asyncio.ensure_future(postgres_database.fetch(SLEEP, {"seconds": 0}))
            await asyncio.sleep(0)
            gone.cancel()
            return await echo(postgres_database, "b")

        assert anyio.run(ask) == "b"

    def test_texts_larger_than_a_sockets_buffer_go_both_ways(self, postgres_database: Database) -> None:
        large = [letter * 20_000_000 for letter in "ab"]

        async def ask() -> list[str]:
            return list(await asyncio.gather(*(echo(postgres_database, word) for word in large)))

        assert anyio.run(ask) == large

    @pytest.mark.parametrize(
        ("statement", "parameters", "error"),
        [
            (DIVIDE, {"by": 0}, psycopg.errors.DivisionByZero),
            (ECHO, {"word": "a\x00b"}, psycopg.DataError),
            (ECHO, {"word": ["a"]}, TypeError),
        ],
    )
    def test_what_it_does_not_take_is_an_error_of_its_own(
        self, postgres_database: Database, statement: Any, parameters: dict[str, Any], error: type[Exception]
    ) -> None:
        async def ask() -> Sequence[object]:
            return await together(postgres_database.fetch(statement, parameters), echo(postgres_database, "a"))

        wrong, word = anyio.run(ask)
        assert isinstance(wrong, error)
        assert word == "a"

    def test_each_event_loop_has_connections_of_its_own(self, postgres_database: Database) -> None:
        asked: Callable[[], Awaitable[int]] = partial(pid, postgres_database)
        assert anyio.run(asked) != anyio.run(asked)
        postgres_database.close()

    def test_closed_beside_a_running_loop_its_connections_are_closed_there(self, postgres_database: Database) -> None:
        async def ask() -> bool:
            await pid(postgres_database)
            (one,) = _connections(postgres_database)
            await asyncio.to_thread(postgres_database.close)
            await asyncio.sleep(0)
            return one.is_closed

        assert anyio.run(ask)


def _connections(database: Database) -> list[pipelined_connection.PipelinedConnection]:
    """The open ones of this event loop."""
    assert isinstance(database._executor, PostgresExecutor)
    return database._executor._pool()._open
