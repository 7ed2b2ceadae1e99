"""The look-ups that a catalogue is asked all day: one version, one model, a page. Each statement is built once, and its
columns are the answer's fields (schemas.py): a row becomes the answer's bytes with nothing in between.

Versions by more than their stage and number, and what must tell why nothing came, are the service's.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from anyio import to_thread
from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, exists, select

from modelyard.db import Database
from modelyard.db.changes import NUMBER
from modelyard.http.told import Told
from modelyard.registry.domain import MAX_VERSION
from modelyard.registry.schemas import DatasetAnswer
from modelyard.registry.search.filters import EVERY_MODEL, ModelFilter, ModelOrder, VersionOrder
from modelyard.registry.search.models import Asked, Shape, page_of, run, search
from modelyard.registry.search.page_keys import after, model_cursor, model_key, page, version_cursor, version_key
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in, newest_version
from modelyard.registry.tables import models, versions
from modelyard.registry.tagged import TENANT, Answer, SlotNames

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
"""Columns of which only the provenance tells."""
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
_CHANGES = "changes"
_NAME = bindparam("name", type_=String)
_NUMBER = bindparam("number", type_=Integer)


class CatalogueReading:
    """Reads of all tenants, for the wire."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = SlotNames()

    async def version(self, tenant_id: str, name: str, number: int) -> Told | None:
        """One version; None if it is not there."""
        if not 0 < number <= MAX_VERSION:
            return None
        asked = {"tenant_id": tenant_id, "name": name, "number": number}
        rows = await self._database.look_up(_one_version(), asked)
        return _told(_version(rows[0])) if rows else None

    async def model(self, tenant_id: str, name: str) -> Told | None:
        """One model; None if it is not there."""
        rows = await self._database.look_up(_one_model(), {"tenant_id": tenant_id, "name": name})
        return _told(rows[0]) if rows else None

    async def versions(
        self, tenant_id: str, name: str, *, stage: Stage | None, order: VersionOrder, limit: int, cursor: str | None
    ) -> Told | None:
        """A page of a model's versions by their number; None if there is none, or no such model.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        key = [] if cursor is None else version_key(order, cursor)
        statement = _versions(stage, is_first=cursor is None, is_descending=order.is_descending)
        asked = {"tenant_id": tenant_id, "name": name, "limit": limit + 1, **after(key)}
        rows = await self._database.look_up(statement, asked)
        if not rows:
            return None
        changes = _count(rows)
        told = [_version(row) for row in rows[:limit]]
        more = version_cursor(order, rows[limit - 1]["version"]) if len(rows) > limit else None
        return Told.of({"versions": told, "next_cursor": more}, changes=changes)

    async def models(
        self, tenant_id: str, which: ModelFilter = EVERY_MODEL, *, order: ModelOrder, limit: int, cursor: str | None
    ) -> Told:
        """A page of the models that meet the filter.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        key = [] if cursor is None else model_key(order, cursor)
        asked = Asked(which, order, key=key, limit=limit + 1)
        if which.text:
            # Words are in no index: all models are read for them, which is nothing for the event loop.
            rows = await to_thread.run_sync(self._search_beside, tenant_id, asked)
        else:
            rows = await self._search(tenant_id, asked)
        changes = _count(rows)
        more = None
        if len(rows) > limit:
            last = rows[limit - 1]
            more = model_cursor(
                order, name=last["name"], created_at=last["created_at"], updated_at=last["last_updated"]
            )
        # A search sees a state at each of its look-ups.
        return Told.of({"models": rows[:limit], "next_cursor": more}, changes=changes if which == EVERY_MODEL else None)

    def _search_beside(self, tenant_id: str, asked: Asked) -> Answer:
        with self._database.read() as connection:
            return run(search(_models, self._slots, tenant_id, asked), connection)

    async def _search(self, tenant_id: str, asked: Asked) -> Answer:
        """Each look-up sees the state of its moment: a model is on the page if it was found, and is there when read."""
        asking = search(_models, self._slots, tenant_id, asked)
        try:
            question = next(asking)
            while True:
                question = asking.send(await self._database.look_up(*question))
        except StopIteration as done:
            rows: Answer = done.value
            return rows


def _select(fields: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return select(*(column.label(name) for name, column in fields.items()), NUMBER.label(_CHANGES))


@cache
def _one_version() -> Select[Any]:
    return _select({**_VERSION, **_OF_PROVENANCE}).where(
        versions.c.tenant_id == TENANT,
        versions.c.model_name == _NAME,
        versions.c.version == _NUMBER,
        versions.c.deleted_at.is_(None),
    )


@cache
def _one_model() -> Select[Any]:
    return _select(_MODEL).where(models.c.tenant_id == TENANT, models.c.name == _NAME, models.c.deleted_at.is_(None))


@cache
def _versions(stage: Stage | None, *, is_first: bool, is_descending: bool) -> Select[Any]:
    of_model = (models.c.tenant_id == TENANT) & (models.c.name == _NAME) & models.c.deleted_at.is_(None)
    query = _select({**_VERSION, **_OF_PROVENANCE}).where(
        versions.c.tenant_id == TENANT,
        versions.c.model_name == _NAME,
        versions.c.deleted_at.is_(None),
        exists().where(of_model),
    )
    if stage is not None:
        query = query.where(is_in(stage))
    return page(query, [versions.c.version], is_first=is_first, is_descending=is_descending)


@lru_cache(maxsize=500)
def _models(shape: Shape, order: ModelOrder, is_first: bool) -> Select[Any]:  # noqa: FBT001 - as `Columns` says.
    return page_of(_select(_MODEL), shape, order, is_first=is_first)


def _told(row: dict[str, Any]) -> Told:
    changes = row.pop(_CHANGES)
    return Told.of(row, row["revision"], changes=changes)


def _count(rows: Answer) -> int | None:
    """The count of changes, which is taken out of the rows of a page; None where there are none."""
    changes = None
    for row in rows:
        changes = row.pop(_CHANGES)
    return changes


def _version(told: dict[str, Any]) -> dict[str, Any]:
    if told["datasets"]:
        # PostgreSQL keeps the fields of an object in an order of its own.
        told["datasets"] = [{field: one[field] for field in DatasetAnswer.model_fields} for one in told["datasets"]]
    told["provenance"] = _provenance(told, told["provenance"])
    return told


def _provenance(told: dict[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The object of the answer; takes out of the row what only this tells."""
    return {
        "source": kept.get("source"),
        "job_id": told["job_id"] or kept.get("job_id"),
        "run_id": told["run_id"],
        "experiment_name": told["experiment_name"],
        "script_name": kept.get("script_name"),
        "script_sha256": told.pop("script_sha256"),
        "archive_sha256": kept.get("archive_sha256"),
        "arguments": kept.get("arguments", []),
        "environment": kept.get("environment", {}),
        "secrets": kept.get("secrets", []),
        "git_commit": kept.get("git_commit"),
        "git_is_dirty": kept.get("git_is_dirty"),
        "environment_lock_sha256": told.pop("environment_lock_sha256"),
        "registered_by": told["created_by"],
        "registered_at": told["created_at"],
    }
