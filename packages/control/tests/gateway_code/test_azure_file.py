"""What Azure API Management has as a file: applied here it makes the objects, and pulled again it changes nothing."""

from collections.abc import Iterator

import pytest
import yaml
from apim_world import PETRA, ApimWorld, apim_world, document_001

from modelyard.apim.domain import PushedProduct
from modelyard.gateway_code.azure_file import AzureFile, azure_file
from modelyard.gateway_code.domain import Action
from modelyard.gateway_code.reading import SourceFile
from modelyard.gateway_code.service import GatewayCode
from modelyard.main.control_plane import ControlPlane
from modelyard.ports.api_management import ResourceKind, ResourceName


@pytest.fixture
def code(sqlite_control_plane: ControlPlane) -> GatewayCode:
    return sqlite_control_plane.gateway_code.code


@pytest.fixture
def azure() -> Iterator[ApimWorld]:
    """A service to which the objects of our users' document were pushed, and a product."""
    objects = document_001()
    objects.known_products.append(PushedProduct("team", "Team", "for us", [objects.known_apis[0].api_id]))
    with apim_world(objects) as world:
        world.push()
        yield world


def pulled(azure: ApimWorld, code: GatewayCode) -> AzureFile:
    return azure_file(azure.gateway.stored(PETRA), code.declared(PETRA))


def applied(found: AzureFile, code: GatewayCode) -> dict[str, Action]:
    source = SourceFile("gateway.yaml", yaml.safe_dump(dict(found.content)))
    return {
        f"{each.kind}/{each.key}": each.action
        for each in code.apply(PETRA, [source], prunes=True, is_dry=False).changes
    }


def put(azure: ApimWorld, kind: ResourceKind, name: str, **properties: object) -> None:
    """Somebody writes a resource in Azure's portal."""
    where = ResourceName(kind, (name,))
    there = azure.client.find(where)
    azure.client.put(where, {**({} if there is None else there.properties), **properties}, etag=None)


def test_it_makes_the_objects_here_and_pulled_again_it_changes_nothing(azure: ApimWorld, code: GatewayCode) -> None:
    first = pulled(azure, code)
    (api,) = first.content["apis"]
    assert (api["service_url"], api["protocols"]) == ("http://backend-for-ml-model-v1", ["https"])
    assert set(applied(first, code).values()) == {Action.CREATE}
    assert first.content.keys() == {"version_sets", "apis", "products"}
    assert set(applied(pulled(azure, code), code).values()) == {Action.UNCHANGED}


def test_what_was_changed_there_is_the_plan_and_what_azure_cannot_say_stays(
    azure: ApimWorld, code: GatewayCode
) -> None:
    applied(pulled(azure, code), code)
    more = yaml.safe_load(code.export(PETRA))
    more["apis"][0] |= {"release": {"release_id": "first"}, "status": "deprecated"}
    more["products"][0]["limits"] = {"quota": {"calls": 9, "period": "day"}}
    code.apply(PETRA, [SourceFile("more.yaml", yaml.safe_dump(more))], prunes=False, is_dry=False)
    assert set(applied(pulled(azure, code), code).values()) == {Action.UNCHANGED}

    api_id = more["apis"][0]["api_id"]
    put(azure, ResourceKind.API, api_id, description="of the portal")
    assert applied(pulled(azure, code), code)[f"apis/{api_id}"] is Action.UPDATE
    after = yaml.safe_load(code.export(PETRA))
    assert after["apis"][0]["description"] == "of the portal"
    assert after["apis"][0]["release"] == {"release_id": "first"}
    assert after["products"] == more["products"]


def test_what_cannot_stand_in_a_file_is_left_out_by_name(azure: ApimWorld, code: GatewayCode) -> None:
    put(azure, ResourceKind.API, "portal", displayName="Portal", path="portal", protocols=["https"])
    found = pulled(azure, code)
    assert [each.partition(":")[0] for each in found.left_out] == ["apis/portal"]
    assert [each["api_id"] for each in found.content["apis"]] != ["portal"]
