"""The conditions of a search for models. Each is a look-up in an index, and the rarest tag is looked up first.

A database tries them row by row: SQLite has no statistics, and PostgreSQL cannot turn around what is joined by OR. So
the tags are counted before: never to the end of one that many have, where it does not matter any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from modelyard.registry.conditions import is_of_version, is_tag, meets
from modelyard.registry.filters import MetricFilter, ModelFilter, TagFilter
from modelyard.registry.states import Stage
from modelyard.registry.store import is_in
from modelyard.registry.tables import model_owners, model_tags, models, version_metrics, version_tags, versions

_MANY = 1000


@dataclass(frozen=True, slots=True)
class _Spread:
    """How many models have a tag, and how many versions; a thousand stands for any more."""

    models: int
    versions: int

    @property
    def rows(self) -> int:
        return self.models + self.versions


def conditions_of_model(connection: Connection, tenant_id: str, which: ModelFilter) -> list[ColumnElement[bool]]:
    """What holds for each model that meets the filter; for the transaction that the connection is in."""
    spread = {
        tag: _Spread(_count(connection, tenant_id, model_tags, tag), _count(connection, tenant_id, version_tags, tag))
        for tag in which.tags
    }
    return _Search(tenant_id, which, spread).conditions()


def _count(connection: Connection, tenant_id: str, table: Table, tag: TagFilter) -> int:
    having = select(table.c.digest).where(is_tag(table, tenant_id, tag)).limit(_MANY).subquery()
    return connection.execute(select(func.count()).select_from(having)).scalar_one()


class _Search:
    def __init__(self, tenant_id: str, which: ModelFilter, spread: Mapping[TagFilter, _Spread]) -> None:
        self._tenant_id = tenant_id
        self._which = which
        self._spread = spread
        self._tags = sorted(which.tags, key=lambda tag: spread[tag].rows)

    def conditions(self) -> list[ColumnElement[bool]]:
        which = self._which
        found: list[ColumnElement[bool]] = []
        if which.text:
            words = (models.c.name, models.c.description)
            found.append(or_(*(column.icontains(which.text, autoescape=True) for column in words)))
        if which.owner is not None:
            found.append(_there_is(self._is_of_model(model_owners) & (model_owners.c.owner == which.owner)))
        if self._tags and self._spread[self._tags[0]].rows < _MANY:
            found.append(models.c.name.in_(self._names_with(self._tags[0])))
        # Each metric alone is one look-up, which leaves few models for the last condition: all of one version.
        if len(which.metrics) + (which.stage is not None) + len(self._tags) > 1:
            found += [self._some_version(metrics=[metric]) for metric in which.metrics]
        return [*found, self._together(self._tags)]

    def _names_with(self, tag: TagFilter) -> Select[tuple[str]]:
        rows = (select(row.c.model_name).where(is_tag(row, self._tenant_id, tag)) for row in (version_tags, model_tags))
        return select(union_all(*rows).subquery().c.model_name)

    def _together(self, tags: Sequence[TagFilter]) -> ColumnElement[bool]:
        """One version meets all, where the model's own tags count for each version.

        It is a version that has the first tag; or the model has that, and the same holds for the others.
        """
        which = self._which
        if not tags:
            is_met = which.stage is None and not which.metrics
            return true() if is_met else self._some_version(stage=which.stage, metrics=which.metrics)
        first, rest = tags[0], tags[1:]
        of_version: ColumnElement[bool] = false()
        if self._spread[first].versions:
            of_version = self._some_version(first, stage=which.stage, metrics=which.metrics, either=rest)
        return or_(of_version, and_(self._model_has(first), self._together(rest)))

    def _some_version(
        self,
        tag: TagFilter | None = None,
        *,
        stage: Stage | None = None,
        metrics: Sequence[MetricFilter] = (),
        either: Sequence[TagFilter] = (),
    ) -> ColumnElement[bool]:
        """There is a version like this; a tag of `either` may be its own or its model's."""
        found = (
            select(versions.c.version)
            .select_from(versions)
            .where(self._is_of_model(versions), versions.c.deleted_at.is_(None))
            .correlate(models)
        )
        if stage is not None:
            found = found.where(is_in(stage))
        number: ColumnElement[int] = versions.c.version
        if tag is not None:
            row = version_tags.alias()
            found = found.join(row, is_of_version(row) & self._is_of_model(row) & is_tag(row, self._tenant_id, tag))
            number = row.c.version
        for metric in metrics:
            measured = version_metrics.alias()
            found = found.join(
                measured, is_of_version(measured) & self._is_of_model(measured) & meets(measured, metric)
            )
        # By the number in the first tag's row, so that a version is only looked up if it has them all.
        return found.where(*(or_(self._version_has(each, number), self._model_has(each)) for each in either)).exists()

    def _version_has(self, tag: TagFilter, number: ColumnElement[int]) -> ColumnElement[bool]:
        if not self._spread[tag].versions:
            return false()
        row = version_tags.alias()
        is_there = self._is_of_model(row) & (row.c.version == number) & is_tag(row, self._tenant_id, tag)
        return exists().where(is_there).correlate_except(row)

    def _model_has(self, tag: TagFilter) -> ColumnElement[bool]:
        if not self._spread[tag].models:
            return false()
        row = model_tags.alias()
        return _there_is(self._is_of_model(row) & is_tag(row, self._tenant_id, tag))

    def _is_of_model(self, row: FromClause) -> ColumnElement[bool]:
        return and_(row.c.tenant_id == self._tenant_id, row.c.model_name == models.c.name)


def _there_is(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A row that is looked up for the model at hand."""
    return exists().where(condition).correlate(models)
