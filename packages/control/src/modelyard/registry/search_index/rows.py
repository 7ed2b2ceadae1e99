"""Keeps the rows that a search looks up in step with what they are made of, in the caller's transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from modelyard.registry.metrics import MAX_METRIC_NAME
from modelyard.registry.search_index.bitmaps import move_version, retag_model
from modelyard.registry.states import Stage
from modelyard.registry.tables import model_owners, model_tags, version_metrics, version_tags

_DIGEST_LENGTH = 32


def tag_digest(key: str, value: str) -> str:
    """What stands for a tag in an index: half of a SHA-256, in hex. The key's length parts it from the value."""
    text = f"{len(key)}:{key}{value}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]


def index_model(
    connection: Connection, tenant_id: str, name: str, *, tags: Mapping[str, str], owners: Sequence[str]
) -> None:
    """Replace what is looked up of a model."""
    key = {"tenant_id": tenant_id, "model_name": name}
    gone, new = _replace_tags(connection, model_tags, key, tags)
    retag_model(connection, tenant_id, name, gone=gone, new=new)
    _replace(connection, model_owners, key, [{"owner": owner} for owner in owners])


def stage_set(stage: Stage) -> str:
    """What stands for a stage where a tag has its digest, which is longer."""
    return f"stage:{stage}"


def index_new_version(connection: Connection, tenant_id: str, name: str, number: int, tags: Mapping[str, str]) -> None:
    """Write what is looked up of a new version's tags and of its stage."""
    _index_version(connection, tenant_id, name, number, tags, stages={stage_set(Stage.NONE)})


def index_version_tags(connection: Connection, tenant_id: str, name: str, number: int, tags: Mapping[str, str]) -> None:
    """Replace what is looked up of a version's tags."""
    _index_version(connection, tenant_id, name, number, tags, stages=set())


def index_version_stage(
    connection: Connection, tenant_id: str, name: str, number: int, *, before: Stage, to: Stage
) -> None:
    """Replace what is looked up of a version's stage."""
    move_version(connection, tenant_id, name, number, gone=[stage_set(before)], new=[stage_set(to)])


def index_version_metrics(
    connection: Connection, tenant_id: str, name: str, number: int, metrics: Mapping[str, float | None]
) -> None:
    """Replace what is looked up of a version's metrics. No tracker takes a longer name, so none is left out."""
    key = {"tenant_id": tenant_id, "model_name": name, "version": number}
    rows = [
        {"name": metric, "value": float(value)}
        for metric, value in metrics.items()
        if value is not None and len(metric) <= MAX_METRIC_NAME
    ]
    _replace(connection, version_metrics, key, rows)


def _index_version(
    connection: Connection, tenant_id: str, name: str, number: int, tags: Mapping[str, str], *, stages: set[str]
) -> None:
    key = {"tenant_id": tenant_id, "model_name": name, "version": number}
    gone, new = _replace_tags(connection, version_tags, key, tags)
    move_version(connection, tenant_id, name, number, gone=gone, new=new | stages)


def _replace_tags(
    connection: Connection, table: Table, key: Mapping[str, Any], tags: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """Gives the digests of the tags that went, and of those that are new."""
    mine = [table.c[name] == value for name, value in key.items()]
    before = set(connection.execute(select(table.c.digest).where(*mine)).scalars())
    after = {tag_digest(*tag) for tag in tags.items()}
    if after != before:
        _replace(connection, table, key, [{"digest": digest} for digest in sorted(after)])
    return before - after, after - before


def _replace(connection: Connection, table: Table, key: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    if rows:
        connection.execute(insert(table), [{**key, **row} for row in rows])
