"""A gateway that is somebody else's service: it keeps named resources, and is asked to keep others. Azure's names.

What the resources mean is the caller's to know; an adapter moves them, and waits until each is what was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class ResourceKind(StrEnum):
    """A kind of resource, by its path below the service: one segment for each name that a resource has."""

    VERSION_SET = "apiVersionSets"
    API = "apis"
    """One revision of an API; `<api>;rev=<n>` where it is not the current one."""
    OPERATION = "apis/operations"
    API_POLICY = "apis/policies"
    RELEASE = "apis/releases"
    PRODUCT = "products"
    PRODUCT_API = "products/apis"
    """That an API belongs to a product."""
    PRODUCT_POLICY = "products/policies"

    @property
    def parent(self) -> "ResourceKind | None":
        """The kind of which each of these belongs to one; None of a kind that stands for itself."""
        above = self.value.rpartition("/")[0]
        return ResourceKind(above) if above else None


@dataclass(frozen=True, slots=True, order=True)
class ResourceName:
    """Which resource: its kind, and a name for each segment of it. As a property's value it refers to that resource."""

    kind: ResourceKind
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """`apis/ml-model-v1/releases/first`."""
        segments = self.kind.value.split("/")
        return "/".join(f"{segment}/{name}" for segment, name in zip(segments, self.names, strict=True))

    @property
    def parent(self) -> "ResourceName | None":
        """Which one it belongs to."""
        return None if self.kind.parent is None else ResourceName(self.kind.parent, self.names[:-1])


Properties = Mapping[str, Any]
"""JSON's values, and a ResourceName where Azure has the id of another resource of the service."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource as the service has it."""

    name: ResourceName
    properties: Properties
    etag: str | None = None
    """Of this state of it; None where it was read among others."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What a service says of itself."""

    name: str
    gateway_url: str | None
    addresses: tuple[str, ...]
    """The public IP addresses from which it calls backends, and at which it is called."""


class ApiManagement(Protocol):
    """One service. Calls may take minutes, and raise Unavailable when it does not answer, or asks to be asked later.

    Every call can be repeated: a resource that is as it was asked for stays so, and one that is gone stays gone.
    """

    def facts(self) -> ServiceFacts:
        """The service itself.

        Raises:
            NotFound: code `apim_service_not_found`.
        """

    def listed(self, kind: ResourceKind, *parents: str) -> Sequence[StoredResource]:
        """All resources of a kind, of one parent where the kind has any. None where the parent is not there."""

    def find(self, name: ResourceName) -> StoredResource | None:
        """One, with the ETag of its state."""

    def put(self, name: ResourceName, properties: Properties, *, etag: str | None) -> None:
        """Make or replace one, and wait until it is so.

        Args:
            name: which one.
            properties: all that it shall have.
            etag: the state that is replaced; None: whatever is there.

        Raises:
            Precondition: code `apim_resource_changed`: somebody else has changed it since.
            Invalid: code `apim_refused`: the service does not take it; the message has its reason.
        """

    def delete(self, name: ResourceName, *, etag: str | None) -> None:
        """Delete one, an API with all its revisions unless the name says which one. Nothing to do if it is not there.

        Raises:
            Precondition: as of `put`.
            Invalid: as of `put`.
        """

    def close(self) -> None:
        """Close the connections."""
