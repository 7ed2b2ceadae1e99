"""Fills Modelyard's tables with the catalogue, by the very statements that its registration uses."""

from collections.abc import Iterable
from itertools import groupby, islice

from benchmarks.registry.catalogue import Entry, model_tags
from sqlalchemy import insert, update

from modelyard.access.domain import FIRST_TENANT
from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.db.schema import metadata
from modelyard.registry import store
from modelyard.registry.domain import FileEntry, Manifest, NewVersion
from modelyard.registry.search_index import index_model
from modelyard.registry.tables import models, versions

_FILES = Manifest(
    (
        FileEntry("MLmodel", "0" * 64, 600),
        FileEntry("model.pkl", "1" * 64, 40_000),
        FileEntry("conda.yaml", "2" * 64, 200),
    )
)
_CHUNK = 5_000


def seed(database: Database, catalogue: Iterable[Entry]) -> str:
    """Make the schema and the rows. Gives an administrator's token."""
    database.migrate()
    audit = AuditLog(database=database, clock=SystemClock())
    tokens = Tokens(database=database, clock=SystemClock(), audit=audit)
    failures = FailedLogins(clock=SystemClock(), most=30)
    access = AccessService(database=database, clock=SystemClock(), tokens=tokens, is_open=False, failures=failures)
    secret = access.first_token()
    if secret is None:
        raise RuntimeError("the database was filled before")
    for _, histories in groupby(catalogue, key=lambda entry: entry.model):
        while chunk := list(islice(histories, _CHUNK)):
            _add(database, chunk)
    return secret


def copy(source: Database, target: Database) -> None:
    """Bring every row of one database into another one that is empty."""
    target.migrate()
    with source.read() as reading, target.write() as writing:
        for table in metadata.sorted_tables:
            rows = reading.execute(table.select().execution_options(yield_per=_CHUNK)).mappings()
            for chunk in rows.partitions():
                writing.execute(insert(table), [dict(row) for row in chunk])


def _add(database: Database, chunk: list[Entry]) -> None:
    name, last = chunk[-1].model, chunk[-1].version
    with database.write() as connection:
        store.add_model(connection, FIRST_TENANT, name, at=chunk[0].created_at)
        for entry in chunk:
            new = NewVersion(
                model_name=name,
                model_uri=f"models:/m-{entry.run_id}",
                artifact_uri=f"mlflow-artifacts:/1/models/m-{entry.run_id}/artifacts",
                run_id=entry.run_id,
                experiment_name=name,
                description="",
                tags=entry.tags,
                metrics=entry.metrics,
                parameters={"depth": "8", "trees": "100", "seed": str(entry.version)},
                signature={"inputs": [{"type": "double", "name": f"x{i}"} for i in range(10)]},
                manifest=_FILES,
                lock_digest=None,
                job_id=None,
            )
            store.add_version(connection, FIRST_TENANT, entry.version, new, at=entry.created_at, created_by="benchmark")
        for entry in chunk:
            if entry.stage != "none":
                which = (versions.c.model_name == name) & (versions.c.version == entry.version)
                connection.execute(update(versions).where(which).values(stage=entry.stage))
        tags = dict(model_tags(name))
        connection.execute(update(models).where(models.c.name == name).values(last_version=last, tags=tags))
        index_model(connection, FIRST_TENANT, name, tags=tags, owners=())
