"""Fills MLflow's registry tables with the catalogue, many rows at once. Its own store would take an hour for them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from benchmarks.registry.bulk import fill, filling
from benchmarks.registry.catalogue import Entry, model_tags
from mlflow.store.model_registry.dbmodels import models as tables
from sqlalchemy import Table

_CHUNK = 10_000
_MODELS: Table = tables.SqlRegisteredModel.__table__
_MODEL_TAGS: Table = tables.SqlRegisteredModelTag.__table__
_ALIASES: Table = tables.SqlRegisteredModelAlias.__table__
_VERSIONS: Table = tables.SqlModelVersion.__table__
_VERSION_TAGS: Table = tables.SqlModelVersionTag.__table__


def seed(url: str, catalogue: Iterable[Entry], reported: Callable[[int], None] = lambda _: None) -> None:
    """Make the schema by MLflow's own command, and the rows. `reported` is called with the number of versions."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", url]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"})
    entries = iter(catalogue)
    with filling(url, _rows([])) as connection:
        while chunk := list(islice(entries, _CHUNK)):
            for table, rows in _rows(chunk).items():
                fill(connection, table, rows)
            reported(len(chunk))


def _rows(chunk: Sequence[Entry]) -> dict[Table, list[dict[str, Any]]]:
    """By table."""
    begun = [entry.model for entry in chunk if entry.version == 1]
    return {
        _MODELS: [{"name": name, "creation_time": 0, "last_updated_time": 0, "description": ""} for name in begun],
        _MODEL_TAGS: [
            {"name": name, "key": key, "value": value} for name in begun for key, value in model_tags(name).items()
        ],
        _VERSIONS: [_version(entry) for entry in chunk],
        _VERSION_TAGS: [
            {"name": entry.model, "version": entry.version, "key": key, "value": value}
            for entry in chunk
            for key, value in entry.tags.items()
        ],
        _ALIASES: [
            {"name": entry.model, "alias": entry.stage, "version": entry.version}
            for entry in chunk
            if entry.stage != "none"
        ],
    }


def _version(entry: Entry) -> dict[str, Any]:
    at = int(entry.created_at.timestamp() * 1000)
    return {
        "name": entry.model,
        "version": entry.version,
        "creation_time": at,
        "last_updated_time": at,
        "user_id": "benchmark",
        "current_stage": "None",
        "source": f"models:/m-{entry.run_id}",
        "storage_location": f"mlflow-artifacts:/1/models/m-{entry.run_id}/artifacts",
        "run_id": entry.run_id,
        "status": "READY",
    }
