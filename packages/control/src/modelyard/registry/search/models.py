"""The search for models. Tags and stage are searched in bitmaps (bitmap_search.py); the other conditions are
look-ups in an index, each tried for the models at hand.

Searches that differ in their words only have one shape, and a shape's statements are written once.
"""

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from modelyard.registry.search.bitmap_search import TENANT, Query, Rows, SlotNames, Tagged, tagged
from modelyard.registry.search.conditions import compared, is_of_version, is_tag
from modelyard.registry.search.filters import Comparison, ModelFilter, ModelOrder
from modelyard.registry.search.page_keys import after, model_keys, ordered, page
from modelyard.registry.search_index.rows import stage_set, tag_digest
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in
from modelyard.registry.tables import model_owners, model_tags, models, version_metrics, version_tags, versions

_FEW = 500
_ESCAPE = "/"
_WORDS = (models.c.name, models.c.description)
_OWNER = bindparam("owner", type_=String)
_TEXT = bindparam("text", type_=String)
_NAMES = bindparam("names", type_=String)

Search = Generator[Query, Rows, Rows]
"""Yields statements, is sent their rows, and returns the rows of the page."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A search without its words."""

    stage: Stage | None = None
    comparisons: tuple[Comparison, ...] = ()
    has_text: bool = False
    has_owner: bool = False
    tags: int = 0
    """How many tags must be met together with metrics, by one version; each is known by its place."""
    is_named: bool = False
    """Whether only models of given names count."""
    is_short: bool = False
    """Whether all these are no more than a page holds."""


EVERY_SHAPE = Shape()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page of a search."""

    which: ModelFilter
    order: ModelOrder
    key: Sequence[Any]
    """Of the last model of the page before; empty for the first page."""
    limit: int


Columns = Callable[[Shape, ModelOrder, bool], Select[Any]]
"""Gives the statement of a page with the columns one wants, by `page_of`; the last says if it is the first page."""


def search(statement: Columns, slots: SlotNames, tenant_id: str, request: PageRequest) -> Search:
    """The rows of a page, in its order."""
    which = request.which
    words = {**_words(tenant_id, which), **after(request.key), "limit": request.limit}
    tags = list(dict.fromkeys(tag_digest(tag.key, tag.value) for tag in which.tags))
    sets = tags if which.stage is None else [*tags, stage_set(which.stage)]
    if not sets:
        return (yield statement(_shape(which), request.order, not request.key), words)
    found = yield from tagged(slots, tenant_id, sets)
    if found is None:
        return []
    shape = _shape(which, tags=len(tags))
    words |= {f"tag_{place}": digest for place, digest in enumerate(sorted(tags, key=found.rarest_first.index))}
    while True:
        names = list(found.names)
        if len(names) > _FEW:
            names = yield from _first_of(found, shape, request, words)
        short = replace(shape, is_short=len(names) <= request.limit)
        rows = yield statement(short, request.order, not request.key), {**words, "names": json.dumps(names)}
        # One that was deleted just now would make the page look like the last one.
        if len(found.names) <= _FEW or len(names) < request.limit or len(rows) == len(names):
            return rows


def run(search: Search, connection: Connection) -> Rows:
    """Execute all statements of the search in one transaction."""
    try:
        query = next(search)
        while True:
            query = search.send([row._asdict() for row in connection.execute(*query)])
    except StopIteration as done:
        rows: Rows = done.value
        return rows


def page_of(query: Select[Any], shape: Shape, order: ModelOrder, *, is_first: bool) -> Select[Any]:
    """The page of a query for columns of models. Which models are on it is found before their columns are."""
    descending = order.is_descending
    if shape == EVERY_SHAPE or shape.is_short:
        return page(query.where(*_are_found(shape)), model_keys(order), is_first=is_first, is_descending=descending)
    found = page(
        select(models.c.name).where(*_are_found(shape)), model_keys(order), is_first=is_first, is_descending=descending
    )
    on_it = query.where(models.c.tenant_id == TENANT, models.c.name.in_(found))
    return ordered(on_it, model_keys(order), is_descending=descending)


def _first_of(
    found: Tagged, shape: Shape, request: PageRequest, words: Mapping[str, Any]
) -> Generator[Query, Rows, list[str]]:
    """Those of very many names that come first: they are met soon where one walks by all models in their order."""
    key, size, names = list(request.key), math.ceil(request.limit / found.share), list[str]()
    walked = replace(shape, is_named=False)
    while True:
        statement = _keys(walked, request.order, is_first=not key)
        rows = yield statement, {**words, **after(key), "limit": size}
        names += [row["name"] for row in rows if row["name"] in found.names]
        if len(names) >= request.limit or len(rows) < size:
            return names[: request.limit]
        key, size = [rows[-1][column.name] for column in model_keys(request.order)], size * 2


@lru_cache(maxsize=500)
def _keys(shape: Shape, order: ModelOrder, *, is_first: bool) -> Select[Any]:
    keys = model_keys(order)
    query = select(*keys).where(*_are_found(shape))
    return page(query, keys, is_first=is_first, is_descending=order.is_descending)


def _shape(which: ModelFilter, tags: int | None = None) -> Shape:
    """Without metrics, the bitmaps alone answer a search for tags and a stage."""
    return Shape(
        stage=which.stage if which.metrics else None,
        comparisons=tuple(metric.comparison for metric in which.metrics),
        has_text=bool(which.text),
        has_owner=which.owner is not None,
        tags=tags if tags is not None and which.metrics else 0,
        is_named=tags is not None,
    )


def _words(tenant_id: str, which: ModelFilter) -> dict[str, Any]:
    words: dict[str, Any] = {"tenant_id": tenant_id}
    for place, metric in enumerate(which.metrics):
        words |= {f"metric_{place}": metric.name, f"bound_{place}": metric.bound}
    if which.owner is not None:
        words["owner"] = which.owner
    if which.text:
        words["text"] = f"%{_escaped(which.text)}%"
    return words


def _escaped(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


class _GivenNames(FunctionElement[str]):
    """A subquery of the names that a JSON list holds: one statement, however many they are."""

    name = "given_names"
    type = String()
    inherit_cache = True


@compiles(_GivenNames, "sqlite")
def _given_on_sqlite(element: _GivenNames, compiler: SQLCompiler, **options: Any) -> str:
    names = compiler.process(element.clauses, **options)
    return f"(SELECT value FROM json_each({names}))"  # noqa: S608 - it is the place of a parameter.


@compiles(_GivenNames, "postgresql")
def _given_on_postgresql(element: _GivenNames, compiler: SQLCompiler, **options: Any) -> str:
    names = compiler.process(element.clauses, **options)
    return f"(SELECT jsonb_array_elements_text(CAST({names} AS jsonb)))"


@lru_cache(maxsize=500)
def _are_found(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    """What holds for each of the tenant's models that the search finds."""
    return (models.c.tenant_id == TENANT, models.c.deleted_at.is_(None), *_Conditions(shape).all())


