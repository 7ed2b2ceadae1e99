"""Single statements over connections that stay open."""

from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from sqlalchemy import Connection, insert, select, text

from modelyard.access.tables import tenants
from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.errors import Unavailable

NAMES = select(tenants.c.name).order_by(tenants.c.name)


def names(database: Database) -> list[str]:
    return [row.name for row in anyio.run(database.look_up, NAMES, {})]


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(tenants).values(id=name, name=name, quotas={}, created_at=ManualClock().now()))


class TestLookups:
    def test_each_sees_what_was_committed_before_it_and_nothing_else(self, database: Database) -> None:
        assert names(database) == []
        with database.write() as connection:
            add(connection, "acme")
            assert names(database) == []
        assert names(database) == ["acme"]

    def test_many_at_once_share_the_connections(self, database: Database) -> None:
        with database.write() as connection:
            add(connection, "acme")
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: database._look_up(NAMES, {}), range(200)))
        assert [[row.name for row in rows] for rows in found] == [["acme"]] * 200
        assert 1 <= len(database._lookups._idle) <= 8

    def test_a_connection_that_the_server_ended_is_replaced(self, postgres_database: Database) -> None:
        assert names(postgres_database) == []
        ours = postgres_database._lookups._idle[-1].connection.driver_connection
        assert ours is not None
        with postgres_database.read() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ours.info.backend_pid})
        assert names(postgres_database) == []

    def test_a_connection_that_looked_up_can_write_afterwards(self, sqlite_database: Database) -> None:
        names(sqlite_database)
        sqlite_database._lookups.close()
        for name in ("acme", "globex"):
            with sqlite_database.write() as connection:
                add(connection, name)
        assert names(sqlite_database) == ["acme", "globex"]

    def test_without_a_database_it_is_unavailable(self, free_port: int) -> None:
        database = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/none")
        with pytest.raises(Unavailable):
            names(database)
