"""Finds models and versions, page by page. Each condition is a look-up in an index, never a scan of all versions.

On SQLite a condition is tried row by row in the list's order; PostgreSQL chooses its own way by its statistics.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, or_, select

from modelyard.paging import Page
from modelyard.registry.domain import Model, Version
from modelyard.registry.filters import (
    Comparison,
    MetricFilter,
    ModelFilter,
    ModelOrder,
    TagFilter,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.page_keys import (
    is_after,
    model_cursor,
    model_key,
    model_keys,
    ordered,
    version_cursor,
    version_key,
)
from modelyard.registry.search_index import tag_digest
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in, model_of_row, models_query, version_of_row
from modelyard.registry.tables import model_owners, model_tags, models, version_metrics, version_tags, versions

_COMPARED: dict[Comparison, Callable[[Any, float], ColumnElement[bool]]] = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
    Comparison.EQUAL: lambda value, bound: value == bound,
    Comparison.OTHER: lambda value, bound: value != bound,
}


def page_of_models(
    connection: Connection, tenant_id: str, which: ModelFilter, *, order: ModelOrder, limit: int, cursor: str | None
) -> Page[Model]:
    """Models of a tenant that meet the filter, in the order."""
    keys = model_keys(order)
    query = models_query(tenant_id).where(*_conditions_of_model(which))
    if cursor is not None:
        query = query.where(is_after(keys, model_key(order, cursor), is_descending=order.is_descending))
    rows = connection.execute(ordered(query, keys, is_descending=order.is_descending).limit(limit + 1)).all()
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
    query, keys = _versions(tenant_id, name, which, order)
    if cursor is not None:
        query = query.where(is_after(keys, version_key(order, cursor), is_descending=order.is_descending))
    rows = connection.execute(ordered(query, keys, is_descending=order.is_descending).limit(limit + 1)).all()
    items = [version_of_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    value = None if order.metric is None else rows[limit - 1].ordered_by
    return Page(items, version_cursor(order, items[-1].version, value=value))


def versions_from(
    connection: Connection,
    tenant_id: str,
    *,
    run_id: str | None,
    job_id: str | None,
    tag: TagFilter | None,
    limit: int,
) -> list[Version]:
    """Versions of any model that came of a run or a job, or have a tag, newest first."""
    query = select(versions).where(versions.c.tenant_id == tenant_id, versions.c.deleted_at.is_(None))
    for column, value in ((versions.c.run_id, run_id), (versions.c.job_id, job_id)):
        if value is not None:
            query = query.where(column == value)
    if tag is not None:
        query = query.join(version_tags, _is_of_version(version_tags) & _is_tag(version_tags, tenant_id, tag))
    query = query.order_by(versions.c.created_at.desc(), versions.c.model_name, versions.c.version.desc())
    return [version_of_row(row) for row in connection.execute(query.limit(limit))]


def _versions(
    tenant_id: str, name: str, which: VersionFilter, order: VersionOrder
) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """The query, and the columns that it is ordered by.

    Tags and metrics have one row for each version, so they are joined, and a database may begin with the rarest.
    """
    is_one = (versions.c.tenant_id == tenant_id) & (versions.c.model_name == name) & versions.c.deleted_at.is_(None)
    query: Select[Any] = select(versions).where(is_one)
    number: ColumnElement[Any] = versions.c.version
    if which.stage is not None:
        query = query.where(is_in(which.stage))
    if which.text:
        query = query.where(versions.c.description.icontains(which.text, autoescape=True))
    for tag in which.tags:
        row = version_tags.alias()
        query = query.join(row, _is_of_version(row) & _is_tag(row, tenant_id, tag) & (row.c.model_name == name))
        number = row.c.version
    for metric in which.metrics:
        row = version_metrics.alias()
        query = query.join(row, _is_of_version(row) & _meets(row, metric))
    if order.metric is None:
        return query, [number]
    row = version_metrics.alias()
    has_it = (row.c.tenant_id == tenant_id) & (row.c.name == order.metric) & (row.c.model_name == name)
    query = query.join(row, _is_of_version(row) & has_it).add_columns(row.c.value.label("ordered_by"))
    return query, [row.c.value, row.c.version]


def _conditions_of_model(which: ModelFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.text:
        found.append(
            or_(*(column.icontains(which.text, autoescape=True) for column in (models.c.name, models.c.description)))
        )
    if which.owner is not None:
        is_owned = (model_owners.c.tenant_id == models.c.tenant_id) & (model_owners.c.model_name == models.c.name)
        found.append(_there_is(is_owned & (model_owners.c.owner == which.owner)))
    # Each condition alone is one look-up by model, which leaves few models for the last one: all of one version.
    parts = [
        *([] if which.stage is None else [_some_version(which.stage, (), ())]),
        *(or_(_model_has(tag), _some_version(None, (tag,), ())) for tag in which.tags),
        *(_some_version(None, (), (metric,)) for metric in which.metrics),
    ]
    found += parts
    if len(parts) > 1:
        found.append(_together(which))
    return found


def _together(which: ModelFilter) -> ColumnElement[bool]:
    """One version meets all, where the model's own tags count for each version.

    It begins with the versions that have the first tag, which are few, rather than with all of the model.
    """
    first, rest = which.tags[:1], which.tags[1:]
    met = _some_version(which.stage, first, which.metrics, either=rest)
    for tag in first:
        met = or_(met, _model_has(tag) & _some_version(which.stage, (), which.metrics, either=rest))
    if which.stage is None and not which.metrics:
        met = or_(met, and_(*(_model_has(tag) for tag in which.tags)))
    return met


def _some_version(
    stage: Stage | None,
    tags: Sequence[TagFilter],
    metrics: Sequence[MetricFilter],
    *,
    either: Sequence[TagFilter] = (),
) -> ColumnElement[bool]:
    """There is a version like this; a tag of `either` may be its own or its model's."""
    version = _version_of_model()
    if stage is not None:
        version = version.where(is_in(stage))
    for tag in tags:
        row = version_tags.alias()
        is_named = (row.c.model_name == models.c.name) & _is_tag(row, models.c.tenant_id, tag)
        version = version.join(row, _is_of_version(row) & is_named)
    for metric in metrics:
        row = version_metrics.alias()
        is_named = (row.c.model_name == models.c.name) & (row.c.tenant_id == models.c.tenant_id)
        version = version.join(row, _is_of_version(row) & is_named & _meets(row, metric))
    for tag in either:
        row = version_tags.alias()
        is_its_own = _there_is(_is_of_version(row) & _is_tag(row, versions.c.tenant_id, tag))
        version = version.where(or_(is_its_own, _model_has(tag)))
    return version.exists()


