"""Finds models and versions, page by page. Each condition is a look-up in an index, never a scan of all versions.

On SQLite a condition is tried row by row in the list's order; PostgreSQL chooses its own way by its statistics.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, and_, exists, or_, select, tuple_

from modelyard.errors import Invalid
from modelyard.paging import Page, decode_cursor, encode_cursor, invalid_cursor
from modelyard.registry.domain import MAX_VERSION, Model, Version
from modelyard.registry.filters import (
    Comparison,
    MetricFilter,
    ModelFilter,
    ModelOrder,
    TagFilter,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.search_index import tag_digest
from modelyard.registry.states import Stage
from modelyard.registry.store import model_of_row, models_query, version_of_row
from modelyard.registry.tables import model_owners, model_tags, models, version_metrics, version_tags, versions

_COMPARED: dict[Comparison, Callable[[Any, float], ColumnElement[bool]]] = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
    Comparison.EQUAL: lambda value, bound: value == bound,
    Comparison.OTHER: lambda value, bound: value != bound,
}
_MODEL_ORDERS: dict[str, Column[Any]] = {
    "name": models.c.name,
    "created_at": models.c.created_at,
    "last_updated": models.c.updated_at,
}


def page_of_models(
    connection: Connection, tenant_id: str, which: ModelFilter, *, order: ModelOrder, limit: int, cursor: str | None
) -> Page[Model]:
    """Models of a tenant that meet the filter, in the order."""
    column = _MODEL_ORDERS[order.lstrip("-")]
    keys = list(dict.fromkeys([column, models.c.name]))
    query = models_query(tenant_id).where(*_conditions_of_model(which))
    if cursor is not None:
        after = _model_key(order, cursor)
        query = query.where(_is_after(keys, after, is_descending=order.is_descending))
    query = query.order_by(*(key.desc() if order.is_descending else key for key in keys))
    rows = connection.execute(query.limit(limit + 1)).all()
    items = [model_of_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    last = rows[limit - 1]
    return Page(items, encode_cursor(order, *(_text(getattr(last, key.name)) for key in keys)))


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
        query = query.where(_is_after(keys, _version_key(order, cursor), is_descending=order.is_descending))
    query = query.order_by(*(key.desc() if order.is_descending else key for key in keys))
    rows = connection.execute(query.limit(limit + 1)).all()
    items = [version_of_row(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, None)
    value = [] if order.metric is None else [repr(rows[limit - 1].ordered_by)]
    return Page(items, encode_cursor(_word(order), *value, str(items[-1].version)))


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
        query = query.where(versions.c.stage == which.stage)
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
        version = version.where(versions.c.stage == stage)
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


def _is_after(keys: list[Any], after: list[Any], *, is_descending: bool) -> ColumnElement[bool]:
    left, right = (tuple_(*keys), tuple_(*after)) if len(keys) > 1 else (keys[0], after[0])
    is_after: ColumnElement[bool] = left < right if is_descending else left > right
    return is_after


def _model_key(order: ModelOrder, cursor: str) -> list[Any]:
    is_by_name = order in {ModelOrder.NAME, ModelOrder.NAME_DOWN}
    word, *key = decode_cursor(cursor, parts=2 if is_by_name else 3)
    if word != order:
        raise _other_order()
    if is_by_name:
        return key
    try:
        at = datetime.fromisoformat(key[0])
        return [(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), key[1]]
    except (ValueError, OverflowError) as exc:
        raise invalid_cursor() from exc


def _version_key(order: VersionOrder, cursor: str) -> list[Any]:
    word, *key = decode_cursor(cursor, parts=2 if order.metric is None else 3)
    if word != _word(order):
        raise _other_order()
    try:
        number = int(key[-1])
        values = [float(value) for value in key[:-1]]
    except ValueError as exc:
        raise invalid_cursor() from exc
    if not 0 <= number <= MAX_VERSION or not all(map(math.isfinite, values)):
        raise invalid_cursor()
    return [*values, number]


def _word(order: VersionOrder) -> str:
    sign = "-" if order.is_descending else ""
    return sign + ("version" if order.metric is None else f"metrics.{order.metric}")


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _other_order() -> Invalid:
    return Invalid(
        "cursor: expected the next_cursor of a page in this order, got one of another order",
        code="cursor_invalid",
        field="cursor",
    )
