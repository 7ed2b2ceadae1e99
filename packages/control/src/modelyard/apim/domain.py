"""What is wanted of Azure API Management, what it cannot honour, and the marks of what we wrote. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.gateway.domain import Api, Release, Revision, VersionSet
from modelyard.ports.api_management import Properties, ResourceKind, ResourceName

_REVISION = ";rev="
WRITE_ONLY = frozenset({"format", "value", "sourceApiId", "apiRevision"})
"""Properties of an API that only its creation or an import takes, and that no read gives back."""
_MARKED: Mapping[ResourceKind, str] = {
    ResourceKind.VERSION_SET: "description",
    ResourceKind.API: "apiRevisionDescription",
    ResourceKind.PRODUCT: "description",
}
"""Where a mark stands. Whatever belongs to a marked resource is ours with it."""
_MARK = re.compile(r"\s*\[modelyard ([0-9A-Za-z-]{1,64})(?: ([0-9a-f]{12}))?\]$")
_DIGEST_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """That an installation of Modelyard wrote a resource, and the digest of what it imported there."""

    installation: str
    digest: str | None = None

    @property
    def text(self) -> str:
        """`[modelyard 3f2a 0123456789ab]`."""
        return f"[modelyard {self.installation}{'' if self.digest is None else f' {self.digest}'}]"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it shall be."""

    name: ResourceName
    properties: Properties
    is_compared: bool = True
    """Whether its properties are compared when it is there; else that it is there is enough."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A field that Azure API Management cannot honour."""

    subject: str
    """`apis/ml-model-v1`."""
    field: str
    reason: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.subject}: {self.field}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object of the gateway that is not pushed, as it answers nobody here either."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Backing:
    """A revision of an API, where Azure reaches what answers it, and what it takes."""

    revision: Revision
    url: str
    document: Mapping[str, Any] | None = None
    """OpenAPI 3.0; None where there is none, as of a server that is not ours: then every operation is passed on."""


@dataclass(frozen=True, slots=True)
class PushedApi:
    """An API with all that is pushed of it."""

    api: Api
    backings: Sequence[Backing]
    """Of its revisions that are online, by number."""
    offline: Sequence[int] = ()
    release: Release | None = None
    """The last one, which made a revision current; None before the first."""


@dataclass(frozen=True, slots=True)
class PushedProduct:
    """APIs that a key opens together, and how often it may be used."""

    product_id: str
    display_name: str
    description: str
    api_ids: Sequence[str]
    needs_subscription: bool = True
    needs_approval: bool = False
    calls: int | None = None
    """At most so many in `seconds`."""
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The objects of a tenant's gateway."""

    version_sets: Sequence[VersionSet]
    apis: Sequence[PushedApi]
    products: Sequence[PushedProduct] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Azure API Management shall have, in the order in which it is made. Revisions are named by their numbers."""

    resources: Sequence[Resource]
    refusals: Sequence[Refusal] = ()
    skipped: Sequence[Skipped] = ()
    offline: frozenset[ResourceName] = field(default_factory=frozenset)
    """Revisions that shall not answer."""
    current: Mapping[str, int] = field(default_factory=dict)
    """The revision of each API that shall be current."""
    first: Mapping[str, int] = field(default_factory=dict)
    """The revision that each API is made with."""


def marked(resource: Resource, installation: str) -> Resource:
    """The resource with our mark, where its kind can have one."""
    place = _MARKED.get(resource.name.kind)
    if place is None:
        return resource
    value = resource.properties.get("value")
    digest = None if value is None else hashlib.sha256(str(value).encode()).hexdigest()[:_DIGEST_LETTERS]
    text = str(resource.properties.get(place) or "")
    described = f"{text} {Mark(installation, digest).text}".strip()
    return replace(resource, properties={**resource.properties, place: described})


def mark_of(kind: ResourceKind, properties: Properties) -> Mark | None:
    """The mark of a resource; None where it has none, or its kind cannot have one."""
    place = _MARKED.get(kind)
    found = None if place is None else _MARK.search(str(properties.get(place) or ""))
    return None if found is None else Mark(found[1], found[2])


def unmarked(text: str) -> str:
    """A description without the mark."""
    return _MARK.sub("", text)


def revision_name(api_id: str, number: int) -> ResourceName:
    """One revision of an API."""
    return ResourceName(ResourceKind.API, (f"{api_id}{_REVISION}{number}",))


def revision_of(name: ResourceName) -> tuple[str, int | None]:
    """Of an API's revision, or of what belongs to one: the API's id, and the number if the name says it."""
    api_id, _, number = name.names[0].partition(_REVISION)
    return api_id, int(number) if number.isdecimal() else None


def located(resource: Resource, current: Mapping[str, int]) -> Resource:
    """The resource with the names that the service has for it: the current revision of an API bears the API's own id.

    Args:
        resource: names every revision by its number.
        current: the current revision of each API, in the service.
    """

    def at(name: ResourceName) -> ResourceName:
        if not name.kind.value.startswith(ResourceKind.API.value) or name.kind is ResourceKind.VERSION_SET:
            return name
        api_id, number = revision_of(name)
        return replace(name, names=(api_id, *name.names[1:])) if current.get(api_id) == number else name

    properties = {
        key: at(value) if isinstance(value, ResourceName) else value for key, value in resource.properties.items()
    }
    return replace(resource, name=at(resource.name), properties=properties)
