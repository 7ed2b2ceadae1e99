"""Finds models and versions, page by page. Each condition is a look-up in an index, never a scan of all versions.

On SQLite a condition is tried row by row in the list's order; PostgreSQL chooses its own way by its statistics.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    select,
)

from modelyard.paging import Page
from modelyard.registry.domain import Model, Version
from modelyard.registry.search.bitmap_search import TENANT, SlotNames
from modelyard.registry.search.conditions import compared, is_of_version, is_tag
from modelyard.registry.search.filters import (
    ModelFilter,
    ModelOrder,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.search.models import PageRequest, Shape, page_of, run, search
from modelyard.registry.search.page_keys import (
    is_after,
    model_cursor,
    model_key,
    ordered,
    version_cursor,
    version_key,
)
from modelyard.registry.search_index.rows import tag_digest
from modelyard.registry.store import is_in, model_of_row, models_query, version_of_row
from modelyard.registry.tables import version_metrics, version_tags, versions

ORDERED_BY = "ordered_by"
"""The column of the metric that orders versions."""


def page_of_models(
    connection: Connection,
    slots: SlotNames,
    tenant_id: str,
    which: ModelFilter,
    *,
    order: ModelOrder,
    limit: int,
    cursor: str | None,
) -> Page[Model]:
    """Models of a tenant that meet the filter, in the order."""
    request = PageRequest(which, order, key=[] if cursor is None else model_key(order, cursor), limit=limit + 1)
    rows = run(search(_models, slots, tenant_id, request), connection)
    items = [model_of_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    last = items[-1]
    return Page(items, model_cursor(order, name=last.name, created_at=last.created_at, updated_at=last.updated_at))


def page_of_versions(
    connection: Connection,
    tenant_id: str,
    name: str,
    which: VersionFilter,
    *,
    order: VersionOrder,
    limit: int,
    cursor: str | None,
) -> Page[Version]:
    """Versions of a model that are not deleted and meet the filter, in the order."""
    query = versions_query(select(versions), tenant_id, name, which, order=order, limit=limit, cursor=cursor)
    rows = connection.execute(query).all()
    items = [version_of_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    value = None if order.metric is None else getattr(rows[limit - 1], ORDERED_BY)
    return Page(items, version_cursor(order, items[-1].version, value=value))


def versions_query(
    columns: Select[Any],
    tenant_id: str,
    name: str,
    which: VersionFilter,
    *,
    order: VersionOrder,
    limit: int,
    cursor: str | None,
) -> Select[Any]:
    """These columns of a page of versions and of one version more, with ORDERED_BY where a metric orders them.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    query, keys = _versions(columns, tenant_id, name, which, order)
    if cursor is not None:
        query = query.where(is_after(keys, version_key(order, cursor), is_descending=order.is_descending))
    return ordered(query, keys, is_descending=order.is_descending).limit(limit + 1)


def versions_from(
    connection: Connection,
    tenant_id: str,
    *,
    run_id: str | None,
    job_id: str | None,
    script_sha256: str | None,
    limit: int,
) -> list[Version]:
    """Versions of any model that came of a run, a job or a script, newest first."""
    query = select(versions).where(versions.c.tenant_id == tenant_id, versions.c.deleted_at.is_(None))
    columns = (versions.c.run_id, run_id), (versions.c.job_id, job_id), (versions.c.script_sha256, script_sha256)
    for column, value in columns:
        if value is not None:
            query = query.where(column == value)
    query = query.order_by(versions.c.created_at.desc(), versions.c.model_name, versions.c.version.desc())
    return [version_of_row(row) for row in connection.execute(query.limit(limit))]


@lru_cache(maxsize=500)
def _models(shape: Shape, order: ModelOrder, is_first: bool) -> Select[Any]:  # noqa: FBT001 - as `Columns` says.
    return page_of(models_query(TENANT), shape, order, is_first=is_first)


def _versions(
    columns: Select[Any], tenant_id: str, name: str, which: VersionFilter, order: VersionOrder
) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """The query, and the columns that it is ordered by.

    Tags and metrics have one row for each version, so they are joined, and a database may begin with the rarest.
    """
    is_one = (versions.c.tenant_id == tenant_id) & (versions.c.model_name == name) & versions.c.deleted_at.is_(None)
    query = columns.where(is_one)
    number: ColumnElement[Any] = versions.c.version
    if which.stage is not None:
        query = query.where(is_in(which.stage))
    if which.text:
        query = query.where(versions.c.description.icontains(which.text, autoescape=True))
    for tag in which.tags:
        row = version_tags.alias()
        is_it = is_tag(row, tenant_id, tag_digest(tag.key, tag.value))
        query = query.join(row, is_of_version(row) & is_it & (row.c.model_name == name))
        number = row.c.version
    for metric in which.metrics:
        row = version_metrics.alias()
        is_met = compared(row.c.value, metric.comparison, metric.bound)
        query = query.join(row, is_of_version(row) & (row.c.name == metric.name) & is_met)
    if order.metric is None:
        return query, [number]
    row = version_metrics.alias()
    has_it = (row.c.tenant_id == tenant_id) & (row.c.name == order.metric) & (row.c.model_name == name)
    query = query.join(row, is_of_version(row) & has_it).add_columns(row.c.value.label(ORDERED_BY))
    return query, [row.c.value, row.c.version]
