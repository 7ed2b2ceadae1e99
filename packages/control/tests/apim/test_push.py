"""What a push makes of a gateway's objects in Azure API Management, and what it leaves alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from apim_world import BACKEND, PETRA, ApimWorld, apim_world, client_of, document_001, gateway_of
from azure_api_management import ROOT, Entity
from gateway_objects import MADE, a_revision, a_version_set

from modelyard.apim.domain import PushedProduct, Refusal
from modelyard.apim.plan import Action
from modelyard.apim.service import PushOptions
from modelyard.errors import Conflict, Invalid, Precondition, Unavailable
from modelyard.gateway.domain import OnMissing, Target, VersioningScheme
from modelyard.gateway.states import ApiStatus

_API = "apis/ml-model-v1"
_PATHS = {"/predict": {"post": {"responses": {"200": {"description": "OK"}}}}}
_DOCUMENT = {"openapi": "3.0.3", "info": {"title": "churn", "version": "1"}, "paths": _PATHS}


def options(**given: bool) -> PushOptions:
    return PushOptions(**given)


@pytest.fixture
def world() -> Iterator[ApimWorld]:
    with apim_world(document_001()) as found:
        yield found


def _actions(world: ApimWorld, **options: bool) -> dict[str, Action]:
    return {step.name.title: step.action for step in world.plan(**options).steps}


class TestDocument001:
    def test_its_objects_arrive(self, world: ApimWorld) -> None:
        world.push()

        found = {key: world.azure.shown(key)["properties"] for key in world.azure.entities}
        assert found["apiVersionSets/api-version-set"]["displayName"] == "ML Model Serving Versions"
        assert found["apiVersionSets/api-version-set"]["versioningScheme"] == "Segment"
        api = found[f"{_API};rev=1"]
        assert (api["path"], api["apiVersion"], api["protocols"]) == ("ml-model", "v1", ["https"])
        assert api["serviceUrl"] == "http://backend-for-ml-model-v1"
        assert api["description"] == "Version 1 of the ML Model Serving API"
        assert api["apiVersionSetId"] == f"{ROOT}/apiVersionSets/api-version-set"
        release = found[f"{_API}/releases/ml-model-release-v1"]
        assert release == {"apiId": f"{ROOT}/{_API}", "notes": "Initial Release of ML Model v1"}

    def test_a_second_push_writes_nothing(self, world: ApimWorld) -> None:
        world.push()
        world.azure.writes.clear()

        assert world.push() == []
        assert world.azure.writes == []

    def test_an_api_without_a_document_passes_on_every_path(self, world: ApimWorld) -> None:
        world.push()

        operations = world.azure.listed(f"{_API}/operations")
        assert {each["properties"]["urlTemplate"] for each in operations} == {"/*"}
        assert {"GET", "POST"} <= {each["properties"]["method"] for each in operations}


class TestRevisions:
    def test_a_release_makes_another_revision_current_and_a_rollback_the_first_again(self, world: ApimWorld) -> None:
        world.push()
        world.objects.known_revisions.append(a_revision(number=2, target=Target(service_url="http://second")))
        world.objects.release(2, "second", notes="Faster")

        world.push()
        assert world.azure.current["ml-model-v1"] == "2"
        assert world.azure.entities[f"{_API};rev=2"].properties["serviceUrl"] == "http://second"

        world.objects.release(1, "back")
        world.push()
        assert world.azure.current["ml-model-v1"] == "1"
        assert world.push() == []

    def test_a_field_of_all_revisions_is_changed_while_the_second_is_current(self, world: ApimWorld) -> None:
        world.objects.known_revisions.append(a_revision(number=2, target=Target(service_url="http://second")))
        world.push()
        world.objects.release(2, "second")
        world.push()
        world.objects.known_apis = [replace(world.objects.known_apis[0], display_name="Renamed")]
        world.objects.known_revisions[0] = a_revision(target=Target(service_url="http://moved"))

        world.push()
        assert world.azure.entities[f"{_API};rev=2"].properties["displayName"] == "Renamed"
        assert world.azure.entities[f"{_API};rev=1"].properties["serviceUrl"] == "http://moved"

    def test_a_revision_that_somebody_made_current_there_is_taken_back_by_one_more_release(
        self, world: ApimWorld
    ) -> None:
        world.objects.known_revisions.append(a_revision(number=2, target=Target(service_url="http://second")))
        world.push()
        world.azure.current["ml-model-v1"] = "2"

        step = next(step for step in world.plan().changes if step.action is Action.CREATE)
        assert step.differences[0].field == "current revision"
        world.push()
        assert world.azure.current["ml-model-v1"] == "1"
        assert world.push() == []

    def test_a_foreign_revision_that_is_current_gives_its_shared_fields_until_ours_is_released_again(
        self, world: ApimWorld
    ) -> None:
        world.push()
        foreign = Entity({**world.azure.entities[f"{_API};rev=1"].properties, "displayName": "Theirs"})
        world.azure.entities[f"{_API};rev=7"] = Entity({**foreign.properties, "apiRevisionDescription": ""})
        world.azure.current["ml-model-v1"] = "7"
        world.azure.entities[f"{_API};rev=1"].properties["displayName"] = "Theirs"
        world.objects.known_revisions[0] = a_revision(target=Target(service_url="http://moved"))

        world.push(prunes=True)
        assert world.azure.current["ml-model-v1"] == "1"
        assert world.azure.entities[f"{_API};rev=1"].properties["displayName"] == "ML Model Serving v1"
        assert f"{_API};rev=7" in world.azure.entities

    def test_an_offline_revision_is_deleted_also_without_prune(self, world: ApimWorld) -> None:
        world.objects.known_revisions.append(a_revision(number=2, target=Target(service_url="http://second")))
        world.push()
        world.objects.known_revisions[1] = replace(world.objects.known_revisions[1], is_online=False)

        world.push()
        assert f"{_API};rev=2" not in world.azure.entities

    def test_an_api_that_begins_with_a_later_revision_is_made_with_that(self, world: ApimWorld) -> None:
        world.objects.known_revisions[:] = [
            a_revision(target=BACKEND, is_online=False),
            a_revision(number=2, target=Target(service_url="http://second")),
        ]
        world.objects.release(2, "second")

        world.push()
        assert world.azure.current == {"ml-model-v1": "2"}
        assert world.push() == []

    def test_an_api_without_a_release_is_not_pushed_and_named(self, world: ApimWorld) -> None:
        world.objects.releases.clear()

        assert [each.subject for each in world.plan().skipped] == [_API]
        assert world.push() == []


class TestDrift:
    def test_a_changed_field_is_named_with_both_values_and_written_again(self, world: ApimWorld) -> None:
        world.push()
        world.azure.entities[f"{_API};rev=1"].properties["serviceUrl"] = "http://elsewhere"

        step = next(step for step in world.plan().steps if step.action is Action.UPDATE)
        difference = step.differences[0]
        assert (difference.field, difference.wanted, difference.found) == (
            "serviceUrl",
            "http://backend-for-ml-model-v1",
            "http://elsewhere",
        )
        world.push()
        assert world.azure.entities[f"{_API};rev=1"].properties["serviceUrl"] == "http://backend-for-ml-model-v1"

    def test_what_somebody_else_wrote_stays_and_is_reported_even_when_pruned(self, world: ApimWorld) -> None:
        for path in ("apiVersionSets/theirs", "apis/theirs;rev=1", "products/starter"):
            world.azure.entities[path] = Entity({"displayName": "Theirs", "path": "theirs", "description": "theirs"})
        world.azure.current["theirs"] = "1"

        actions = _actions(world, prunes=True)
        assert actions["apis/theirs"] is actions["products/starter"] is Action.FOREIGN
        world.push(prunes=True)
        assert {"apiVersionSets/theirs", "apis/theirs;rev=1", "products/starter"} <= world.azure.entities.keys()

    def test_what_is_ours_and_wanted_no_more_goes_only_when_pruned(self, world: ApimWorld) -> None:
        world.objects.known_products.append(PushedProduct("team", "Team", "", ["ml-model-v1"], calls=5, seconds=60))
        world.push()
        world.objects.known_apis.clear()
        world.objects.known_products.clear()

        assert _actions(world)[_API] is Action.SURPLUS
        assert world.push() == []
        world.push(prunes=True)
        assert world.azure.entities == {}

    def test_a_policy_that_somebody_added_is_surplus(self, world: ApimWorld) -> None:
        world.push()
        policy = "<policies><inbound/><backend/><outbound/><on-error/></policies>"
        world.azure.entities[f"{_API};rev=1/policies/policy"] = Entity({"format": "xml", "value": policy})

        assert _actions(world)[f"{_API}/policies/policy"] is Action.SURPLUS
        world.push(prunes=True)
        assert f"{_API};rev=1/policies/policy" not in world.azure.entities

    def test_another_installations_api_is_not_taken_over_unless_adopted(self, world: ApimWorld) -> None:
        other = gateway_of(document_001(), world.client, world.reach, installation="ffffffff")
        world.push()

        refusals = other.plan(PETRA, options()).refusals
        assert any("the installation '0a1b2c3d' wrote it" in each.reason for each in refusals)
        with pytest.raises(Invalid, match="choose another id"):
            other.make_round(PETRA, options(), say=lambda _: None)
        assert not other.plan(PETRA, options(adopts=True)).refusals

    def test_a_changed_document_is_imported_again(self, world: ApimWorld) -> None:
        world.objects.known_revisions[0] = a_revision(target=Target(model_name="churn"))
        world.reach.documents["churn"] = _DOCUMENT
        world.push()
        operations = world.azure.listed(f"{_API}/operations")
        assert [each["properties"]["urlTemplate"] for each in operations] == ["/predict"]
        assert world.push() == []

        world.reach.documents["churn"] = {**_DOCUMENT, "paths": {**_PATHS, "/health": {"get": {"responses": {}}}}}
        world.push()
        operations = world.azure.listed(f"{_API}/operations")
        assert {each["properties"]["urlTemplate"] for each in operations} == {"/predict", "/health"}
        assert world.azure.entities[f"{_API};rev=1"].properties["serviceUrl"] == "https://models.example.com/churn"


class TestPolicies:
    def test_timeouts_deprecation_and_limits_arrive_and_stay_as_they_are(self, world: ApimWorld) -> None:
        sunset = MADE + timedelta(days=90)
        world.objects.known_apis = [
            replace(world.objects.known_apis[0], status=ApiStatus.DEPRECATED, deprecated_at=MADE, sunset_at=sunset)
        ]
        world.objects.known_revisions[0] = a_revision(target=BACKEND, timeout_seconds=30)
        world.objects.known_products.append(PushedProduct("team", "Team", "", ["ml-model-v1"], calls=5, seconds=60))
        world.push()

        policy = world.azure.entities[f"{_API};rev=1/policies/policy"].properties["value"]
        assert 'forward-request timeout="30"' in policy
        assert f"@{int(MADE.timestamp())}" in policy
        assert 'name="Sunset"' in policy
        limit = world.azure.entities["products/team/policies/policy"].properties["value"]
        assert 'calls="5" renewal-period="60"' in limit
        assert "products/team/apis/ml-model-v1" in world.azure.entities
        assert world.push() == []

    def test_a_retired_api_answers_410_there_too(self, world: ApimWorld) -> None:
        world.objects.known_apis = [
            replace(world.objects.known_apis[0], status=ApiStatus.RETIRED, successor="ml-model-v2")
        ]
        world.push()

        policy = world.azure.entities[f"{_API};rev=1/policies/policy"].properties["value"]
        assert 'code="410"' in policy
        assert "ml-model-v2" in policy


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"on_missing": OnMissing.DEFAULT, "default_version": "v1"}, "on_missing"),
            ({"version_set_id": "a" * 81}, "version_set_id"),
            ({"display_name": "x" * 101}, "display_name"),
        ],
    )
    def test_a_version_set_that_azure_cannot_have(
        self, world: ApimWorld, change: dict[str, object], field: str
    ) -> None:
        world.objects.sets[0] = replace(world.objects.sets[0], **change)  # type: ignore[arg-type]  # Fields of it.

        assert [each.field for each in world.plan().refusals] == [field]

    def test_nothing_is_written_while_a_field_is_refused(self, world: ApimWorld) -> None:
        world.objects.faults.append(Refusal(_API, "traffic.weights", "Azure API Management has none"))

        with pytest.raises(Invalid, match=r"apis/ml-model-v1: traffic\.weights: Azure API Management has none"):
            world.push()
        assert world.azure.writes == []

    @pytest.mark.parametrize("seconds", [0.5, 241, 2.5])
    def test_a_timeout_that_azure_does_not_keep(self, world: ApimWorld, seconds: float) -> None:
        world.objects.known_revisions[0] = a_revision(target=BACKEND, timeout_seconds=seconds)

        assert [each.field for each in world.plan().refusals] == ["revisions.1.timeout_seconds"]

    def test_grpc_is_refused_by_name(self, world: ApimWorld) -> None:
        world.objects.known_apis = [replace(world.objects.known_apis[0], protocols=("https", "grpc"))]

        assert [(each.field, "'grpc'" in each.reason) for each in world.plan().refusals] == [("protocols", True)]

    def test_a_window_of_more_than_five_minutes_is_refused(self, world: ApimWorld) -> None:
        world.objects.known_products.append(PushedProduct("team", "Team", "", [], calls=5, seconds=3600))

        assert [each.field for each in world.plan().refusals] == ["limit"]


class TestHeaderAndQuery:
    @pytest.mark.parametrize("scheme", [VersioningScheme.HEADER, VersioningScheme.QUERY])
    def test_the_parameters_name_arrives(self, world: ApimWorld, scheme: VersioningScheme) -> None:
        world.objects.sets[0] = a_version_set(version_set_id="api-version-set", scheme=scheme, parameter="api-version")
        world.push()

        found = world.azure.entities["apiVersionSets/api-version-set"].properties
        assert found[f"version{scheme.value}Name"] == "api-version"
        assert world.push() == []


class TestInterruptions:
    def test_a_push_that_is_cut_off_anywhere_is_finished_by_the_next(self) -> None:
        """At every write in turn the connection breaks."""
        objects = document_001()
        objects.known_revisions[:] = [
            a_revision(target=Target(model_name="churn")),
            a_revision(number=2, target=Target(model_name="churn", version=2), timeout_seconds=30),
        ]
        objects.release(2, "second")
        with apim_world(objects) as world:
            world.reach.documents["churn"] = _DOCUMENT
            world.push()
            whole, writes = dict(world.azure.entities), len(world.azure.writes)
            assert writes == 5
            for cut_at in range(writes):
                world.azure.entities.clear()
                world.azure.current.clear()
                left = iter(range(cut_at, -1, -1))

                def cut(_: str, left: Iterator[int] = left) -> None:
                    if next(left, -1) == 0:
                        raise ConnectionResetError

                world.azure.before_write = cut
                with pytest.raises(Unavailable):
                    world.push()
                world.push()
                assert world.azure.entities.keys() == whole.keys()
                assert world.azure.current == {"ml-model-v1": "2"}

    def test_a_write_between_plan_and_push_is_seen(self, world: ApimWorld) -> None:
        world.push()
        entity = world.azure.entities[f"{_API};rev=1"]
        entity.properties["serviceUrl"] = "http://elsewhere"

        def change(_: str) -> None:
            entity.version += 1

        world.azure.before_write = change
        with pytest.raises(Precondition, match="somebody else has changed it"):
            world.push()

    def test_a_failed_import_says_why(self, world: ApimWorld) -> None:
        world.azure.fails_operations = "Parsing error(s): the document is not valid."

        with pytest.raises(Invalid, match="Parsing error"):
            world.push()

    def test_azure_may_ask_to_be_asked_later(self, world: ApimWorld) -> None:
        world.azure.refused = {f"PUT {_API}": 2, "GET apis": 1}

        world.push()
        assert world.push() == []

    def test_no_right_to_write_is_said(self, world: ApimWorld) -> None:
        world.azure.forbids = True

        with pytest.raises(Conflict, match="does not let the control plane"):
            world.push()

    def test_a_wrong_token_is_not_quoted(self) -> None:
        with apim_world(document_001(), token="very-secret") as world, pytest.raises(Conflict) as caught:
            world.push()
        assert "very-secret" not in str(caught.value)

    def test_no_token_goes_to_another_host(self, world: ApimWorld) -> None:
        address = world.azure.url
        world.azure.url = "http://127.0.0.1:9"

        with pytest.raises(Unavailable, match="another host"):
            world.push()
        world.azure.url = address
        client_of(world.azure).close()
