"""What a program declares: resources with the names of a service that has none of them yet, and a symbol for each."""

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelyard.apim.domain import Resource, Wanted, located
from modelyard.ports.api_management import ResourceName

_NOT_IN_A_SYMBOL = re.compile(r"[^0-9A-Za-z]+")
_RESERVED = frozenset(
    {"apim", "config", "json", "param", "pulumi", "resource", "resource_group", "resources", "service"}
)


@dataclass(frozen=True, slots=True)
class NewService:
    """A service that the program makes, with its resource group, in place of naming one that is there."""

    publisher_name: str
    publisher_email: str
    sku: str = "Consumption"
    capacity: int = 0
    """Of the Consumption tier 0, of the others 1 or more."""


@dataclass(frozen=True, slots=True)
class Declared:
    """All resources, each after those that it needs."""

    resources: Sequence[Resource]
    symbols: Mapping[ResourceName, str]
    """The variable that holds each: letters, digits and `_`, unique."""
    notes: Sequence[str]
    """What a reader must know of what the program does not do."""
    service: NewService | None = None


def declared(wanted: Wanted, *, service: NewService | None = None) -> Declared:
    """What a program declares."""
    resources = [located(each, wanted.first) for each in wanted.resources]
    notes = [" ".join(note.split()) for note in _notes(wanted)]  # Each is one line of a comment.
    return Declared(resources, _symbols(resources), notes, service)


def references(resource: Resource) -> Iterator[ResourceName]:
    """What it needs besides its parent."""
    for value in resource.properties.values():
        if isinstance(value, ResourceName):
            yield value


def _symbols(resources: Sequence[Resource]) -> Mapping[ResourceName, str]:
    found: dict[ResourceName, str] = {}
    for resource in resources:
        kind = resource.name.kind.value.split("/")[-1].rstrip("s")
        words = _NOT_IN_A_SYMBOL.sub("_", "_".join(resource.name.names)).strip("_").lower()
        symbol = words if words and not words[0].isdigit() else f"{kind}_{words}"
        if symbol in _RESERVED or keyword.iskeyword(symbol) or symbol in found.values():
            symbol = f"{_NOT_IN_A_SYMBOL.sub('_', kind).lower()}_{symbol}"
        while symbol in found.values():
            symbol += "_"
        found[resource.name] = symbol
    return found


def _notes(wanted: Wanted) -> Iterator[str]:
    yield from (f"{each.subject} is left out: {each.reason}." for each in wanted.skipped)
    for api_id, number in wanted.current.items():
        if wanted.first.get(api_id) != number:
            yield (
                f"apis/{api_id}: the release makes revision {number} current, and Azure then knows it by the API's own "
                f"id, and revision {wanted.first[api_id]} by '{api_id};rev={wanted.first[api_id]}'."
            )
