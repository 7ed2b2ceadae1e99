"""Searching models and versions, on both databases."""

from collections.abc import Callable, Mapping
from itertools import combinations, permutations
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from rules import follow_nothing
from sqlalchemy import text

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.db import database as database_module
from modelyard.errors import Invalid
from modelyard.outbox.service import Outbox
from modelyard.paging import encode_cursor
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.editing import Editing
from modelyard.registry.search.filters import (
    NEWEST_FIRST,
    ModelFilter,
    ModelOrder,
    VersionFilter,
    VersionOrder,
    parse_metrics,
    parse_tags,
)
from modelyard.registry.search.pages import page_of_versions
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage

Register = Callable[..., int]


@pytest.fixture
def register(registry: RegistryService, alice: Principal, log_model: Callable[..., LoggedModel]) -> Register:
    """Registers the next version of a model with these tags and metrics."""

    def one(name: str = "iris", *, tags: Mapping[str, str] | None = None, auc: float | None = None) -> int:
        logged = log_model(metrics=None if auc is None else {"auc": auc})
        return registry.register(
            alice, model_name=name, logged=logged, tags=tags, description=f"{name} Was Made"
        ).version

    return one


@pytest.fixture
def editing(database: Database, clock: ManualClock, audit: AuditLog, outbox: Outbox) -> Editing:
    return Editing(database=database, clock=clock, audit=audit, outbox=outbox, after_edit=follow_nothing)


@pytest.fixture
def stage(
    database: Database, clock: ManualClock, audit: AuditLog, outbox: Outbox, alice: Principal
) -> Callable[..., None]:
    mover = StageMover(clock=clock, audit=audit, outbox=outbox)

    def move(registry: RegistryService, name: str, number: int, to: Stage) -> None:
        with database.write() as connection:
            found = registry.version_within(connection, alice, name, number)
            mover.move(connection, alice, found, to, reason="test")

    return move


def tags(*texts: str) -> ModelFilter:
    return ModelFilter(tags=parse_tags(texts))


