"""A database of an earlier release, with rows, is brought up to date: nothing is lost, and work goes on.

`resources/schema-<revision>.*.sql` are dumps that the release itself wrote. When a release is made, dump its schema the
same way on both databases, and add its migrations to RELEASED.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, Select, Table, create_engine, select, text

import modelyard.db.database
from modelyard.access.tables import tokens
from modelyard.audit.domain import prove
from modelyard.db import Database
from modelyard.main import Adapters, ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard.registry.search.filters import ModelFilter, parse_tags
from modelyard.registry.search.pages import versions_from
from modelyard.registry.states import Stage
from modelyard.registry.store import find_version
from modelyard.schema import metadata
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.training.kinds import TRAINING

RESOURCES = Path(__file__).parents[1] / "resources"
MIGRATIONS = Path(modelyard.db.database.__file__).parent / "migrations" / "versions"
RELEASED = {"0001_first_schema.py": "cbab77ae75dcc3bf403328093944dd32d9d4c6dfb05eaba522fa8017c195d44c"}
"""SHA-256 of the migrations of all releases."""
SCHEMAS = ["0001"]
ADMIN = Principal(tenant_id=FIRST_TENANT, subject="admin", role=Role.ADMIN)
PETRA = Principal(tenant_id=FIRST_TENANT, subject="petra", role=Role.APPROVER)
CARL = Principal(tenant_id=FIRST_TENANT, subject="carl", role=Role.APPROVER)


def sqlite_of(schema: str, tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.executescript((RESOURCES / f"schema-{schema}.sqlite.sql").read_text())
    return f"sqlite:///{tmp_path}/old.db"


@pytest.fixture
def postgres_of(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes a database of its own on the shared server."""
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")

    def make(schema: str) -> str:
        with server.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS upgraded WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE upgraded"))
        url = f"{postgres_url.rpartition('/')[0]}/upgraded"
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql((RESOURCES / f"schema-{schema}.postgresql.sql").read_text())
        engine.dispose()
        return url

    yield make
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS upgraded WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def old_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The address of a database as a release left it, on each engine in turn."""
    if request.param == "sqlite":
        return lambda schema: sqlite_of(schema, tmp_path)
    make: Callable[[str], str] = request.getfixturevalue("postgres_of")
    return make


Columns = dict[str, list[str]]


def columns_of(database: Database) -> Columns:
    """The columns of each table that is there."""
    with database.read() as connection:
        there = MetaData()
        there.reflect(connection)
        kept = {name: table for name, table in there.tables.items() if name != "alembic_version"}
        return {name: [column.name for column in table.columns] for name, table in kept.items()}


def rows_of(database: Database, columns: Columns) -> dict[str, list[str]]:
    """All rows of these tables, in these columns, as text."""
    with database.read() as connection:
        there = MetaData()
        there.reflect(connection)
        return {
            name: sorted(repr(row) for row in connection.execute(_select(there.tables[name], keys)))
            for name, keys in columns.items()
        }


def _select(table: Table, keys: list[str]) -> Select[Any]:
    return select(*(table.c[key] for key in keys))


class TestReleasedMigrations:
    def test_none_of_a_release_has_changed(self) -> None:
        found = {name: hashlib.sha256((MIGRATIONS / name).read_bytes()).hexdigest() for name in RELEASED}
        assert found == RELEASED


@pytest.mark.parametrize("schema", SCHEMAS)
class TestUpgrade:
    def test_every_row_is_kept_and_the_schema_is_todays(self, old_database: Callable[[str], str], schema: str) -> None:
        database = Database(old_database(schema))
        assert database.revision() == schema
        columns = columns_of(database)
        columns["versions"].remove("parameters")  # They get types, as a test below says.
        columns["deployments"].remove("is_wanted")  # It becomes the desired state, as another one says.
        before = rows_of(database, columns)
        assert min(len(before[name]) for name in ("versions", "audit_entries", "promotion_requests", "policies")) > 0
        database.migrate()
        assert rows_of(database, columns) == before
        with database.write() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        database.close()

    def test_earlier_jobs_tell_their_experiment(self, old_database: Callable[[str], str], schema: str) -> None:
        url = old_database(schema)
        engine = create_engine(url)
        with engine.begin() as connection:
            for kind in ("training", "registration", "import"):
                connection.execute(
                    text(
                        "INSERT INTO jobs (id, tenant_id, kind, status, model_name, request, result, request_digest, "
                        "created_by, created_at, is_cancel_requested) VALUES (:kind, 'acme', :kind, 'succeeded', "
                        """'churn', '{"experiment_name": "fraud"}', '{}', 'x', 'ada', '2026-01-01 00:00:00', FALSE)"""
                    ),
                    {"kind": kind},
                )
        engine.dispose()
        database = Database(url)
        database.migrate()
        with database.read() as connection:
            found = connection.execute(text("SELECT kind, experiment_name FROM jobs WHERE tenant_id = 'acme'")).all()
        assert {tuple(row) for row in found} == {("training", "fraud"), ("registration", "churn"), ("import", None)}
        database.close()

    def test_earlier_deployments_have_a_desired_state(self, old_database: Callable[[str], str], schema: str) -> None:
        url = old_database(schema)
        engine = create_engine(url)
        with engine.begin() as connection:
            for number, is_wanted in enumerate(("TRUE", "FALSE")):
                connection.execute(
                    text(
                        "INSERT INTO deployments (id, tenant_id, namespace, model_name, version, target, replicas, "
                        "is_wanted, status, ready_replicas, created_by, created_at, updated_at) SELECT :id, tenant_id, "
                        f"'default', model_name, version, 'local', 1, {is_wanted}, 'stopped', 0, 'ada', created_at, "
                        "created_at FROM versions WHERE model_name = 'churn' AND version = 1"
                    ),
                    {"id": f"dep-upgraded-{number}"},
                )
        engine.dispose()
        database = Database(url)
        database.migrate()
        with database.read() as connection:
            query = text("SELECT desired_state FROM deployments WHERE id LIKE 'dep-upgraded-%' ORDER BY id")
            assert connection.execute(query).scalars().all() == ["running", "stopped"]
        database.close()

    def test_earlier_versions_tell_what_was_claimed_what_is_a_tag_and_typed_parameters(
        self, old_database: Callable[[str], str], schema: str
    ) -> None:
        url = old_database(schema)
        engine = create_engine(url)
        with engine.begin() as connection:
            script = '{"modelyard.script_sha256": "%s", "mlflow.x": "y", "by": "me"}' % ("a" * 64)
            for number, run_id, job_id in ((1, "r", "job-1"), (2, None, None)):
                connection.execute(
                    text(
                        "UPDATE versions SET run_id = :run, job_id = :job, tags = :tags, parameters = :parameters "
                        "WHERE model_name = 'churn' AND version = :number"
                    ),
                    {
                        "run": run_id,
                        "job": job_id,
                        "tags": script,
                        "parameters": '{"depth": "3", "id": "007", "rate": "0.05", "fast": "True"}',
                        "number": number,
                    },
                )
        engine.dispose()
        database = Database(url)
        database.migrate()
        with database.read() as connection:
            made, uploaded = (find_version(connection, FIRST_TENANT, "churn", number) for number in (1, 2))
            found = versions_from(connection, FIRST_TENANT, run_id=None, job_id=None, script_sha256="a" * 64, limit=9)
        assert made is not None
        assert uploaded is not None
        assert made.tags == uploaded.tags == {"by": "me"}
        assert made.parameters == {"depth": 3, "id": "007", "rate": 0.05, "fast": True}
        assert (made.claimed_metrics, uploaded.claimed_metrics) == ({}, uploaded.metrics)
        assert [version.version for version in found] == [1]
        database.close()

    def test_of_earlier_tokens_is_known_who_made_them(self, old_database: Callable[[str], str], schema: str) -> None:
        """Also of one that its owner made, with a token of somebody else's making."""
        url = old_database(schema)
        engine = create_engine(url)
        with engine.begin() as connection:
            for subject in ("carl", "dora"):
                connection.execute(
                    text(
                        "INSERT INTO members (tenant_id, subject, kind, role, created_at, created_by) "
                        "VALUES ('acme', :subject, 'person', 'admin', '2026-01-01 00:00:00', 'zoe')"
                    ),
                    {"subject": subject},
                )
            for token, subject, maker in (("t1", "carl", "zoe"), ("t2", "carl", "carl"), ("t3", "dora", "carl")):
                connection.execute(
                    text(
                        "INSERT INTO tokens (id, tenant_id, subject, name, digest, created_at, created_by) "
                        "VALUES (:token, 'acme', :subject, 'x', :token, '2026-01-01 00:00:00', :maker)"
                    ),
                    {"token": token, "subject": subject, "maker": maker},
                )
        engine.dispose()
        database = Database(url)
        database.migrate()
        with database.read() as connection:
            found = connection.execute(select(tokens.c.id, tokens.c.made_by).where(tokens.c.id.like("t_"))).all()
        assert {row.id: row.made_by for row in found} == {"t1": ["zoe"], "t2": ["carl", "zoe"], "t3": ["carl", "zoe"]}
        database.close()

    def test_work_goes_on_where_it_stood(
        self,
        old_database: Callable[[str], str],
        schema: str,
        adapters: Adapters,
        tmp_path: Path,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        control = ControlPlane(
            Settings(storage=StorageSettings(home=tmp_path / "home", database_url=old_database(schema))), adapters
        )
        control.database.migrate()
        stages = {version.version: version.stage for version in control.registry.versions(ADMIN, "churn")}
        assert stages == {1: Stage.ARCHIVED, 2: Stage.PRODUCTION, 3: Stage.STAGING}
        assert control.tenants.get("acme").suspended_at is None
        (asked,) = [item for item in control.promotion.page(ADMIN, model_name="churn").items if item.is_open]
        for approver in (PETRA, CARL):
            control.promotion.approve(approver, "churn", asked.request_id, comment="yes", revision=None)
        assert control.registry.version(ADMIN, "churn", 3).stage is Stage.PRODUCTION
        assert control.promotion.rollback(ADMIN, "churn", comment="back").version == 2
        assert control.registry.register(ADMIN, model_name="churn", logged=log_model()).version == 4
        found = control.registry.models(ADMIN, ModelFilter(tags=parse_tags(["by:me", "team:risk"])))
        assert [model.name for model in found.items] == ["churn"]
        job = control.jobs.create(ADMIN, kind=TRAINING, model_name="churn", request={}, experiment_name=None)
        assert control.jobs.get(ADMIN, job.job_id).job_id == job.job_id
        assert len(control.deployments.running("fake")) == 1
        for tenant_id in (FIRST_TENANT, "acme"):
            assert prove(control.audit.entries(tenant_id)).is_valid
        control.database.close()
