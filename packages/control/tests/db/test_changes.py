"""The count of changes, on both databases."""

from collections.abc import Callable

import anyio
import pytest
from sqlalchemy import insert, update

from modelyard.access.tables import tenants
from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.outbox.tables import outbox

NOW = ManualClock().now()


def count(database: Database) -> int | None:
    return anyio.run(database.change_number)


def add_tenant(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(tenants).values(id=name, name=name, quotas={}, created_at=NOW))


def put_message(database: Database) -> None:
    with database.write() as connection:
        connection.execute(
            insert(outbox).values(tenant_id="a", topic="t", payload={}, created_at=NOW, attempts=0, next_attempt_at=NOW)
        )


def note(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(tenants).values(name="other").execution_options(volatile=True))


def fail(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:  # noqa: PT012 - the block is what is tested
        connection.execute(update(tenants).values(name="other"))
        raise ZeroDivisionError


class TestChanges:
    def test_it_grows_with_every_committed_change(self, database: Database) -> None:
        seen = [count(database)]
        for name in ("acme", "globex"):
            add_tenant(database, name)
            seen.append(count(database))
        assert None not in seen
        assert seen == sorted(set(seen), key=lambda number: number or 0)

    @pytest.mark.parametrize("change", [put_message, note, fail])
    def test_it_stays_when_nothing_that_counts_was_committed(
        self, database: Database, change: Callable[[Database], None]
    ) -> None:
        add_tenant(database, "acme")
        before = count(database)
        change(database)
        assert count(database) == before

    def test_a_change_of_another_process_is_seen(self, sqlite_database: Database) -> None:
        before = count(sqlite_database)
        other = Database(str(sqlite_database._engine.url))
        add_tenant(other, "acme")
        assert count(sqlite_database) == count(other) != before
        other.close()

    def test_without_a_database_there_is_none(self, free_port: int) -> None:
        assert count(Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/none")) is None
