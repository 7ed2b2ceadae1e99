"""Fills MLflow's registry tables with the catalogue. Its own store would take an hour for the same rows."""

import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby, islice

from benchmarks.registry.catalogue import Entry, model_tags
from mlflow.store.model_registry.dbmodels import models as tables
from sqlalchemy import Connection, Table, create_engine, insert

_CHUNK = 5_000
_MODELS: Table = tables.SqlRegisteredModel.__table__
_MODEL_TAGS: Table = tables.SqlRegisteredModelTag.__table__
_ALIASES: Table = tables.SqlRegisteredModelAlias.__table__
_VERSIONS: Table = tables.SqlModelVersion.__table__
_VERSION_TAGS: Table = tables.SqlModelVersionTag.__table__


def seed(url: str, catalogue: Iterable[Entry]) -> None:
    """Make the schema by MLflow's own command, and the rows."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", url]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"})
    engine = create_engine(url)
    for name, histories in groupby(catalogue, key=lambda entry: entry.model):
        with engine.begin() as connection:
            connection.execute(insert(_MODELS).values(name=name, creation_time=0, last_updated_time=0))
            tags = [{"name": name, "key": key, "value": value} for key, value in model_tags(name).items()]
            connection.execute(insert(_MODEL_TAGS), tags)
            while chunk := list(islice(histories, _CHUNK)):
                _add(connection, name, chunk)
    engine.dispose()


def _add(connection: Connection, name: str, chunk: list[Entry]) -> None:
    rows = []
    for entry in chunk:
        at = int(entry.created_at.timestamp() * 1000)
        source = f"models:/m-{entry.run_id}"
        rows.append(
            {
                "name": name,
                "version": entry.version,
                "creation_time": at,
                "last_updated_time": at,
                "user_id": "benchmark",
                "current_stage": "None",
                "source": source,
                "storage_location": f"mlflow-artifacts:/1/models/m-{entry.run_id}/artifacts",
                "run_id": entry.run_id,
                "status": "READY",
            }
        )
    connection.execute(insert(_VERSIONS), rows)
    tags = [
        {"name": name, "version": entry.version, "key": key, "value": value}
        for entry in chunk
        for key, value in entry.tags.items()
    ]
    if tags:
        connection.execute(insert(_VERSION_TAGS), tags)
    aliases = [
        {"name": name, "alias": entry.stage, "version": entry.version} for entry in chunk if entry.stage != "none"
    ]
    if aliases:
        connection.execute(insert(_ALIASES), aliases)
