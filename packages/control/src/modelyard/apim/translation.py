"""The gateway's objects as resources of Azure API Management. Pure.

A field that the service cannot honour is refused by name, with the object that has it; nothing is left out in silence.
What stands in a resource is what differs from the service's own defaults, so that a program made of it reads well.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from modelyard.apim.domain import (
    Backing,
    GatewayState,
    PushedApi,
    PushedProduct,
    Refusal,
    Resource,
    Skipped,
    Wanted,
    revision_name,
)
from modelyard.apim.policies import api_policy, product_policy
from modelyard.gateway.domain import (
    DEFAULT_KEY_HEADER,
    DEFAULT_KEY_QUERY,
    Api,
    OnMissing,
    VersioningScheme,
    VersionSet,
)
from modelyard.ports.api_management import ResourceKind, ResourceName

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NOT_IN_AN_ID = "*#&+:<>?/%;@{}"
_ID = re.compile(rf"[^{re.escape(_NOT_IN_AN_ID)}]+")
"""What the service takes, less what would be a path, a revision or an expression of a policy."""
_RELEASE_ID = re.compile(r"\w+|\w[\w-]+\w")
_PROTOCOLS = frozenset({"http", "https"})
_LONGEST_SET_ID, _LONGEST_API_ID, _LONGEST_RELEASE_ID = 80, 256, 80
_LONGEST_SET_TITLE, _LONGEST_API_TITLE = 100, 300
_LONGEST_WINDOW = 300
_SECONDS = (1, 240)
"""Of a `forward-request` timeout: what lies beyond is cut by the service's own load balancer."""


def wanted_of(state: GatewayState, now: datetime, *, passes_all: bool = True) -> Wanted:
    """What the service shall have.

    Args:
        state: the gateway's objects.
        now: whether an API is retired depends on it.
        passes_all: whether an API without a document gets operations that pass on every path; without any operation the
            service answers 404 to everything.
    """
    refusals = [
        *(refusal for each in state.version_sets for refusal in _refused_of_set(each)),
        *(refusal for each in state.apis for refusal in _refused_of_api(each)),
        *(refusal for each in state.products for refusal in _refused_of_product(each)),
    ]
    released = [each for each in state.apis if each.release is not None]
    used = {each.api.version_set_id for each in released}
    resources: list[Resource] = [_version_set(each) for each in state.version_sets if each.version_set_id in used]
    for pushed in released:
        resources += _api_resources(pushed, now, passes_all=passes_all)
    api_ids = {each.api.api_id for each in released}
    for product in state.products:
        resources += _product_resources(product, api_ids)
    return Wanted(
        resources=resources,
        refusals=refusals,
        skipped=[
            Skipped(each.api.subject, "no revision of it is released, so it answers nobody")
            for each in state.apis
            if each.release is None
        ],
        offline=frozenset(revision_name(each.api.api_id, number) for each in released for number in each.offline),
        current={each.api.api_id: _current(each) for each in released},
        first={each.api.api_id: each.backings[0].revision.number for each in released if each.backings},
    )


def release_name(api_id: str, release_id: str) -> ResourceName:
    """A release of an API."""
    return ResourceName(ResourceKind.RELEASE, (api_id, release_id))


def release_properties(api_id: str, number: int, notes: str) -> Mapping[str, Any]:
    """Of a release that makes a revision current."""
    return {"apiId": revision_name(api_id, number), **({"notes": notes} if notes else {})}


def _version_set(version_set: VersionSet) -> Resource:
    properties: dict[str, Any] = {
        "displayName": version_set.display_name,
        "versioningScheme": version_set.scheme.value,
    }
    if version_set.scheme is VersioningScheme.HEADER:
        properties["versionHeaderName"] = version_set.parameter
    if version_set.scheme is VersioningScheme.QUERY:
        properties["versionQueryName"] = version_set.parameter
    if version_set.description:
        properties["description"] = version_set.description
    return Resource(_set_name(version_set.version_set_id), properties)


def _set_name(version_set_id: str) -> ResourceName:
    return ResourceName(ResourceKind.VERSION_SET, (version_set_id,))


def _api_resources(pushed: PushedApi, now: datetime, *, passes_all: bool) -> Iterator[Resource]:
    """Its revisions by number, what belongs to each, and the release that makes one of them current."""
    api, release = pushed.api, pushed.release
    for backing in pushed.backings:
        name = revision_name(api.api_id, backing.revision.number)
        is_first = backing is pushed.backings[0]
        yield Resource(name, _revision_properties(api, backing, is_first=is_first))
        if backing.document is None and passes_all:
            yield from (_pass_on(name, method) for method in _METHODS)
        if (policy := api_policy(api, backing.revision, now)) is not None:
            yield Resource(
                ResourceName(ResourceKind.API_POLICY, (*name.names, "policy")), {"format": "rawxml", "value": policy}
            )
    if release is not None:
        yield Resource(
            release_name(api.api_id, release.release_id),
            release_properties(api.api_id, _current(pushed), release.notes),
            is_compared=False,
        )


