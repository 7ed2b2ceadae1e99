"""Edits of models and versions: compared with what the caller saw, audited, mirrored, found by the next search."""

import pytest
from rules import follow_nothing

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Invalid, NotFound, Precondition
from modelyard.mirror.service import MirrorService
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.outbox.service import Outbox
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.editing import MAX_TAGS, Editing
from modelyard.registry.search.filters import ModelFilter, VersionFilter, parse_tags
from modelyard.registry.service import RegistryService


@pytest.fixture
def editing(database: Database, clock: ManualClock, audit: AuditLog, outbox: Outbox) -> Editing:
    return Editing(database=database, clock=clock, audit=audit, outbox=outbox, after_edit=follow_nothing)


class TestModels:
    def test_what_is_named_changes_and_the_rest_stays(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService, audit: AuditLog
    ) -> None:
        editing.edit_model(
            alice, "iris", description="flowers", tags={"a": "1", "b": "2"}, owners=["ada", "ada"], revision=None
        )
        edited = editing.edit_model(alice, "iris", description=None, tags={"a": None}, owners=None, revision=None)
        assert (edited.description, edited.tags, edited.owners) == ("flowers", {"b": "2"}, ("ada",))
        assert registry.model(alice, "iris") == edited
        assert [entry.after for entry in audit.entries("default", subject="models/iris")][1:] == [
            {"description": "flowers", "tags": {"a": "1", "b": "2"}, "owners": ["ada"]},
            {"tags": {"b": "2"}},
        ]

    def test_a_stale_revision_is_refused_and_a_fresh_one_is_not(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService
    ) -> None:
        seen = registry.model(alice, "iris").revision
        editing.edit_model(alice, "iris", description="one", tags={}, owners=None, revision=seen)
        with pytest.raises(Precondition) as raised:
            editing.edit_model(alice, "iris", description="two", tags={}, owners=None, revision=seen)
        assert raised.value.code == "revision_changed"
        assert registry.model(alice, "iris").description == "one"

    def test_a_change_that_changes_nothing_leaves_no_trace(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService, audit: AuditLog
    ) -> None:
        before = registry.model(alice, "iris")
        assert editing.edit_model(alice, "iris", description="", tags={"x": None}, owners=[], revision=None) == before
        assert [entry.action for entry in audit.entries("default", subject="models/iris")] == ["model.created"]

    def test_a_search_finds_the_new_tags_and_not_the_old(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService
    ) -> None:
        editing.edit_model(alice, "iris", description=None, tags={"team": "a"}, owners=["ada"], revision=None)
        editing.edit_model(alice, "iris", description=None, tags={"team": "b"}, owners=["bob"], revision=None)

        def found(which: ModelFilter) -> int:
            return len(registry.models(alice, which).items)

        assert [found(ModelFilter(tags=parse_tags([tag]))) for tag in ("team:a", "team:b")] == [0, 1]
        assert [found(ModelFilter(owner=owner)) for owner in ("ada", "bob")] == [0, 1]

    def test_what_nobody_can_own_or_tag_is_refused(self, editing: Editing, alice: Principal, version: Version) -> None:
        with pytest.raises(Invalid, match=r"owners\.0"):
            editing.edit_model(alice, "iris", description=None, tags={}, owners=["modelyard"], revision=None)
        with pytest.raises(Invalid, match="the platform's own"):
            editing.edit_model(alice, "iris", description=None, tags={"modelyard.x": "1"}, owners=None, revision=None)

    def test_another_tenants_model_is_not_found(
        self, editing: Editing, stranger: Principal, version: Version, registry: RegistryService
    ) -> None:
        with pytest.raises(NotFound):
            editing.edit_model(stranger, "iris", description="mine", tags={}, owners=None, revision=None)


class TestVersions:
    def test_its_description_and_tags_change_with_its_revision(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService, audit: AuditLog
    ) -> None:
        edited = editing.edit_version(
            alice, "iris", 1, description="good", tags={"by": "you", "new": "1"}, revision=version.revision
        )
        assert (edited.description, edited.tags) == ("good", {"by": "you", "new": "1"})
        assert edited.revision == version.revision + 1
        assert registry.version(alice, "iris", 1) == edited
        entry = audit.entries("default", subject="models/iris/versions/1")[-1]
        assert (entry.action, entry.before) == ("version.edited", {"description": "", "tags": {"by": "me"}})

    def test_a_stale_revision_is_refused(self, editing: Editing, alice: Principal, version: Version) -> None:
        editing.edit_version(alice, "iris", 1, description="one", tags={}, revision=version.revision)
        with pytest.raises(Precondition):
            editing.edit_version(alice, "iris", 1, description="two", tags={}, revision=version.revision)

    def test_the_tracker_shows_it(
        self,
        editing: Editing,
        alice: Principal,
        version: Version,
        delivery: OutboxDelivery,
        mirror: MirrorService,
        registered: FakeRegisteredModels,
    ) -> None:
        assert delivery.deliver_due() == 1  # The registration's own message, which would show the edits too.
        editing.edit_version(alice, "iris", 1, description="good", tags={"new": "1"}, revision=None)
        editing.edit_model(alice, "iris", description="flowers", tags={"team": "a"}, owners=None, revision=None)
        assert delivery.deliver_due() == 2
        shown, model = registered.version("iris", 1), registered.model("iris")
        assert shown is not None
        assert model is not None
        assert (shown.description, shown.tags["new"]) == ("good", "1")
        assert (model.description, model.tags) == ("flowers", {"team": "a"})

    def test_a_search_finds_the_new_tags_and_not_the_old(
        self, editing: Editing, alice: Principal, version: Version, registry: RegistryService
    ) -> None:
        editing.edit_version(alice, "iris", 1, description=None, tags={"by": "you"}, revision=None)

        def found(tag: str) -> int:
            return len(registry.page_of_versions(alice, "iris", VersionFilter(tags=parse_tags([tag]))).items)

        assert [found("by:me"), found("by:you")] == [0, 1]

    def test_there_is_an_end_to_how_many_tags(self, editing: Editing, alice: Principal, version: Version) -> None:
        tags = {f"tag-{number}": "x" for number in range(MAX_TAGS)}
        with pytest.raises(Invalid, match="at most 100 in all, got 101"):
            editing.edit_version(alice, "iris", 1, description=None, tags=tags, revision=None)

    @pytest.mark.parametrize("number", [0, 2, 10**20])
    def test_a_version_that_is_not_there_is_not_found(
        self, editing: Editing, alice: Principal, version: Version, number: int
    ) -> None:
        with pytest.raises(NotFound):
            editing.edit_version(alice, "iris", number, description="x", tags={}, revision=None)
