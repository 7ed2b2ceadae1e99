"""The law of searches: what is found is what a plain look at every model and version would find, at any time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, count
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.registry import deletion_store, store
from modelyard.registry.domain import FileEntry, Manifest, NewVersion
from modelyard.registry.search.bitmap_search import SlotNames
from modelyard.registry.search.filters import ModelFilter, ModelOrder, TagFilter, parse_metrics
from modelyard.registry.search.pages import page_of_models
from modelyard.registry.search_index.rows import index_model, index_version_stage, index_version_tags
from modelyard.registry.states import Stage
from modelyard.registry.tables import search_sets

NAMES = st.sampled_from(["ada", "bob", "eve", "kim"])
TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)
KNOWN = [TagFilter(key, value) for key in "abc" for value in "xy"]
MANIFEST = Manifest((FileEntry("MLmodel", "0" * 64, 1),))
ORDERS = [ModelOrder.NAME, ModelOrder.CREATED_DOWN, ModelOrder.UPDATED]
Tags = Mapping[str, str]


@dataclass
class Held:
    """A model as it should be."""

    tags: Tags
    versions: dict[int, Tags] = field(default_factory=dict)
    """Those that are not deleted."""
    deleted: dict[int, Tags] = field(default_factory=dict)
    stages: dict[int, Stage] = field(default_factory=dict)
    """Of those that are not in `none`."""
    is_deleted: bool = False

    def meets(self, which: ModelFilter) -> bool:
        """Whether a plain look finds it; the metric of a version is its number."""
        rest = {(tag.key, tag.value) for tag in which.tags} - {*self.tags.items()}
        is_of_version = bool(rest or which.metrics or which.stage)
        return not self.is_deleted and (
            not is_of_version
            or any(
                rest <= {*tags.items()}
                and all(number > metric.bound for metric in which.metrics)
                and which.stage in {None, self.stages.get(number, Stage.NONE)}
                for number, tags in self.versions.items()
            )
        )


class SearchLaw(RuleBasedStateMachine):
    """Every search finds the models that have the tags, whatever was registered, edited, deleted and restored."""

    database: ClassVar[Database]
    tenants = count(1)

    def __init__(self) -> None:
        super().__init__()
        self.tenant = f"t{next(self.tenants)}"
        self.clock = ManualClock()
        self.models: dict[str, Held] = {}
        self.slots = SlotNames()

    @rule(name=NAMES, tags=TAGS)
    def begin(self, name: str, tags: Tags) -> None:
        held = self.models.get(name)
        if held is not None and not held.is_deleted:
            return
        self.clock.sleep(1)
        with self.database.write() as connection:
            store.add_model(connection, self.tenant, name, at=self.clock.now())
            store.begin_model(connection, self.tenant, name, at=self.clock.now(), description="", tags=tags)
        self.models[name] = Held(tags) if held is None else replace(held, tags=tags, is_deleted=False)

    @rule(name=NAMES, tags=TAGS, more=st.sampled_from([1, 1, 2, 62, 70]))
    def register(self, name: str, tags: Tags, more: int) -> None:
        held = self.models.get(name)
        if held is None or held.is_deleted:
            return
        self.clock.sleep(1)
        with self.database.write() as connection:
            for _ in range(more):
                at = self.clock.now()
                number = store.allot_version(connection, self.tenant, name, at=at)
                store.add_version(connection, self.tenant, number, _new(name, number, tags), at=at, created_by="ada")
                held.versions[number] = tags
                tags = {}

    @rule(name=NAMES, tags=TAGS)
    def retag_model(self, name: str, tags: Tags) -> None:
        if (held := self.models.get(name)) is not None and not held.is_deleted:
            with self.database.write() as connection:
                index_model(connection, self.tenant, name, tags=tags, owners=[])
            held.tags = tags

    @rule(name=NAMES, tags=TAGS, data=st.data())
    def retag_version(self, name: str, tags: Tags, data: st.DataObject) -> None:
        if (held := self.models.get(name)) is not None and held.versions:
            number = data.draw(st.sampled_from(sorted(held.versions)))
            with self.database.write() as connection:
                index_version_tags(connection, self.tenant, name, number, tags)
            held.versions[number] = tags

    @rule(name=NAMES, to=st.sampled_from([Stage.STAGING, Stage.ARCHIVED]), data=st.data())
    def move(self, name: str, to: Stage, data: st.DataObject) -> None:
        if (held := self.models.get(name)) is not None and held.versions:
            number = data.draw(st.sampled_from(sorted(held.versions)))
            with self.database.write() as connection:
                before = held.stages.get(number, Stage.NONE)
                (version,) = store.find_versions(connection, self.tenant, name, [number])
                assert store.change_version(connection, version, stage=to)
                index_version_stage(connection, self.tenant, name, number, before=before, to=to)
            held.stages[number] = to

    @rule(name=NAMES, data=st.data(), is_whole=st.booleans())
    def delete(self, name: str, data: st.DataObject, *, is_whole: bool) -> None:
        held = self.models.get(name)
        if held is None or held.is_deleted:
            return
        numbers = sorted(held.versions)
        if not is_whole and numbers:
            numbers = [data.draw(st.sampled_from(numbers))]
        with self.database.write() as connection:
            found = store.find_versions(connection, self.tenant, name, numbers)
            deletion_store.delete_versions(connection, found, at=self.clock.now())
            if is_whole:
                job_id = f"{self.tenant}-{self.clock.now()}"
                deletion_store.mark_model(connection, self.tenant, name, job_id=job_id)
                assert deletion_store.delete_model(connection, job_id, at=self.clock.now())
        held.deleted |= {number: held.versions.pop(number) for number in numbers}
        held.is_deleted = is_whole

    @precondition(lambda self: any(held.deleted for held in self.models.values()))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, held in self.models.items() if held.deleted)))
        held = self.models[name]
        number = data.draw(st.sampled_from(sorted(held.deleted)))
        with self.database.write() as connection:
            version = deletion_store.find_deleted(connection, self.tenant, name, number)
            assert version is not None
            deletion_store.restore(connection, version, at=self.clock.now())
        held.versions[number] = held.deleted.pop(number)
        held.is_deleted = False

    @rule(tags=st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4), order=st.sampled_from(ORDERS))
    def search(self, tags: list[TagFilter], order: ModelOrder) -> None:
        self.compare(tags, order)

    @invariant()
    def each_tag_finds_its_models(self) -> None:
        for tag in KNOWN:
            self.compare([tag], ModelOrder.NAME)

    def teardown(self) -> None:
        for size in (1, 2, 3):
            for tags in combinations(KNOWN, size):
                self.compare(tags, ModelOrder.NAME)

    def compare(self, tags: Iterable[TagFilter], order: ModelOrder) -> None:
        """Alone, of a stage, and with a metric."""
        tags, metrics = list(tags), parse_metrics(["number>3"])
        for which in (
            ModelFilter(tags=tags),
            ModelFilter(stage=Stage.STAGING),
            ModelFilter(tags=tags, stage=Stage.NONE),
            ModelFilter(tags=tags, metrics=metrics),
            ModelFilter(tags=tags, stage=Stage.ARCHIVED, metrics=metrics),
        ):
            wanted = sorted(name for name, held in self.models.items() if held.meets(which))
            assert sorted(self.pages(which, order)) == wanted, which

    def pages(self, which: ModelFilter, order: ModelOrder) -> list[str]:
        names: list[str] = []
        cursor = None
        while True:
            with self.database.read() as connection:
                page = page_of_models(connection, self.slots, self.tenant, which, order=order, limit=2, cursor=cursor)
            names += [model.name for model in page.items]
            if (cursor := page.next_cursor) is None:
                return names


def _new(name: str, number: int, tags: Tags) -> NewVersion:
    return NewVersion(
        model_name=name,
        model_uri="models:/m",
        artifact_uri="file:///m",
        run_id=None,
        experiment_name=None,
        description="",
        tags=tags,
        metrics={"number": float(number)},
        claimed_metrics={},
        parameters={},
        signature=None,
        manifest=MANIFEST,
        lock_digest=None,
        job_id=None,
    )


class TestSearchLaw:
    @pytest.mark.parametrize("few", [500, 0])
    def test_every_history_is_searched_as_one_would_by_hand(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        """Also where all models that are found count as very many."""
        monkeypatch.setattr("modelyard.registry.search.models._FEW", few)

        class Law(SearchLaw):
            pass

        Law.database = database
        drawn = settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        run_state_machine_as_test(Law, settings=drawn)

    def test_a_models_own_tag_counts_for_versions_of_every_slot(self, database: Database) -> None:
        law = type("Law", (SearchLaw,), {"database": database})()
        law.begin("ada", {"a": "x"})
        law.register("ada", {}, 70)
        law.register("ada", {"b": "y"}, 1)
        law.compare([TagFilter("a", "x"), TagFilter("b", "y")], ModelOrder.NAME)
        assert law.pages(ModelFilter(tags=[TagFilter("a", "x"), TagFilter("b", "y")]), ModelOrder.NAME) == ["ada"]

    def test_a_set_that_nobody_is_in_has_no_row(self, database: Database) -> None:
        law = type("Law", (SearchLaw,), {"database": database})()
        law.begin("ada", {"a": "x"})
        law.register("ada", {"b": "y"}, 1)
        law.retag_model("ada", {})
        law.retag_version("ada", {}, _Only(1))
        with database.read() as connection:
            kept = select(search_sets.c.digest).where(search_sets.c.tenant_id == law.tenant)
            assert connection.execute(kept.order_by(search_sets.c.digest)).scalars().all() == ["living", "stage:none"]


class _Only:
    """Draws the same each time."""

    def __init__(self, value: int) -> None:
        self._value = value

    def draw(self, _: object) -> int:
        return self._value
