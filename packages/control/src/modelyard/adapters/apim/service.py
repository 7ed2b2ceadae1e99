"""The resources of one service of Azure API Management; `ApiManagement` says what each call does."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from modelyard.adapters.apim.options import ApimOptions, read_options
from modelyard.adapters.apim.resource_manager import ResourceManager
from modelyard.adapters.azure import Credential, managed_credential
from modelyard.errors import NotFound
from modelyard.ports.api_management import (
    ApiManagement,
    Properties,
    ResourceKind,
    ResourceName,
    ServiceFacts,
    StoredResource,
)
from modelyard.ports.clock import Clock

_REFERENCES = frozenset({"apiVersionSetId", "apiId", "sourceApiId"})
"""Properties whose value is the id of another resource."""
_PLAIN = ";="
"""Letters of a revision's name that stay as they are in a path."""


def configured_api_management(given: Mapping[str, Any], clock: Clock) -> ApiManagement:
    """The service that the operator has configured. Azure is asked when it is first used.

    Raises:
        Invalid: code `setting_invalid`.
    """
    options = read_options(given)
    return AzureApiManagement(options, managed_credential(options.client_id), clock)


class AzureApiManagement:
    """Args:
    transport: in place of the network, for tests.
    """

    def __init__(
        self,
        options: ApimOptions,
        credential: Credential,
        clock: Clock,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._service = options.service_path
        self._name = options.service_name
        self._manager = ResourceManager(credential, origin=options.resource_manager, clock=clock, transport=transport)

    def close(self) -> None:
        """See the port."""
        self._manager.close()

    def facts(self) -> ServiceFacts:
        """See the port."""
        found = self._manager.find(self._service)
        if found is None:
            raise NotFound(
                f"Azure has no service '{self._name}' of API Management there", code="apim_service_not_found"
            )
        properties = found.body.get("properties", {})
        addresses = properties.get("publicIPAddresses") or ()
        return ServiceFacts(self._name, properties.get("gatewayUrl"), tuple(map(str, addresses)))

    def listed(self, kind: ResourceKind, *parents: str) -> Sequence[StoredResource]:
        """See the port."""
        *above, last = kind.value.split("/")
        path = "".join(f"/{segment}/{_quoted(name)}" for segment, name in zip(above, parents, strict=True))
        items = self._manager.pages(f"{self._service}{path}/{last}")
        return [self._stored(ResourceName(kind, (*parents, str(item["name"]))), item) for item in items]

    def find(self, name: ResourceName) -> StoredResource | None:
        """See the port."""
        found = self._manager.find(self._path(name))
        return None if found is None else self._stored(name, found.body, etag=found.etag)

    def put(self, name: ResourceName, properties: Properties, *, etag: str | None) -> None:
        """See the port."""
        body = {} if name.kind is ResourceKind.PRODUCT_API else {"properties": self._with_ids(properties)}
        self._manager.put(self._path(name), body, etag=etag)

    def delete(self, name: ResourceName, *, etag: str | None) -> None:
        """See the port."""
        is_whole = name.kind is ResourceKind.API and ";rev=" not in name.names[0]
        query = {"deleteRevisions": "true"} if is_whole else {}
        self._manager.delete(self._path(name), etag=etag, query=query)

    def _stored(self, name: ResourceName, body: Mapping[str, Any], *, etag: str | None = None) -> StoredResource:
        properties = {
            key: self._reference(value) if key in _REFERENCES else value
            for key, value in body.get("properties", {}).items()
        }
        return StoredResource(name, properties, etag)

    def _path(self, name: ResourceName) -> str:
        segments = zip(name.kind.value.split("/"), name.names, strict=True)
        return self._service + "".join(f"/{segment}/{_quoted(each)}" for segment, each in segments)

    def _with_ids(self, properties: Properties) -> Properties:
        return {
            key: f"{self._service}/{value.title}" if isinstance(value, ResourceName) else value
            for key, value in properties.items()
        }

    def _reference(self, value: Any) -> Any:
        """The resource that an id names, as far as it is one of this service; Azure keeps no letter's case in ids."""
        prefix = f"{self._service}/"
        if not str(value).lower().startswith(prefix.lower()):
            return value
        parts = str(value)[len(prefix) :].split("/")
        kinds = {kind.value.lower(): kind for kind in ResourceKind}
        kind = kinds.get("/".join(parts[0::2]).lower())
        return value if kind is None or len(parts) % 2 else ResourceName(kind, tuple(parts[1::2]))


def _quoted(name: str) -> str:
    return quote(name, safe=_PLAIN)
