"""What the look-ups tell is what the service tells, byte for byte, on both databases."""

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest
from statements import statements

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.db import Database
from modelyard.errors import Invalid
from modelyard.http.told import Told
from modelyard.ports.tracking import TrackedDataset
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.schemas import Answer, ModelAnswer, ModelsAnswer, VersionAnswer, VersionsAnswer
from modelyard.registry.search.filters import NEWEST_FIRST, ModelFilter, ModelOrder, VersionFilter, VersionOrder
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

METRICS = {"auc": 0.25, "loss": 1e-7, "count": 3.0, "large": 1e300, "gone": float("nan")}
OLDEST_FIRST = VersionOrder(is_descending=False)


@pytest.fixture
def reading(database: Database) -> CatalogueReading:
    return CatalogueReading(database)


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


def told(ask: Callable[..., Awaitable[Told | None]], *args: object, **kwargs: object) -> Told:
    found = anyio.run(partial(ask, *args, **kwargs))
    assert found is not None
    return found


def written(answer: Answer) -> bytes:
    return answer.model_dump_json().encode()


class TestCatalogueReading:
    def test_one_version(self, reading: CatalogueReading, registry: RegistryService, alice: Principal) -> None:
        version = registry.version(alice, "iris", 2)
        assert told(reading.version, alice.tenant_id, "iris", 2) == Told(written(VersionAnswer.of(version)), 2)

    def test_one_model(self, reading: CatalogueReading, registry: RegistryService, alice: Principal) -> None:
        model = registry.model(alice, "iris")
        assert (model.latest_version, model.production_version, model.staging_version) == (5, 2, 4)
        found = told(reading.model, alice.tenant_id, "iris")
        assert found == Told(written(ModelAnswer.of(model)), model.revision)

    @pytest.mark.parametrize("stage", [None, Stage.NONE, Stage.STAGING, Stage.PRODUCTION])
    @pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST])
    @pytest.mark.parametrize("limit", [1, 2, 4, 50])
    def test_pages_of_versions(
        self,
        reading: CatalogueReading,
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
            found = told(reading.versions, alice.tenant_id, "iris", stage=stage, **asked)
            assert found.body == written(VersionsAnswer.of(page))
            if (cursor := page.next_cursor) is None:
                break

    @pytest.mark.parametrize("order", ModelOrder)
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_of_models(
        self, reading: CatalogueReading, registry: RegistryService, alice: Principal, order: ModelOrder, limit: int
    ) -> None:
        cursor: str | None = None
        while True:
            page = registry.models(alice, order=order, limit=limit, cursor=cursor)
            found = told(reading.models, alice.tenant_id, order=order, limit=limit, cursor=cursor)
            assert found.body == written(ModelsAnswer.of(page))
            if (cursor := page.next_cursor) is None:
                break

    def test_what_is_not_there_is_none_of_its_answers(
        self,
        reading: CatalogueReading,
        registry: RegistryService,
        database: Database,
        alice: Principal,
        clock: ManualClock,
    ) -> None:
        with database.write() as connection:
            store.change_model(connection, alice.tenant_id, "zoo", at=clock.now(), deleted_at=clock.now())

        async def ask() -> list[Told | None]:
            plain = {"stage": None, "order": NEWEST_FIRST, "limit": 5, "cursor": None}
            return [
                await reading.version(alice.tenant_id, "iris", 3),
                await reading.version(alice.tenant_id, "iris", 0),
                await reading.version(alice.tenant_id, "iris", 2**40),
                await reading.version("other", "iris", 1),
                await reading.model(alice.tenant_id, "zoo"),
                await reading.model("other", "iris"),
                await reading.versions(alice.tenant_id, "zoo", **plain),  # type: ignore[arg-type] # one for all
                await reading.versions("other", "iris", **plain),  # type: ignore[arg-type]
            ]

        assert anyio.run(ask) == [None] * 8
        nothing = told(reading.models, "other", order=ModelOrder.NAME, limit=5, cursor=None)
        assert nothing.body == b'{"models":[],"next_cursor":null}'

    def test_a_cursor_of_another_order_is_refused(self, reading: CatalogueReading, alice: Principal) -> None:
        page = told(reading.models, alice.tenant_id, order=ModelOrder.NAME, limit=1, cursor=None)
        cursor = ModelsAnswer.model_validate_json(page.body).next_cursor
        with pytest.raises(Invalid, match="cursor"):
            told(reading.models, alice.tenant_id, order=ModelOrder.CREATED, limit=1, cursor=cursor)

    def test_each_answer_is_one_look_up(self, reading: CatalogueReading, database: Database, alice: Principal) -> None:
        with statements(database) as seen:
            told(reading.model, alice.tenant_id, "iris")
            told(reading.version, alice.tenant_id, "iris", 1)
            told(reading.versions, alice.tenant_id, "iris", stage=None, order=NEWEST_FIRST, limit=5, cursor=None)
        assert len(seen) == 3

    def test_a_search_for_words_which_are_in_no_index_is_not_the_event_loops(
        self, reading: CatalogueReading, database: Database, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "look_up", None)
        words = ModelFilter(text="iri")
        found = told(reading.models, alice.tenant_id, words, order=ModelOrder.NAME, limit=5, cursor=None)
        assert [model.name for model in ModelsAnswer.model_validate_json(found.body).models] == ["iris"]