class _Conditions:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def all(self) -> list[ColumnElement[bool]]:
        shape = self._shape
        metrics = range(len(shape.comparisons))
        found: list[ColumnElement[bool]] = []
        if shape.has_text:
            words = (func.lower(column).like(func.lower(_TEXT), escape=_ESCAPE) for column in _WORDS)
            found.append(or_(*words))
        if shape.has_owner:
            found.append(_there_is(_is_of_model(model_owners) & (model_owners.c.owner == _OWNER)))
        if shape.is_named:
            found.append(models.c.name.op("IN", is_comparison=True, return_type=Boolean())(_GivenNames(_NAMES)))
        # Each metric alone is one look-up, which leaves few models for the last condition: all of one version.
        if len(metrics) + (shape.stage is not None) + shape.tags > 1:
            found += [self._some_version(metrics=[metric]) for metric in metrics]
        return [*found, self._together(range(shape.tags), metrics)]

    def _together(self, tags: Sequence[int], metrics: Sequence[int]) -> ColumnElement[bool]:
        """One version meets all, where the model's own tags count for each version.

        It is a version that has the first tag; or the model has that, and the same holds for the others.
        """
        stage = self._shape.stage
        if not tags:
            return true() if stage is None and not metrics else self._some_version(stage=stage, metrics=metrics)
        first, rest = tags[0], tags[1:]
        of_version = self._some_version(first, stage=stage, metrics=metrics, either=rest)
        return or_(of_version, and_(self._model_has(first), self._together(rest, metrics)))

    def _some_version(
        self,
        tag: int | None = None,
        *,
        stage: Stage | None = None,
        metrics: Sequence[int] = (),
        either: Sequence[int] = (),
    ) -> ColumnElement[bool]:
        """There is a version like this; a tag of `either` may be its own or its model's."""
        found = (
            select(versions.c.version)
            .select_from(versions)
            .where(_is_of_model(versions), versions.c.deleted_at.is_(None))
            .correlate(models)
        )
        if stage is not None:
            found = found.where(is_in(stage))
        number: ColumnElement[int] = versions.c.version
        if tag is not None:
            row = version_tags.alias()
            found = found.join(row, is_of_version(row) & _is_of_model(row) & is_tag(row, TENANT, _tag(tag)))
            number = row.c.version
        for metric in metrics:
            value = version_metrics.alias()
            found = found.join(value, is_of_version(value) & _is_of_model(value) & self._meets(value, metric))
        # By the number in the first tag's row, so that a version is only looked up if it has them all.
        return found.where(*(or_(self._version_has(each, number), self._model_has(each)) for each in either)).exists()

    def _meets(self, row: FromClause, metric: int) -> ColumnElement[bool]:
        name, bound = bindparam(f"metric_{metric}", type_=String), bindparam(f"bound_{metric}", type_=Float)
        return and_(row.c.name == name, compared(row.c.value, self._shape.comparisons[metric], bound))

    def _version_has(self, tag: int, number: ColumnElement[int]) -> ColumnElement[bool]:
        row = version_tags.alias()
        is_there = _is_of_model(row) & (row.c.version == number) & is_tag(row, TENANT, _tag(tag))
        return exists().where(is_there).correlate_except(row)

    def _model_has(self, tag: int) -> ColumnElement[bool]:
        row = model_tags.alias()
        return _there_is(_is_of_model(row) & is_tag(row, TENANT, _tag(tag)))


def _tag(place: int) -> ColumnElement[str]:
    return bindparam(f"tag_{place}", type_=String)


def _is_of_model(row: FromClause) -> ColumnElement[bool]:
    return and_(row.c.tenant_id == TENANT, row.c.model_name == models.c.name)


def _there_is(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A row that is looked up for the model at hand."""
    return exists().where(condition).correlate(models)
