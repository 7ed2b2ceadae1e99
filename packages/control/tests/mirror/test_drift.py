"""What differs between our tables and the tracker is reported, and repaired."""

from collections.abc import Callable

import pytest
from mirror_desk import Desk
from sqlalchemy import update

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.mirror.parts import MirrorParts
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.registry.tables import versions

LogModel = Callable[..., LoggedModel]


@pytest.fixture
def mirrored(
    parts: MirrorParts, registry: RegistryService, alice: Principal, log_model: LogModel, desk: Desk
) -> list[Version]:
    """Three versions of `iris`, all shown: the first in production, the second in staging."""
    made = [registry.register(alice, model_name="iris", logged=log_model()) for _ in range(3)]
    desk.move(1, Stage.STAGING, Stage.PRODUCTION)
    desk.move(2, Stage.STAGING)
    for version in made:
        parts.service.show("default", "iris", version.version)
    assert desk.report() == []
    return made


Spoil = Callable[[FakeRegisteredModels], None]


def retag(registered: FakeRegisteredModels) -> None:
    for key in ("a", "b", "modelyard.stage"):
        registered.tag_version("iris", 3, key, "x")


SPOILT: dict[str, tuple[Spoil, list[str]]] = {
    "the model was deleted": (
        lambda registered: registered.drop_model("iris"),
        ["model_missing", *["version_missing"] * 3],
    ),
    "a version was deleted": (lambda registered: registered.drop_version("iris", 3), ["version_missing"]),
    "the version in production was deleted": (
        lambda registered: registered.drop_version("iris", 1),
        ["alias", "version_missing"],
    ),
    "production points at another": (lambda registered: registered.set_alias("iris", "production", 3), ["alias"]),
    "staging points at nothing": (lambda registered: registered.set_alias("iris", "staging", None), ["alias"]),
    "a tag is another": (lambda registered: registered.tag_version("iris", 1, "by", "you"), ["tag"]),
    "a tag is missing": (lambda registered: registered.tag_version("iris", 1, "by", None), ["tag"]),
    "a tag is none of ours": (lambda registered: registered.tag_version("iris", 1, "ok", "yes"), ["tag"]),
    "a tag of the model is none of ours": (lambda registered: registered.tag_model("iris", "ok", "yes"), ["tag"]),
    "our mark was taken away": (
        lambda registered: registered.tag_version("iris", 1, "modelyard.version", None),
        ["tag"],
    ),
    "our mark names another": (lambda registered: registered.tag_version("iris", 1, "modelyard.version", "2"), ["tag"]),
    "a description is another": (
        lambda registered: registered.describe_version("iris", 2, "mine"),
        ["description"],
    ),
    "the model's description is another": (lambda registered: registered.describe_model("iris", "x"), ["description"]),
    "it was moved in MLflow": (lambda registered: registered.move("iris", 3, "Production"), ["stage"]),
    "several tags are others": (retag, ["tag", "tag", "tag"]),
}


class TestReport:
    @pytest.mark.parametrize(("spoil", "kinds"), SPOILT.values(), ids=SPOILT.keys())
    def test_every_difference_is_reported_and_repaired(
        self, desk: Desk, mirrored: list[Version], registered: FakeRegisteredModels, spoil: Spoil, kinds: list[str]
    ) -> None:
        spoil(registered)
        assert desk.kinds() == kinds
        repaired = desk.repair()
        assert all(outcome.is_settled for outcome in repaired)
        assert desk.report() == []
        found = registered.model("iris")
        assert found is not None
        ours = {shown.number: shown.tags["modelyard.version"] for shown in registered.versions("iris")}
        assert sorted(ours.values()) == ["1", "2", "3"]
        assert {alias: ours[number] for alias, number in found.aliases.items()} == {"production": "1", "staging": "2"}

    def test_it_changes_nothing(self, desk: Desk, mirrored: list[Version], registered: FakeRegisteredModels) -> None:
        registered.drop_version("iris", 2)
        registered.tag_version("iris", 1, "by", "you")
        assert desk.report() == desk.report()
        assert registered.version("iris", 2) is None

    def test_it_says_what_was_expected_and_what_was_found(
        self, desk: Desk, mirrored: list[Version], registered: FakeRegisteredModels
    ) -> None:
        registered.set_alias("iris", "production", 3)
        registered.set_alias("iris", "staging", registered.register("iris", "runs:/x/y").number)
        assert desk.report() == [
            "alias 'production' points at version 3; in production is version 1",
            "alias 'staging' points at MLflow's version 4; in staging is version 2",
            "registered in the tracker",
        ]

    def test_a_model_of_another_tenant_is_none_of_ones_business(
        self,
        desk: Desk,
        parts: MirrorParts,
        registry: RegistryService,
        stranger: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        registry.register(stranger, model_name="roses", logged=log_model())
        assert desk.report() == []
        theirs = parts.reconciliation.report(stranger, limit=50, cursor=None)
        assert [outcome.drift.kind for outcome in theirs.outcomes] == ["model_missing", "version_missing"]

    def test_a_tracker_that_is_away_is_reported(
        self, desk: Desk, mirrored: list[Version], tracking: FakeTracking
    ) -> None:
        tracking.is_available = False
        with pytest.raises(Unavailable):
            desk.report()


class TestSurplus:
    def test_the_mirror_of_a_deleted_version_is_surplus_and_goes(
        self,
        desk: Desk,
        mirrored: list[Version],
        registered: FakeRegisteredModels,
        database: Database,
        clock: ManualClock,
    ) -> None:
        with database.write() as connection:
            connection.execute(update(versions).where(versions.c.version == 3).values(deleted_at=clock.now()))
        assert desk.report() == ["version 3 was deleted"]
        desk.repair()
        assert [shown.number for shown in registered.versions("iris")] == [1, 2]
        assert desk.report() == []

    def test_a_second_mirror_of_a_version_is_surplus_and_goes(
        self, desk: Desk, mirrored: list[Version], registered: FakeRegisteredModels
    ) -> None:
        first = registered.version("iris", 1)
        assert first is not None
        registered.register("iris", first.source, run_id=first.run_id, tags=first.tags)
        assert desk.report() == ["a second mirror of version 1"]
        desk.repair()
        assert [shown.number for shown in registered.versions("iris")] == [1, 2, 3]


class TestRepair:
    def test_what_cannot_be_repaired_says_why_and_holds_up_nothing(
        self,
        desk: Desk,
        mirrored: list[Version],
        tracking: FakeTracking,
        registered: FakeRegisteredModels,
    ) -> None:
        tracking.forget(mirrored[0].model_uri)
        registered.drop_version("iris", 1)
        registered.drop_version("iris", 3)
        reasons = {outcome.drift.version: outcome for outcome in desk.repair() if outcome.drift.key is None}
        assert (reasons[1].is_settled, reasons[3].is_settled) == (False, True)
        assert reasons[1].drift.reason.endswith(f"The tracker has no model '{mirrored[0].model_uri}'.")
        assert [shown.tags["modelyard.version"] for shown in registered.versions("iris")] == ["2", "3"]

    def test_many_versions_are_compared_page_by_page(
        self,
        desk: Desk,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("modelyard.mirror.examination._CHUNK", 3)
        for _ in range(10):
            registry.register(alice, model_name="iris", logged=log_model())
        assert len(desk.repair()) == 11
        for number in (1, 4, 5, 6, 10):
            registered.drop_version("iris", number)
        assert desk.kinds() == ["version_missing"] * 5
        desk.repair()
        assert desk.report() == []
        assert len(list(registered.versions("iris"))) == 10
