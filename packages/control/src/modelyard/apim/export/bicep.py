"""A file of Bicep that declares resources of Azure API Management. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.apim.domain import Resource
from modelyard.apim.export.declared import Declared, NewService
from modelyard.ports.api_management import ResourceKind, ResourceName

_API_VERSION = "2024-05-01"
_SERVICE = "Microsoft.ApiManagement/service"


def bicep_file(what: Declared) -> str:
    """The file's text. Its scope is the resource group of the service."""
    parts = [
        "// Version sets, APIs and releases, exported by Modelyard.\n"
        + "".join(f"// {note}\n" for note in what.notes)
        + "targetScope = 'resourceGroup'",
        _service(what.service),
        *(_resource(each, what) for each in what.resources),
    ]
    return "\n\n".join(parts) + "\n"


def _service(new: NewService | None) -> str:
    head = (
        "@description('The name of the service.')\nparam serviceName string\n\n"
        f"resource service '{_SERVICE}@{_API_VERSION}'"
    )
    if new is None:
        return f"{head} existing = {{\n  name: serviceName\n}}"
    return (
        f"param location string = resourceGroup().location\n\n{head} = {{\n"
        "  name: serviceName\n"
        "  location: location\n"
        f"  sku: {{\n    name: {_text(new.sku)}\n    capacity: {new.capacity}\n  }}\n"
        f"  properties: {{\n    publisherName: {_text(new.publisher_name)}\n"
        f"    publisherEmail: {_text(new.publisher_email)}\n  }}\n"
        "}\n\n"
        "output apiManagementServiceIp array = service.properties.publicIPAddresses"
    )


def _resource(resource: Resource, what: Declared) -> str:
    name = resource.name
    parent = "service" if name.parent is None else what.symbols[name.parent]
    lines = [
        f"resource {what.symbols[name]} '{_SERVICE}/{name.kind.value}@{_API_VERSION}' = {{",
        f"  parent: {parent}",
        f"  name: {_text(name.names[-1])}",
        *_properties(resource, what),
        *_needs(resource, what),
        "}",
    ]
    return "\n".join(lines)


def _properties(resource: Resource, what: Declared) -> Iterator[str]:
    if resource.properties:
        yield "  properties: {"
        for key, value in resource.properties.items():
            yield f"    {key}: {_value(value, what, indent=4)}"
        yield "  }"


def _needs(resource: Resource, what: Declared) -> Iterator[str]:
    """What Bicep cannot see in it: a product has an API by the API's name alone."""
    api = ResourceName(ResourceKind.API, (resource.name.names[-1],))
    if resource.name.kind is ResourceKind.PRODUCT_API and api in what.symbols:
        yield "  dependsOn: ["
        yield f"    {what.symbols[api]}"
        yield "  ]"


def _value(value: Any, what: Declared, *, indent: int) -> str:
    if isinstance(value, ResourceName):
        return f"{what.symbols[value]}.id"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = " " * (indent + 2)
        lines = "\n".join(f"{inner}{key}: {_value(each, what, indent=indent + 2)}" for key, each in value.items())
        return f"{{\n{lines}\n{' ' * indent}}}"
    if isinstance(value, list):
        inner = " " * (indent + 2)
        return (
            "[\n" + "".join(f"{inner}{_value(each, what, indent=indent + 2)}\n" for each in value) + f"{' ' * indent}]"
        )
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(value: str) -> str:
    """A string of Bicep, in which nothing is an expression."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    for letter, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(letter, escape)
    return f"'{escaped}'"