class TestModels:
    @pytest.fixture(autouse=True)
    def catalogue(
        self,
        register: Register,
        registry: RegistryService,
        editing: Editing,
        alice: Principal,
        stage: Callable[..., None],
    ) -> None:
        register("a", tags={"team": "fraud", "kind": "tree"}, auc=0.7)
        register("a", tags={"kind": "net"}, auc=0.95)
        register("b", tags={"team": "churn"}, auc=0.9)
        register("c", auc=0.5)
        stage(registry, "a", 1, Stage.STAGING)
        stage(registry, "b", 1, Stage.STAGING)
        editing.edit_model(
            alice,
            "c",
            description="Der 100%_Fall",
            tags={"team": "fraud", "site": "ulm"},
            owners=["ada"],
            revision=None,
        )

    @pytest.mark.parametrize(
        ("which", "names"),
        [
            (ModelFilter(), ["a", "b", "c"]),
            (ModelFilter(stage=Stage.STAGING), ["a", "b"]),
            (ModelFilter(stage=Stage.PRODUCTION), []),
            (tags("team:fraud"), ["a", "c"]),
            (tags("team:fraud", "kind:tree"), ["a"]),
            (tags("team:fraud", "kind:net"), []),  # Of two versions, so of none.
            (tags("team:fraud", "site:ulm"), ["c"]),
            (tags("team:fra"), []),
            (ModelFilter(metrics=parse_metrics(["auc>=0.9"])), ["a", "b"]),
            (ModelFilter(metrics=parse_metrics(["auc>0.5", "auc<0.95", "auc!=0.7"])), ["b"]),
            (ModelFilter(metrics=parse_metrics(["auc=0.5"])), ["c"]),
            (ModelFilter(stage=Stage.STAGING, metrics=parse_metrics(["auc>=0.9"])), ["b"]),
            (ModelFilter(tags=parse_tags(["site:ulm"]), metrics=parse_metrics(["auc<=0.5"])), ["c"]),
            (ModelFilter(owner="ada"), ["c"]),
            (ModelFilter(owner="bob"), []),
            (ModelFilter(text="der 100%_f"), ["c"]),
            (ModelFilter(text="100__F"), []),
            (ModelFilter(text="B"), ["b"]),
        ],
    )
    def test_a_filter_finds_what_meets_all_of_it(
        self, registry: RegistryService, alice: Principal, stranger: Principal, which: ModelFilter, names: list[str]
    ) -> None:
        assert [model.name for model in registry.models(alice, which).items] == names
        assert registry.models(stranger, which).items == []

    @pytest.mark.parametrize("few", [500, 0])
    def test_several_tags_are_met_by_one_version_and_its_model(
        self, registry: RegistryService, alice: Principal, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        """Whatever the order of the tags, and whether the models that have them count as many."""
        monkeypatch.setattr("modelyard.registry.search.models._FEW", few)
        held = {
            name: [
                {*version.tags.items(), *registry.model(alice, name).tags.items()}
                for version in registry.versions(alice, name)
            ]
            for name in "abc"
        }
        known = ["team:fraud", "team:churn", "kind:tree", "kind:net", "site:ulm", "x:y"]
        for texts in [*permutations(known, 1), *permutations(known, 2), *combinations(known, 3)]:
            which = tags(*texts)
            wanted = {(tag.key, tag.value) for tag in which.tags}
            names = [name for name, versions in held.items() if any(wanted <= found for found in versions)]
            assert [model.name for model in registry.models(alice, which).items] == names, texts

    @pytest.mark.parametrize("order", ModelOrder)
    @pytest.mark.parametrize("limit", [1, 2])
    def test_pages_hold_each_model_once_in_every_order(
        self, registry: RegistryService, alice: Principal, order: ModelOrder, limit: int
    ) -> None:
        whole = [model.name for model in registry.models(alice, order=order).items]
        seen: list[str] = []
        cursor = None
        while True:
            page = registry.models(alice, order=order, limit=limit, cursor=cursor)
            seen += [model.name for model in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert seen == whole == sorted("abc", reverse=order.is_descending)

    @pytest.mark.parametrize(
        "cursor",
        [encode_cursor("name", "a"), encode_cursor("created_at", "soon", "a"), encode_cursor("created_at", "a")],
    )
    def test_a_cursor_of_another_order_is_refused(
        self, registry: RegistryService, alice: Principal, cursor: str
    ) -> None:
        with pytest.raises(Invalid, match="cursor"):
            registry.models(alice, order=ModelOrder.CREATED, cursor=cursor)


class TestVersions:
    @pytest.fixture(autouse=True)
    def catalogue(self, register: Register, registry: RegistryService, stage: Callable[..., None]) -> None:
        for number, auc in enumerate([0.5, 0.9, 0.7, 0.9], start=1):
            register("a", tags={"parity": "odd" if number % 2 else "even", "team": "fraud"}, auc=auc)
        register("b", tags={"parity": "odd"}, auc=0.9)
        stage(registry, "a", 3, Stage.STAGING)

    @pytest.mark.parametrize(
        ("which", "numbers"),
        [
            (VersionFilter(), [4, 3, 2, 1]),
            (VersionFilter(stage=Stage.STAGING), [3]),
            (VersionFilter(tags=parse_tags(["parity:odd"])), [3, 1]),
            (VersionFilter(tags=parse_tags(["parity:odd", "team:fraud"]), stage=Stage.NONE), [1]),
            (VersionFilter(metrics=parse_metrics(["auc>=0.7"])), [4, 3, 2]),
            (VersionFilter(metrics=parse_metrics(["auc>=0.7"]), tags=parse_tags(["parity:even"])), [4, 2]),
            (VersionFilter(text="a was"), [4, 3, 2, 1]),
            (VersionFilter(text="b was"), []),
        ],
    )
    def test_a_filter_finds_what_meets_all_of_it(
        self, registry: RegistryService, alice: Principal, which: VersionFilter, numbers: list[int]
    ) -> None:
        found = registry.page_of_versions(alice, "a", which)
        assert [version.version for version in found.items] == numbers

    @pytest.mark.parametrize(
        ("order", "numbers"),
        [
            (VersionOrder(is_descending=False), [1, 2, 3, 4]),
            (VersionOrder(metric="auc"), [4, 2, 3, 1]),
            (VersionOrder(metric="auc", is_descending=False), [1, 3, 2, 4]),
            (VersionOrder(metric="loss"), []),
        ],
    )
    def test_pages_hold_each_version_once_in_every_order(
        self, registry: RegistryService, alice: Principal, order: VersionOrder, numbers: list[int]
    ) -> None:
        seen: list[int] = []
        cursor = None
        while True:
            page = registry.page_of_versions(alice, "a", order=order, limit=1, cursor=cursor)
            seen += [version.version for version in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert seen == numbers

    @pytest.mark.parametrize(
        "cursor",
        [encode_cursor("version", "1"), encode_cursor("-version", "x"), encode_cursor("-version", "9" * 30)],
    )
    def test_a_cursor_that_is_none_of_this_list_is_refused(
        self, registry: RegistryService, alice: Principal, cursor: str
    ) -> None:
        with pytest.raises(Invalid, match="cursor"):
            registry.page_of_versions(alice, "a", cursor=cursor)


class TestMigration:
    def test_versions_of_before_are_found_by_their_tags_and_metrics(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/old.db")
        config = Config()
        config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
        with database._writer.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.execute(
                text(
                    "INSERT INTO models (tenant_id, name, description, tags, last_version, created_at, updated_at) "
                    "VALUES ('default', 'iris', '', '{}', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO versions (tenant_id, model_name, version, stage, model_uri, artifact_uri, "
                    "description, tags, metrics, parameters, manifest_digest, size, created_at, "
                    "created_by, revision) VALUES "
                    "('default', 'iris', 1, 'none', 'm', 'm', '', :tags, :metrics, '{}', 'd', 1, "
                    "'2026-01-01 00:00:00', 'ada', 1)"
                ),
                {"tags": '{"team": "fraud"}', "metrics": '{"auc": 0.9, "loss": null}'},
            )
        database.migrate()
        which = VersionFilter(tags=parse_tags(["team:fraud"]), metrics=parse_metrics(["auc>0.8"]))
        with database.read() as connection:
            found = page_of_versions(connection, "default", "iris", which, order=NEWEST_FIRST, limit=5, cursor=None)
        assert [version.version for version in found.items] == [1]
        database.close()
