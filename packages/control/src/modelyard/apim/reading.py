"""What Azure API Management has, as far as it concerns the gateway."""

from collections.abc import Iterator

from modelyard.apim.domain import Wanted, located
from modelyard.apim.plan import Stored
from modelyard.ports.api_management import ApiManagement, ResourceKind, ResourceName, StoredResource

_LISTED = (ResourceKind.VERSION_SET, ResourceKind.API, ResourceKind.PRODUCT)
_CHILDREN_OF_WANTED = {ResourceKind.RELEASE: ResourceKind.API, ResourceKind.PRODUCT_API: ResourceKind.PRODUCT}
_FOUND_ONE_BY_ONE = (ResourceKind.API_POLICY, ResourceKind.PRODUCT_POLICY)


def read_stored(service: ApiManagement, wanted: Wanted) -> Stored:
    """Every version set, API and product, and what belongs to those that are wanted.

    Raises:
        Unavailable: Azure does not answer.
        NotFound: code `apim_service_not_found`.
    """
    service.facts()
    found = {each.name: each for kind in _LISTED for each in service.listed(kind)}
    at = {**wanted.first, **Stored(found).current}
    resources = [located(each, at) for each in wanted.resources]
    names = [resource.name for resource in resources]
    children = [
        *_children(service, names, found),
        *_operations(service, names, found),
        *_policies(service, names, found),
    ]
    return Stored(found | {each.name: each for each in children})


def _children(
    service: ApiManagement, names: list[ResourceName], found: dict[ResourceName, StoredResource]
) -> Iterator[StoredResource]:
    for kind, above in _CHILDREN_OF_WANTED.items():
        parents = {name.names[0].partition(";")[0] for name in names if name.kind is above}
        for parent in sorted(parents):
            if ResourceName(above, (parent,)) in found:
                yield from service.listed(kind, parent)


def _operations(
    service: ApiManagement, names: list[ResourceName], found: dict[ResourceName, StoredResource]
) -> Iterator[StoredResource]:
    """Of those revisions only whose operations are not imported."""
    parents = {name.parent for name in names if name.kind is ResourceKind.OPERATION}
    for parent in sorted(each for each in parents if each is not None and each in found):
        yield from service.listed(ResourceKind.OPERATION, *parent.names)


def _policies(
    service: ApiManagement, names: list[ResourceName], found: dict[ResourceName, StoredResource]
) -> Iterator[StoredResource]:
    """Each wanted API and product has one at most, and one that is not wanted differs too."""
    for kind in _FOUND_ONE_BY_ONE:
        for name in names:
            if name.kind is kind.parent and name in found:
                policy = service.find(ResourceName(kind, (*name.names, "policy")))
                if policy is not None:
                    yield policy
