"""What Azure API Management has, as a file that `apply` takes.

Azure's word counts for what it can say. What it cannot say of an object that is here as well (what answers an API, how
long that may take, its release, limits) is as it is here; so a file that is pulled after a push changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from modelyard.apim.domain import unmarked
from modelyard.apim.plan import Stored
from modelyard.errors import Invalid
from modelyard.findings import findings
from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.apis import ApiBody
from modelyard.gateway_code.kinds.version_sets import VersionSetBody
from modelyard.http.bodies import RequestBody
from modelyard.ports.api_management import Properties, ResourceKind, ResourceName
from modelyard.subscriptions.schemas import ProductRequest

Here = Mapping[str, Mapping[str, Fields]]
"""What there is here as files declare it, by kind and identity."""
_TARGET = ("service_url", "deployment_id", "model_name")
_BODIES: Mapping[str, tuple[str, type[RequestBody]]] = {
    "version_sets": ("version_set_id", VersionSetBody),
    "apis": ("api_id", ApiBody),
    "products": ("product_id", ProductRequest),
}


@dataclass(frozen=True, slots=True)
class AzureFile:
    """The lists of a file, and what cannot stand in one."""

    content: Mapping[str, Sequence[Fields]]
    left_out: Sequence[str]


def azure_file(stored: Stored, here: Here) -> AzureFile:
    """The version sets, the current revisions of APIs, and the products that Azure has."""
    content: dict[str, list[Fields]] = {}
    left_out: list[str] = []
    for kind, key, said in _all(stored, here):
        identity, body = _BODIES[kind]
        if kind == "apis" and not any(said.get(name) for name in _TARGET):
            left_out.append(f"{kind}/{key}: nothing says what answers it, as it has no service URL there")
            continue
        try:
            checked = body.model_validate({identity: key, **said})
        except (ValidationError, Invalid) as exc:
            reason = findings(exc)[0].sentence if isinstance(exc, ValidationError) else exc.message
            left_out.append(f"{kind}/{key}: {reason}")
        else:
            fields = checked.model_dump(mode="json", exclude_defaults=True, exclude={identity})
            content.setdefault(kind, []).append({identity: key, **fields})
    return AzureFile(content, left_out)


def _all(stored: Stored, here: Here) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, identity and fields of each object."""
    resources = sorted(stored.resources.values(), key=lambda each: each.name)
    for each in resources:
        key, given = each.name.names[0], each.properties
        if each.name.kind is ResourceKind.VERSION_SET:
            yield "version_sets", key, {**here["version_sets"].get(key, {}), **_version_set(given)}
        elif each.name.kind is ResourceKind.API and ";" not in key:  # Another revision than the current one has one.
            yield "apis", key, _api(given, here["apis"].get(key, {}))
        elif each.name.kind is ResourceKind.PRODUCT:
            fields = here["products"].get(key, {})
            api_ids = _in_order_of(fields.get("api_ids", ()), _apis_of(stored, key, fields))
            yield "products", key, {**fields, **_product(given), "api_ids": api_ids}


def _version_set(given: Properties) -> dict[str, Any]:
    return {
        "display_name": given.get("displayName"),
        "description": unmarked(str(given.get("description") or "")),
        "versioning_scheme": given.get("versioningScheme"),
        "version_header_name": given.get("versionHeaderName"),
        "version_query_name": given.get("versionQueryName"),
    }


def _api(given: Properties, here: Fields) -> dict[str, Any]:
    version_set = given.get("apiVersionSetId")
    names = given.get("subscriptionKeyParameterNames")
    said = {
        "display_name": given.get("displayName"),
        "description": given.get("description") or "",
        "path": given.get("path"),
        "api_version": given.get("apiVersion") or None,
        "api_version_set_id": version_set.names[0] if isinstance(version_set, ResourceName) else None,
        "protocols": _in_order_of(here.get("protocols", ()), given.get("protocols") or ["https"]),
        "subscription_required": bool(given.get("subscriptionRequired", True)),
        **({} if names is None else {"subscription_key_parameter_names": dict(names)}),
    }
    if not any(name in here for name in _TARGET):
        said["service_url"] = given.get("serviceUrl")
    return {**here, **said}


def _product(given: Properties) -> dict[str, Any]:
    return {
        "display_name": given.get("displayName"),
        "description": unmarked(str(given.get("description") or "")),
        "is_open": not given.get("subscriptionRequired", True),
    }


def _apis_of(stored: Stored, product_id: str, here: Fields) -> list[str]:
    """Those that the product has there, and those of ours that are not there as nobody has released them."""
    children = (name for name in stored.resources if name.kind is ResourceKind.PRODUCT_API)
    found = {name.names[1] for name in children if name.names[0] == product_id}
    unreleased = (
        each for each in here.get("api_ids", ()) if ResourceName(ResourceKind.API, (each,)) not in stored.resources
    )
    return sorted(found.union(unreleased))


def _in_order_of(here: Sequence[str], given: Sequence[str]) -> list[str]:
    """Azure keeps no order of them."""
    return list(here if set(here) == set(given) else given)