def _revision_properties(api: Api, backing: Backing, *, is_first: bool) -> Mapping[str, Any]:
    revision = backing.revision
    properties: dict[str, Any] = {
        "displayName": api.display_name,
        "path": api.path,
        "protocols": list(api.protocols),
        "serviceUrl": backing.url,
    }
    if api.description:
        properties["description"] = api.description
    if api.api_version is not None:
        properties["apiVersion"] = api.api_version
    if api.version_set_id is not None:
        properties["apiVersionSetId"] = _set_name(api.version_set_id)
    if not api.subscription_required:
        properties["subscriptionRequired"] = False
    if (api.key_header, api.key_query) != (DEFAULT_KEY_HEADER, DEFAULT_KEY_QUERY):
        properties["subscriptionKeyParameterNames"] = {"header": api.key_header, "query": api.key_query}
    if revision.number != 1:
        properties["apiRevision"] = str(revision.number)
    if not is_first:  # It begins as a copy; that is how the service makes one.
        properties["sourceApiId"] = ResourceName(ResourceKind.API, (api.api_id,))
    if revision.description:
        properties["apiRevisionDescription"] = revision.description
    if backing.document is not None:
        properties["format"] = "openapi+json"
        properties["value"] = json.dumps(backing.document, sort_keys=True, separators=(",", ":"))
    return properties


def _pass_on(api: ResourceName, method: str) -> Resource:
    """An operation that passes on every path of a method."""
    name = ResourceName(ResourceKind.OPERATION, (*api.names, f"all-{method.lower()}"))
    return Resource(name, {"displayName": f"{method}: every path", "method": method, "urlTemplate": "/*"})


def _product_resources(product: PushedProduct, api_ids: set[str]) -> Iterator[Resource]:
    """The product, what belongs to it, and its limit."""
    properties: dict[str, Any] = {"displayName": product.display_name, "state": "published"}
    if product.description:
        properties["description"] = product.description
    properties["subscriptionRequired"] = product.needs_subscription
    if product.needs_approval:
        properties["approvalRequired"] = True
    yield Resource(ResourceName(ResourceKind.PRODUCT, (product.product_id,)), properties)
    for api_id in product.api_ids:
        if api_id in api_ids:
            yield Resource(ResourceName(ResourceKind.PRODUCT_API, (product.product_id, api_id)), {})
    if product.calls is not None and product.seconds is not None:
        yield Resource(
            ResourceName(ResourceKind.PRODUCT_POLICY, (product.product_id, "policy")),
            {"format": "rawxml", "value": product_policy(product.calls, product.seconds)},
        )


def _current(pushed: PushedApi) -> int:
    if pushed.api.current_revision is None:
        raise ValueError(pushed.api.api_id)  # One that has a release has a current revision.
    return pushed.api.current_revision


def _refused_of_set(version_set: VersionSet) -> Iterator[Refusal]:
    def refused(field: str, reason: str) -> Refusal:
        return Refusal(version_set.subject, field, reason)

    if version_set.on_missing is OnMissing.DEFAULT:
        yield refused("on_missing", "Azure API Management has no default version: a request must name one")
    yield from _refused_name(version_set.subject, "version_set_id", version_set.version_set_id, _LONGEST_SET_ID)
    if len(version_set.display_name) > _LONGEST_SET_TITLE:
        yield refused("display_name", f"expected at most {_LONGEST_SET_TITLE} characters")


def _refused_of_api(pushed: PushedApi) -> Iterator[Refusal]:
    api = pushed.api
    if pushed.release is None:
        return
    if strange := sorted(set(api.protocols) - _PROTOCOLS):
        yield Refusal(api.subject, "protocols", f"Azure API Management does not pass on '{strange[0]}'")
    yield from _refused_name(api.subject, "api_id", api.api_id, _LONGEST_API_ID)
    if len(api.display_name) > _LONGEST_API_TITLE:
        yield Refusal(api.subject, "display_name", f"expected at most {_LONGEST_API_TITLE} characters")
    if not any(each.revision.number == api.current_revision for each in pushed.backings):
        yield Refusal(api.subject, "current_revision", f"revision {api.current_revision} is offline")
    yield from _refused_of_revisions(api.subject, pushed.backings)
    release_id = pushed.release.release_id
    if not _RELEASE_ID.fullmatch(release_id) or len(release_id) > _LONGEST_RELEASE_ID:
        reason = f"expected letters, digits, '_' and '-', at most {_LONGEST_RELEASE_ID}, got {release_id!r}"
        yield Refusal(pushed.release.subject, "release_id", reason)


def _refused_of_revisions(subject: str, backings: Sequence[Backing]) -> Iterator[Refusal]:
    shortest, longest = _SECONDS
    for backing in backings:
        seconds = backing.revision.timeout_seconds
        if seconds is not None and not (shortest <= seconds <= longest and seconds == int(seconds)):
            field = f"revisions.{backing.revision.number}.timeout_seconds"
            yield Refusal(subject, field, f"expected whole seconds from {shortest} to {longest}, got {seconds:g}")


def _refused_of_product(product: PushedProduct) -> Iterator[Refusal]:
    subject = f"products/{product.product_id}"
    yield from _refused_name(subject, "product_id", product.product_id, _LONGEST_API_ID)
    if product.seconds is not None and product.seconds > _LONGEST_WINDOW:
        reason = f"Azure API Management counts calls over {_LONGEST_WINDOW} seconds at most, got {product.seconds}"
        yield Refusal(subject, "limit", reason)


def _refused_name(subject: str, field: str, name: str, longest: int) -> Iterator[Refusal]:
    if not _ID.fullmatch(name) or len(name) > longest:
        yield Refusal(subject, field, f"expected at most {longest} characters, none of {_NOT_IN_AN_ID}; got {name!r}")
