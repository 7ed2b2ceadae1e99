"""What a row of a tag or a metric must be: the conditions that searches of models and of versions share."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_

from modelyard.registry.search.filters import Comparison
from modelyard.registry.tables import versions

_COMPARED: dict[Comparison, Callable[[Any, Any], ColumnElement[bool]]] = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
    Comparison.EQUAL: lambda value, bound: value == bound,
    Comparison.OTHER: lambda value, bound: value != bound,
}


def is_of_version(row: FromClause) -> ColumnElement[bool]:
    """Whether the row is of the version at hand."""
    return and_(
        row.c.tenant_id == versions.c.tenant_id,
        row.c.model_name == versions.c.model_name,
        row.c.version == versions.c.version,
    )


def is_tag(row: FromClause, tenant_id: Any, digest: Any) -> ColumnElement[bool]:
    """Whether the row of `version_tags` or `model_tags` is of the tag with this digest."""
    return and_(row.c.tenant_id == tenant_id, row.c.digest == digest)


def compared(value: Any, comparison: Comparison, bound: Any) -> ColumnElement[bool]:
    """How the value of a metric stands to the bound."""
    return _COMPARED[comparison](value, bound)
