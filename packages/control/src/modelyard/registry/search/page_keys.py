"""What the pages of models and versions are ordered by, and the cursors that name the last row of one."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, Select, bindparam, tuple_

from modelyard.errors import Invalid
from modelyard.paging import decode_cursor, encode_cursor, invalid_cursor
from modelyard.registry.domain import MAX_VERSION
from modelyard.registry.search.filters import ModelOrder, VersionOrder
from modelyard.registry.tables import models

_MODEL_KEYS: dict[str, list[Column[Any]]] = {
    "name": [models.c.name],
    "created_at": [models.c.created_at, models.c.name],
    "last_updated": [models.c.updated_at, models.c.name],
}


def ordered(query: Select[Any], keys: Sequence[ColumnElement[Any]], *, is_descending: bool) -> Select[Any]:
    """The query in the order of these columns."""
    return query.order_by(*(key.desc() if is_descending else key for key in keys))


def is_after(keys: Sequence[ColumnElement[Any]], after: Sequence[Any], *, is_descending: bool) -> ColumnElement[bool]:
    """Whether a row comes after the one with these values."""
    left, right = (tuple_(*keys), tuple_(*after)) if len(keys) > 1 else (keys[0], after[0])
    found: ColumnElement[bool] = left < right if is_descending else left > right
    return found


def page(query: Select[Any], keys: Sequence[Column[Any]], *, is_first: bool, is_descending: bool) -> Select[Any]:
    """The query of a page, for the parameters `limit` and, but for the first page, those of `after`."""
    if not is_first:
        values = [bindparam(f"after_{place}", type_=key.type) for place, key in enumerate(keys)]
        query = query.where(is_after(keys, values, is_descending=is_descending))
    return ordered(query, keys, is_descending=is_descending).limit(bindparam("limit", type_=Integer))


def after(key: Sequence[Any]) -> dict[str, Any]:
    """The parameters for the page after the row with these values."""
    return {f"after_{place}": value for place, value in enumerate(key)}


def model_keys(order: ModelOrder) -> list[Column[Any]]:
    """The columns that models are ordered by; the last one makes it an order of single rows."""
    return _MODEL_KEYS[order.lstrip("-")]


def model_cursor(order: ModelOrder, *, name: str, created_at: datetime, updated_at: datetime) -> str:
    """The cursor of the page after this model."""
    if order in {ModelOrder.NAME, ModelOrder.NAME_DOWN}:
        return encode_cursor(order, name)
    at = created_at if order in {ModelOrder.CREATED, ModelOrder.CREATED_DOWN} else updated_at
    return encode_cursor(order, at.isoformat(), name)


def model_key(order: ModelOrder, cursor: str) -> list[Any]:
    """The values of the last model's columns.

    Raises:
        Invalid: code `cursor_invalid`.
    """
    word, *key = decode_cursor(cursor, parts=1 + len(model_keys(order)))
    if word != order:
        raise _other_order()
    if len(key) == 1:
        return key
    try:
        at = datetime.fromisoformat(key[0])
        return [(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), key[1]]
    except (ValueError, OverflowError) as exc:
        raise invalid_cursor() from exc


def version_cursor(order: VersionOrder, number: int, *, value: float | None = None) -> str:
    """The cursor of the page after this version, with the metric's value where it is ordered by one."""
    return encode_cursor(_word(order), *([] if value is None else [repr(value)]), str(number))


def version_key(order: VersionOrder, cursor: str) -> list[Any]:
    """The metric's value, if it is ordered by one, and the number of the last version.

    Raises:
        Invalid: code `cursor_invalid`.
    """
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


def _other_order() -> Invalid:
    return Invalid(
        "cursor: expected the next_cursor of a page in this order, got one of another order",
        code="cursor_invalid",
        field="cursor",
    )
