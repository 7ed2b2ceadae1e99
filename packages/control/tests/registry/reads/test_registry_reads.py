"""The registry's reads answer what the schemas serialize of the service's objects, byte for byte, on both databases."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import anyio
import pytest
from statements import statements

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.db import Database
from modelyard.errors import Invalid, NotFound
from modelyard.http.cached_response import CachedResponse
from modelyard.paging import Page
from modelyard.ports.tracking import TrackedDataset
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.domain import Model, Version
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.schemas import (
    Answer,
    ModelAnswer,
    ModelsAnswer,
    ProvenanceAnswer,
    VersionAnswer,
    VersionsAnswer,
)
from modelyard.registry.search.filters import (
    NEWEST_FIRST,
    Comparison,
    MetricFilter,
    ModelFilter,
    ModelOrder,
    TagFilter,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

METRICS = {"auc": 0.25, "loss": 1e-7, "count": 3.0, "large": 1e300, "gone": float("nan")}
OLDEST_FIRST = VersionOrder(is_descending=False)


@pytest.fixture
def reads(database: Database) -> RegistryReads:
    return RegistryReads(database)


@pytest.fixture(autouse=True)
def _catalogue(
    database: Database,
    registry: RegistryService,
    alice: Principal,
    tracking: FakeTracking,
    clock: ManualClock,
) -> None:
    """Five versions of one model, of which two have a stage and one is deleted; and two models of one version."""
    for name, count in (("iris", 5), ("moons", 1), ("zoo", 1)):
        for number in range(count):
            clock.sleep(61.5)
            data = [TrackedDataset("flowers", "abc", "local", "{}", context) for context in ("training", None)[:number]]
            run_id = tracking.log_run("iris", parameters={"depth": "3"}, metrics=METRICS, datasets=data)
            logged = tracking.log_model(run_id, "model", {"MLmodel": b"flavors: {sklearn: {}}", "model.pkl": b"1"})
            registry.register(alice, model_name=name, logged=logged, tags={"über": '"\\\n\u2028'}, description="A\tB")
    changes: dict[int, dict[str, object]] = {
        4: {"stage": Stage.STAGING},
        2: {"stage": Stage.PRODUCTION},
        3: {"deleted_at": clock.now()},
    }
    with database.write() as connection:
        for number, values in changes.items():
            version = registry.version_within(connection, alice, "iris", number)
            assert store.change_version(connection, version, **values)


def read(ask: Callable[..., Awaitable[CachedResponse]], *args: object, **kwargs: object) -> CachedResponse:
    return anyio.run(partial(ask, *args, **kwargs))


def versions_answer(page: Page[Version]) -> VersionsAnswer:
    return VersionsAnswer(versions=[VersionAnswer.of(one) for one in page.items], next_cursor=page.next_cursor)


def models_answer(page: Page[Model]) -> ModelsAnswer:
    return ModelsAnswer(models=[ModelAnswer.of(one) for one in page.items], next_cursor=page.next_cursor)


def written(answer: Answer) -> bytes:
    return answer.model_dump_json().encode()


class TestRegistryReads:
    def test_one_version(self, reads: RegistryReads, registry: RegistryService, alice: Principal) -> None:
        version = registry.version(alice, "iris", 2)
        assert read(reads.version, alice, "iris", 2) == CachedResponse(written(VersionAnswer.of(version)), 2)

    def test_one_model(self, reads: RegistryReads, registry: RegistryService, alice: Principal) -> None:
        model = registry.model(alice, "iris")
        assert (model.latest_version, model.production_version, model.staging_version) == (5, 2, 4)
        found = read(reads.model, alice, "iris")
        assert found == CachedResponse(written(ModelAnswer.of(model)), model.revision)

    @pytest.mark.parametrize("stage", [None, Stage.NONE, Stage.STAGING, Stage.PRODUCTION])
    @pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST])
    @pytest.mark.parametrize("limit", [1, 2, 4, 50])
    def test_pages_of_versions(
        self,
        reads: RegistryReads,
        registry: RegistryService,
        alice: Principal,
        stage: Stage | None,
        order: VersionOrder,
        limit: int,
    ) -> None:
        cursor: str | None = None
        while True:
            asked = {"order": order, "limit": limit, "cursor": cursor}
            page = registry.page_of_versions(alice, "iris", VersionFilter(stage=stage), **asked)  # type: ignore[arg-type] # as above
            found = read(reads.versions, alice, "iris", VersionFilter(stage=stage), **asked)
            assert found.body == written(versions_answer(page))
            if (cursor := page.next_cursor) is None:
                break

    @pytest.mark.parametrize("order", ModelOrder)
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_of_models(
        self, reads: RegistryReads, registry: RegistryService, alice: Principal, order: ModelOrder, limit: int
    ) -> None:
        cursor: str | None = None
        while True:
            page = registry.models(alice, order=order, limit=limit, cursor=cursor)
            found = read(reads.models, alice, order=order, limit=limit, cursor=cursor)
            assert found.body == written(models_answer(page))
            if (cursor := page.next_cursor) is None:
                break

    @pytest.mark.parametrize(
        "which",
        [
            VersionFilter(tags=[TagFilter("über", '"\\\n\u2028')]),
            VersionFilter(metrics=[MetricFilter("auc", Comparison.AT_LEAST, 0.2)], stage=Stage.NONE),
            VersionFilter(text="a\tb"),
            VersionFilter(text="nowhere"),
        ],
        ids=["tags", "metrics", "words", "nothing"],
    )
    @pytest.mark.parametrize("order", [NEWEST_FIRST, VersionOrder(metric="loss", is_descending=False)])
    def test_pages_of_filtered_versions(
        self,
        reads: RegistryReads,
        registry: RegistryService,
        alice: Principal,
        which: VersionFilter,
        order: VersionOrder,
    ) -> None:
        cursor: str | None = None
        while True:
            page = registry.page_of_versions(alice, "iris", which, order=order, limit=2, cursor=cursor)
            found = read(reads.versions, alice, "iris", which, order=order, limit=2, cursor=cursor)
            assert found.body == written(versions_answer(page))
            if (cursor := page.next_cursor) is None:
                break

    def test_what_is_not_there_is_not_found(
        self,
        reads: RegistryReads,
        database: Database,
        alice: Principal,
        clock: ManualClock,
    ) -> None:
        with database.write() as connection:
            store.change_model(connection, alice.tenant_id, "zoo", at=clock.now(), deleted_at=clock.now())
        eve = replace(alice, tenant_id="other")
        by_words = VersionFilter(text="b")
        for ask, code in [
            (partial(reads.version, alice, "iris", 3), "version_not_found"),
            (partial(reads.version, alice, "iris", 0), "version_not_found"),
            (partial(reads.version, alice, "iris", 2**40), "version_not_found"),
            (partial(reads.version, eve, "iris", 1), "version_not_found"),
            (partial(reads.model, alice, "zoo"), "model_not_found"),
            (partial(reads.model, eve, "iris"), "model_not_found"),
            (partial(reads.versions, alice, "zoo", limit=5), "model_not_found"),
            (partial(reads.versions, alice, "zoo", by_words, limit=5), "model_not_found"),
            (partial(reads.versions, eve, "iris", limit=5), "model_not_found"),
            (partial(reads.versions, eve, "iris", by_words, limit=5), "model_not_found"),
        ]:
            with pytest.raises(NotFound) as caught:
                anyio.run(ask)
            assert caught.value.code == code
        assert read(reads.models, eve, limit=5).body == b'{"models":[],"next_cursor":null}'

    def test_the_fields_of_a_row_are_those_of_the_schema(
        self, reads: RegistryReads, database: Database, alice: Principal
    ) -> None:
        version = json.loads(read(reads.version, alice, "iris", 1).body)
        assert list(version) == list(VersionAnswer.model_fields)
        assert list(version["provenance"]) == list(ProvenanceAnswer.model_fields)
        assert list(json.loads(read(reads.model, alice, "iris").body)) == list(ModelAnswer.model_fields)

    def test_a_cursor_of_another_order_is_refused(self, reads: RegistryReads, alice: Principal) -> None:
        page = read(reads.models, alice, order=ModelOrder.NAME, limit=1, cursor=None)
        cursor = ModelsAnswer.model_validate_json(page.body).next_cursor
        with pytest.raises(Invalid, match="cursor"):
            read(reads.models, alice, order=ModelOrder.CREATED, limit=1, cursor=cursor)

    def test_each_answer_is_one_statement(self, reads: RegistryReads, database: Database, alice: Principal) -> None:
        with statements(database) as seen:
            read(reads.model, alice, "iris")
            read(reads.version, alice, "iris", 1)
            read(reads.versions, alice, "iris", limit=5)
        assert len(seen) == 3

    def test_a_search_for_words_which_no_index_has_does_not_hold_the_event_loop_up(
        self, reads: RegistryReads, database: Database, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "fetch", None)
        words = ModelFilter(text="iri")
        found = read(reads.models, alice, words, order=ModelOrder.NAME, limit=5, cursor=None)
        assert [model.name for model in ModelsAnswer.model_validate_json(found.body).models] == ["iris"]
