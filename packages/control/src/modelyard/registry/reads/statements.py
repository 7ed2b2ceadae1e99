"""The statements of the registry's reads. Their columns are the fields of the answers (schemas.py), so that a row
becomes an answer with nothing in between. Each row holds the number of changes of the state that it was read in.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Exists, Integer, Select, String, bindparam, exists, select

from modelyard.db.changes import NUMBER
from modelyard.registry.schemas import DatasetAnswer
from modelyard.registry.search.bitmap_search import TENANT
from modelyard.registry.search.filters import ModelOrder
from modelyard.registry.search.models import Shape, page_of
from modelyard.registry.search.page_keys import page
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in, newest_version
from modelyard.registry.tables import models, versions

Row = dict[str, Any]

_VERSION: dict[str, ColumnElement[Any]] = {
    "name": versions.c.model_name,
    "version": versions.c.version,
    "stage": versions.c.stage,
    "artifact_uri": versions.c.artifact_uri,
    "run_id": versions.c.run_id,
    "experiment_name": versions.c.experiment_name,
    "metrics": versions.c.metrics,
    "claimed_metrics": versions.c.claimed_metrics,
    "parameters": versions.c.parameters,
    "tags": versions.c.tags,
    "description": versions.c.description,
    "signature": versions.c.signature,
    "datasets": versions.c.datasets,
    "manifest_sha256": versions.c.manifest_digest,
    "size_bytes": versions.c.size,
    "created_at": versions.c.created_at,
    "created_by": versions.c.created_by,
    "job_id": versions.c.job_id,
    "provenance": versions.c.provenance,
    "revision": versions.c.revision,
}
_OF_PROVENANCE: dict[str, ColumnElement[Any]] = {
    "script_sha256": versions.c.script_sha256,
    "environment_lock_sha256": versions.c.lock_digest,
}
"""Columns that are fields of the provenance only."""
_MODEL: dict[str, ColumnElement[Any]] = {
    "name": models.c.name,
    "label": models.c.label,
    "latest_version": newest_version(),
    "production_version": newest_version(Stage.PRODUCTION),
    "staging_version": newest_version(Stage.STAGING),
    "description": models.c.description,
    "tags": models.c.tags,
    "owners": models.c.owners,
    "created_at": models.c.created_at,
    "last_updated": models.c.updated_at,
    "revision": models.c.revision,
}
_CHANGE_NUMBER = "change_number"
_NAME = bindparam("name", type_=String)
_VERSION_NUMBER = bindparam("version", type_=Integer)


@cache
def select_version() -> Select[Any]:
    """A version, of whichever tenant and model."""
    return _select({**_VERSION, **_OF_PROVENANCE})


@cache
def one_version() -> Select[Any]:
    """For the parameters `tenant_id`, `name` and `version`."""
    return select_version().where(
        versions.c.tenant_id == TENANT,
        versions.c.model_name == _NAME,
        versions.c.version == _VERSION_NUMBER,
        versions.c.deleted_at.is_(None),
    )


@cache
def one_model() -> Select[Any]:
    """For the parameters `tenant_id` and `name`."""
    return _select(_MODEL).where(models.c.tenant_id == TENANT, models.c.name == _NAME, models.c.deleted_at.is_(None))


@cache
def page_of_versions(stage: Stage | None, *, is_first: bool, is_descending: bool) -> Select[Any]:
    """A page of a model's versions by number, for `tenant_id`, `name`, and the parameters of `page`."""
    query = select_version().where(
        versions.c.tenant_id == TENANT,
        versions.c.model_name == _NAME,
        versions.c.deleted_at.is_(None),
        model_exists(),
    )
    if stage is not None:
        query = query.where(is_in(stage))
    return page(query, [versions.c.version], is_first=is_first, is_descending=is_descending)


@lru_cache(maxsize=500)
def page_of_models(shape: Shape, order: ModelOrder, is_first: bool) -> Select[Any]:  # noqa: FBT001 - as `Columns` says.
    """A page of the models that a search finds."""
    return page_of(_select(_MODEL), shape, order, is_first=is_first)


@cache
def model_exists() -> Exists:
    """Whether there is the model, for the parameters `tenant_id` and `name`."""
    return exists().where(models.c.tenant_id == TENANT, models.c.name == _NAME, models.c.deleted_at.is_(None))


@cache
def select_model_exists() -> Select[Any]:
    """One row, whose `is_there` says whether there is the model."""
    return select(model_exists().label("is_there"))


def pop_change_number(rows: list[Row]) -> int | None:
    """Take the number of changes out of the rows of one statement; None where there are none."""
    number = None
    for row in rows:
        number = row.pop(_CHANGE_NUMBER)
    return number


def version_fields(row: Row) -> Row:
    """The row of a version with the fields of the answer, in their order."""
    if row["datasets"]:
        # PostgreSQL stores the fields of an object in an order of its own.
        row["datasets"] = [{field: one[field] for field in DatasetAnswer.model_fields} for one in row["datasets"]]
    row["provenance"] = _provenance(row, row["provenance"])
    return row


def _select(fields: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return select(*(column.label(name) for name, column in fields.items()), NUMBER.label(_CHANGE_NUMBER))


def _provenance(row: Row, stored: Mapping[str, Any]) -> Row:
    """The object of the answer; the columns that are its fields only leave the row."""
    return {
        "source": stored.get("source"),
        "job_id": row["job_id"] or stored.get("job_id"),
        "run_id": row["run_id"],
        "experiment_name": row["experiment_name"],
        "script_name": stored.get("script_name"),
        "script_sha256": row.pop("script_sha256"),
        "archive_sha256": stored.get("archive_sha256"),
        "arguments": stored.get("arguments", []),
        "parameters": stored.get("parameters", {}),
        "environment": stored.get("environment", {}),
        "secrets": stored.get("secrets", []),
        "git_commit": stored.get("git_commit"),
        "git_is_dirty": stored.get("git_is_dirty"),
        "parent_version": stored.get("parent_version"),
        "environment_lock_sha256": row.pop("environment_lock_sha256"),
        "registered_by": row["created_by"],
        "registered_at": row["created_at"],
    }
