"""Transactions and migrations, on both databases."""

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from modelyard.access.tables import tenants
from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.errors import DiskFull, Kind, Unavailable
from modelyard.naming import MAX_NAME
from modelyard.outbox.tables import outbox
from modelyard.registry.domain import MAX_PATH_BYTES
from modelyard.registry.tables import models, version_files
from modelyard.schema import metadata

TENANT = {"id": "default", "name": "default", "quotas": {}, "created_at": ManualClock().now()}
MODEL = {
    "tenant_id": "default",
    "name": "iris",
    "description": "",
    "tags": {},
    "last_version": 0,
    "created_at": ManualClock().now(),
    "updated_at": ManualClock().now(),
}
MIGRATE = "import sys; from modelyard.db import Database; Database(sys.argv[1]).migrate()"


def count_tenants(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(tenants)).scalar_one()


class TestMigrations:
    def test_the_migrated_schema_is_the_one_that_the_tables_describe(self, database: Database) -> None:
        with database.write() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []

    def test_the_longest_file_path_of_the_model_with_the_longest_name_is_indexed(self, database: Database) -> None:
        pick = random.Random(1)

        def wide(size: int) -> str:
            """Characters of four bytes each, which no compression makes shorter."""
            return "".join(chr(pick.randrange(0x20000, 0x2A6DF)) for _ in range(size))

        key = {"tenant_id": "t" * 40, "model_name": wide(MAX_NAME), "version": 2**31 - 1}
        rows = [{**key, "path": wide(MAX_PATH_BYTES // 4), "sha256": "0" * 64, "size": 1}]
        with database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL session_replication_role = replica"))  # No version is needed.
            else:
                connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            connection.execute(insert(version_files), rows)
            found = connection.execute(select(version_files.c.path)).scalars().all()
            connection.execute(delete(version_files))
        assert found == [rows[0]["path"]]

    def test_no_other_index_can_be_given_a_row_that_is_too_long(self) -> None:
        """2,704 bytes are what a row of an index holds on PostgreSQL, of which a header takes a few."""

        def width(column: Column[Any]) -> int:
            length = getattr(getattr(column.type, "impl", column.type), "length", None)
            return 4 * length + 4 if length else 16

        tables = metadata.tables.values()
        indexes = [(table.name, list(table.primary_key.columns)) for table in tables]
        indexes += [(str(index.name), list(index.columns)) for table in tables for index in table.indexes]
        too_long = {name for name, columns in indexes if sum(map(width, columns)) > 2690}
        assert too_long == {"version_files"}  # Bounded in bytes: the test above.

    def test_migrating_again_keeps_what_is_there(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(tenants).values(**TENANT))
        database.migrate()
        assert count_tenants(database) == 1

    def test_processes_that_migrate_one_new_file_at_once_all_succeed(self, tmp_path: Path) -> None:
        command = [sys.executable, "-W", "error", "-c", MIGRATE, f"sqlite:///{tmp_path}/new.db"]
        processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        results = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
        assert results == [("", 0)] * len(processes)


class TestTransactions:
    def test_a_write_that_raises_leaves_nothing(self, database: Database) -> None:
        with pytest.raises(DBAPIError), database.write() as connection:  # noqa: PT012 - the block is what is tested
            connection.execute(insert(tenants).values(**TENANT))
            connection.execute(insert(tenants).values(**TENANT))
        assert count_tenants(database) == 0

    def test_writes_that_count_one_row_up_at_once_lose_none(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(models).values(**MODEL))

        def count_up(_: int) -> int:
            with database.write() as connection:
                change = update(models).values(last_version=models.c.last_version + 1)
                number: int = connection.execute(change.returning(models.c.last_version)).scalar_one()
                return number

        with ThreadPoolExecutor(16) as pool:
            assert sorted(pool.map(count_up, range(64))) == list(range(1, 65))

    def test_a_read_sees_one_state_while_others_write(self, database: Database) -> None:
        with database.read() as connection:
            before = connection.execute(select(func.count()).select_from(tenants)).scalar_one()
            with database.write() as other:
                other.execute(insert(tenants).values(**TENANT))
            after = connection.execute(select(func.count()).select_from(tenants)).scalar_one()
        assert (before, after, count_tenants(database)) == (0, 0, 1)

    def test_a_reader_does_not_wait_for_a_writer(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(tenants).values(**TENANT))
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(count_tenants, database).result(timeout=10) == 0

    def test_a_connection_that_read_can_write_afterwards(self, database: Database) -> None:
        assert count_tenants(database) == 0
        with database.write() as connection:
            connection.execute(insert(tenants).values(**TENANT))
        assert count_tenants(database) == 1


class TestErrors:
    def test_a_database_that_is_away_is_unavailable(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/no-such-folder/modelyard.db")
        with pytest.raises(Unavailable) as caught, database.read():
            pass
        assert caught.value.code == "database_unavailable"
        assert not database.is_reachable()

    def test_a_server_where_nobody_listens_is_unavailable(self, free_port: int) -> None:
        database = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/none")
        with pytest.raises(Unavailable), database.write():
            pass
        assert not database.is_reachable()

    def test_a_server_that_cut_the_connection_is_unavailable_and_then_answers_again(
        self, postgres_database: Database
    ) -> None:
        with pytest.raises(Unavailable), postgres_database.write() as connection:  # noqa: PT012 - as above
            backend = connection.execute(select(func.pg_backend_pid())).scalar_one()
            with postgres_database.write() as other:
                other.execute(select(func.pg_terminate_backend(backend)))
            connection.execute(text("SELECT 1"))
        assert postgres_database.is_reachable()

    def test_a_wrong_statement_is_not_mistaken_for_a_database_that_is_away(self, database: Database) -> None:
        with pytest.raises(DBAPIError), database.read() as connection:
            connection.execute(text("SELECT no_such_column FROM models"))

    def test_reachable_is_what_answers(self, database: Database) -> None:
        assert database.is_reachable()


class TestColumns:
    def test_a_time_comes_back_in_utc_as_it_was(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(tenants).values(**TENANT))
        with database.read() as connection:
            stored = connection.execute(select(tenants.c.created_at)).scalar_one()
        assert stored == TENANT["created_at"]
        assert stored.utcoffset() == ManualClock().now().utcoffset()

    def test_a_time_without_a_zone_is_refused(self, database: Database) -> None:
        naive = ManualClock().now().replace(tzinfo=None)
        with pytest.raises(StatementError, match="without a zone"), database.write() as connection:
            connection.execute(insert(tenants).values(id="default", name="default", quotas={}, created_at=naive))

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    def test_json_that_json_does_not_have_is_refused_by_both_databases(self, database: Database, number: float) -> None:
        with pytest.raises((StatementError, ValueError), match="JSON compliant"), database.write() as connection:
            connection.execute(
                insert(outbox).values(
                    tenant_id="default", topic="t", payload={"n": number}, created_at=ManualClock().now(), attempts=0
                )
            )


class TestInsertNew:
    def test_a_second_row_of_one_key_is_not_inserted(self, database: Database) -> None:
        with database.write() as connection:
            assert insert_new(connection, tenants, **TENANT)
            assert not insert_new(connection, tenants, **TENANT)
        assert count_tenants(database) == 1

    def test_of_many_at_once_one_inserts_and_the_others_see_its_row(self, database: Database) -> None:
        together = threading.Barrier(8)

        def insert_and_look(_: int) -> tuple[bool, int]:
            together.wait()
            with database.write() as connection:
                is_new = insert_new(connection, tenants, **TENANT)
                return is_new, connection.execute(select(func.count()).select_from(tenants)).scalar_one()

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(insert_and_look, range(8)))
        assert sorted(outcomes) == [(False, 1)] * 7 + [(True, 1)]


class TestAFullDisk:
    def test_a_write_without_space_says_so_and_the_next_one_works(self, sqlite_database: Database) -> None:
        def fill(connection: Connection) -> None:
            connection.exec_driver_sql("CREATE TABLE large (content BLOB)")
            connection.exec_driver_sql("PRAGMA max_page_count=1")  # As many as there are.
            connection.exec_driver_sql("INSERT INTO large VALUES (zeroblob(10000000))")

        with pytest.raises(DiskFull) as full, sqlite_database.write() as connection:
            fill(connection)
        assert (full.value.kind, full.value.code) == (Kind.DISK_FULL, "disk_full")
        with sqlite_database.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
            connection.exec_driver_sql("CREATE TABLE large (content BLOB)")


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
    def test_a_database_that_cannot_hold_every_text_ends_the_start_with_one_sentence(
        self, postgres_url: str, tmp_path: Path, encoding: str
    ) -> None:
        server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        name = f"in_{encoding.lower()}"
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0"))
        url = f"{postgres_url.rpartition('/')[0]}/{name}"
        environment = {**os.environ, "MODELYARD_HOME": str(tmp_path), "MODELYARD_DATABASE_URL": url}
        done = subprocess.run(
            [sys.executable, "-m", "modelyard"], env=environment, capture_output=True, text=True, check=False
        )
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
        assert done.returncode == 1
        assert done.stderr.strip() == (
            f"database: expected a PostgreSQL database with the encoding UTF8, got {encoding}: make one with CREATE "
            f"DATABASE … ENCODING 'UTF8' TEMPLATE template0 instead of '{name}'"
        )
