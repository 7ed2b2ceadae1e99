"""A program of Pulumi in Python that declares resources of Azure API Management. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.apim.domain import Resource
from modelyard.apim.export.declared import Declared, NewService
from modelyard.ports.api_management import ResourceKind, ResourceName

_CLASSES: Mapping[ResourceKind, tuple[str, tuple[str, ...]]] = {
    ResourceKind.VERSION_SET: ("ApiVersionSet", ("version_set_id",)),
    ResourceKind.API: ("Api", ("api_id",)),
    ResourceKind.OPERATION: ("ApiOperation", ("api_id", "operation_id")),
    ResourceKind.API_POLICY: ("ApiPolicy", ("api_id", "policy_id")),
    ResourceKind.RELEASE: ("ApiRelease", ("api_id", "release_id")),
    ResourceKind.PRODUCT: ("Product", ("product_id",)),
    ResourceKind.PRODUCT_API: ("ProductApi", ("product_id", "api_id")),
    ResourceKind.PRODUCT_POLICY: ("ProductPolicy", ("product_id", "policy_id")),
}
"""The class of each kind, and the arguments that take its names."""
_ALREADY_NAMED = {ResourceKind.RELEASE: frozenset({"api_id"})}
"""Where a property has the name of such an argument: the property stands."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def pulumi_program(what: Declared) -> str:
    """The program, as a file's text. It needs pulumi and pulumi-azure-native."""
    parts = [_head(what), _service(what.service), *(_resource(each, what) for each in what.resources)]
    parts.append('pulumi.export("apiManagementServiceIp", service.public_ip_addresses)')
    return "\n\n".join(parts) + "\n"


def _head(what: Declared) -> str:
    notes = "".join(f"# {note}\n" for note in what.notes)
    from_resources = ", resources" if what.service is not None else ""
    return (
        f'"""Version sets, APIs and releases, exported by Modelyard."""\n{notes}\n'
        f"import pulumi\nfrom pulumi_azure_native import apimanagement as apim{from_resources}"
    )


def _service(new: NewService | None) -> str:
    if new is None:
        return (
            "config = pulumi.Config()\n"
            'resource_group_name = config.require("resourceGroupName")\n'
            "service = apim.get_api_management_service_output(\n"
            "    resource_group_name=resource_group_name,\n"
            '    service_name=config.require("serviceName"),\n'
            ")"
        )
    return (
        'resource_group = resources.ResourceGroup("resourceGroup")\n'
        "resource_group_name = resource_group.name\n"
        "service = apim.ApiManagementService(\n"
        '    "apiManagementService",\n'
        "    resource_group_name=resource_group_name,\n"
        "    location=resource_group.location,\n"
        f"    publisher_name={_text(new.publisher_name)},\n"
        f"    publisher_email={_text(new.publisher_email)},\n"
        f'    sku={{"name": {_text(new.sku)}, "capacity": {new.capacity}}},\n'
        ")"
    )


def _resource(resource: Resource, what: Declared) -> str:
    kind, names = _CLASSES[resource.name.kind]
    lines = [
        f"{what.symbols[resource.name]} = apim.{kind}(",
        f'    "{what.symbols[resource.name]}",',
        "    resource_group_name=resource_group_name,",
        "    service_name=service.name,",
        *(f"    {argument}," for argument in _names(resource, names, what)),
        *(f"    {_snake(key)}={_value(value, what)}," for key, value in resource.properties.items()),
        ")",
    ]
    return "\n".join(lines)


def _names(resource: Resource, arguments: tuple[str, ...], what: Declared) -> Iterator[str]:
    """Its own name as text, and those of others by their variables, so that Pulumi makes them first."""
    kind, names = resource.name.kind, resource.name.names
    for index, argument in enumerate(arguments):
        if argument in _ALREADY_NAMED.get(kind, ()):
            continue
        other = resource.name.parent if index == 0 else None
        if kind is ResourceKind.PRODUCT_API and index == 1:
            other = ResourceName(ResourceKind.API, (names[1],))
        symbol = None if other is None else what.symbols.get(other)
        yield f"{argument}={_text(names[index])}" if symbol is None else f"{argument}={symbol}.name"


def _value(value: Any, what: Declared) -> str:
    if isinstance(value, ResourceName):
        return f"{what.symbols[value]}.id"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_value(each, what)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(_value(each, what) for each in value)}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    """A literal of JSON is one of Python, with the same escapes."""
    return json.dumps(value)


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[1].lower()}", name)
