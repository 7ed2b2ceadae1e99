"""The search for models. Each condition is a look-up in an index, and the rarest tag is looked up first.

A database tries them row by row: SQLite has no statistics, and PostgreSQL cannot turn around what is joined by OR. So
the tags' rows are counted before: never to the end of those that many have, where it does not matter any more.

Searches that differ in their words only have one shape, and a shape's conditions are written once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from modelyard.registry.conditions import compared, is_of_version, is_tag
from modelyard.registry.filters import Comparison, ModelFilter
from modelyard.registry.search_index import tag_digest
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in
from modelyard.registry.tables import model_owners, model_tags, models, version_metrics, version_tags, versions

_MANY, _VERY_MANY = 1000, 20_000
_ESCAPE = "/"
_WORDS = (models.c.name, models.c.description)
TENANT: BindParameter[str] = bindparam("tenant_id", type_=String)
_OWNER: BindParameter[str] = bindparam("owner", type_=String)
_TEXT: BindParameter[str] = bindparam("text", type_=String)
_TAG: BindParameter[str] = bindparam("tag", type_=String)


@dataclass(frozen=True, slots=True)
class _Spread:
    """How many models have a tag, and how many versions, counted up to a bound."""

    digest: str
    models: int
    versions: int

    @property
    def rows(self) -> int:
        return self.models + self.versions


@dataclass(frozen=True, slots=True)
class Shape:
    """A search without its words. Its tags are told by their place, the rarest first."""

    stage: Stage | None
    comparisons: tuple[Comparison, ...]
    has_text: bool
    has_owner: bool
    of_models: tuple[bool, ...]
    """Whether any model has the tag."""
    of_versions: tuple[bool, ...]
    begins_rare: bool
    """Whether so few have the first tag that the search begins with these."""


EVERY_SHAPE = Shape(
    stage=None, comparisons=(), has_text=False, has_owner=False, of_models=(), of_versions=(), begins_rare=False
)


def shape_of(connection: Connection, tenant_id: str, which: ModelFilter) -> tuple[Shape, dict[str, Any]]:
    """The search's shape and its words, for the transaction that the connection is in."""
    tags = sorted(_spreads(connection, tenant_id, which), key=lambda tag: tag.rows)
    shape = Shape(
        stage=which.stage,
        comparisons=tuple(metric.comparison for metric in which.metrics),
        has_text=bool(which.text),
        has_owner=which.owner is not None,
        of_models=tuple(tag.models > 0 for tag in tags),
        of_versions=tuple(tag.versions > 0 for tag in tags),
        begins_rare=bool(tags) and tags[0].rows < _MANY,
    )
    words: dict[str, Any] = {"tenant_id": tenant_id}
    words |= {f"tag_{place}": tag.digest for place, tag in enumerate(tags)}
    for place, metric in enumerate(which.metrics):
        words |= {f"metric_{place}": metric.name, f"bound_{place}": metric.bound}
    if which.owner is not None:
        words["owner"] = which.owner
    if which.text:
        words["text"] = f"%{_escaped(which.text)}%"
    return shape, words


@lru_cache(maxsize=500)
def conditions_of_models(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    """What holds for each of the tenant's models that the search finds."""
    return tuple(_Conditions(shape).all())


def _spreads(connection: Connection, tenant_id: str, which: ModelFilter) -> list[_Spread]:
    def spread(digest: str, most: int) -> _Spread:
        asked = {"tenant_id": tenant_id, "tag": digest, "most": most}
        return _Spread(digest, *connection.execute(_counts(), asked).one())

    found = [spread(tag_digest(tag.key, tag.value), _MANY) for tag in which.tags]
    if len(found) > 1 and all(tag.rows >= _MANY for tag in found):
        # Only among these is it worth the time to learn which one is the rarest.
        found = [spread(tag.digest, _VERY_MANY) for tag in found]
    return found


@cache
def _counts() -> Select[Any]:
    most = bindparam("most", type_=Integer)
    having = (select(row.c.digest).where(is_tag(row, TENANT, _TAG)).limit(most) for row in (model_tags, version_tags))
    return select(*(select(func.count()).select_from(rows.subquery()).scalar_subquery() for rows in having))


def _escaped(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


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
        if shape.begins_rare:
            found.append(models.c.name.in_(_names_with(0)))
        # Each metric alone is one look-up, which leaves few models for the last condition: all of one version.
        if len(metrics) + (shape.stage is not None) + len(shape.of_models) > 1:
            found += [self._some_version(metrics=[metric]) for metric in metrics]
        return [*found, self._together(range(len(shape.of_models)), metrics)]

    def _together(self, tags: Sequence[int], metrics: Sequence[int]) -> ColumnElement[bool]:
        """One version meets all, where the model's own tags count for each version.

        It is a version that has the first tag; or the model has that, and the same holds for the others.
        """
        stage = self._shape.stage
        if not tags:
            return true() if stage is None and not metrics else self._some_version(stage=stage, metrics=metrics)
        first, rest = tags[0], tags[1:]
        of_version: ColumnElement[bool] = false()
        if self._shape.of_versions[first]:
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
        if not self._shape.of_versions[tag]:
            return false()
        row = version_tags.alias()
        is_there = _is_of_model(row) & (row.c.version == number) & is_tag(row, TENANT, _tag(tag))
        return exists().where(is_there).correlate_except(row)

    def _model_has(self, tag: int) -> ColumnElement[bool]:
        if not self._shape.of_models[tag]:
            return false()
        row = model_tags.alias()
        return _there_is(_is_of_model(row) & is_tag(row, TENANT, _tag(tag)))


def _names_with(tag: int) -> Select[tuple[str]]:
    rows = (select(row.c.model_name).where(is_tag(row, TENANT, _tag(tag))) for row in (version_tags, model_tags))
    return select(union_all(*rows).subquery().c.model_name)


def _tag(place: int) -> ColumnElement[str]:
    return bindparam(f"tag_{place}", type_=String)


def _is_of_model(row: FromClause) -> ColumnElement[bool]:
    return and_(row.c.tenant_id == TENANT, row.c.model_name == models.c.name)


def _there_is(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A row that is looked up for the model at hand."""
    return exists().where(condition).correlate(models)
