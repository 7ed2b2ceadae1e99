"""What a row of a tag or a metric must be: the conditions that searches of models and of versions share."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_

from modelyard.registry.filters import Comparison, MetricFilter, TagFilter
from modelyard.registry.search_index import tag_digest
from modelyard.registry.tables import versions

_COMPARED: dict[Comparison, Callable[[Any, float], ColumnElement[bool]]] = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
    Comparison.EQUAL: lambda value, bound: value == bound,
    Comparison.OTHER: lambda value, bound: value != bound,
}


def is_of_version(row: FromClause) -> ColumnElement[bool]:
    return and_(
        row.c.tenant_id == versions.c.tenant_id,
        row.c.model_name == versions.c.model_name,
        row.c.version == versions.c.version,
    )


def is_tag(row: FromClause, tenant_id: Any, tag: TagFilter) -> ColumnElement[bool]:
    return and_(row.c.tenant_id == tenant_id, row.c.digest == tag_digest(tag.key, tag.value))


def meets(row: FromClause, metric: MetricFilter) -> ColumnElement[bool]:
    return and_(row.c.name == metric.name, _COMPARED[metric.comparison](row.c.value, metric.bound))