def _version_of_model() -> Select[Any]:
    return (
        select(versions.c.version)
        .select_from(versions)
        .where(
            versions.c.tenant_id == models.c.tenant_id,
            versions.c.model_name == models.c.name,
            versions.c.deleted_at.is_(None),
        )
        .correlate(models)
    )


def _model_has(tag: TagFilter) -> ColumnElement[bool]:
    row = model_tags.alias()
    return _there_is((row.c.model_name == models.c.name) & _is_tag(row, models.c.tenant_id, tag))


def _there_is(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A row that is looked up for the model and the version at hand."""
    return exists().where(condition).correlate(models, versions)


def _is_of_version(row: FromClause) -> ColumnElement[bool]:
    return and_(
        row.c.tenant_id == versions.c.tenant_id,
        row.c.model_name == versions.c.model_name,
        row.c.version == versions.c.version,
    )


def _is_tag(row: FromClause, tenant_id: Any, tag: TagFilter) -> ColumnElement[bool]:
    return and_(row.c.tenant_id == tenant_id, row.c.digest == tag_digest(tag.key, tag.value))


def _meets(row: FromClause, metric: MetricFilter) -> ColumnElement[bool]:
    return and_(row.c.name == metric.name, _COMPARED[metric.comparison](row.c.value, metric.bound))
