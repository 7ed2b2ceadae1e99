"""Where APIs of the gateway are called: its first address, the tenant's prefix, the path, and a version in the path."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from modelyard_client.client import Client
from modelyard_client.gateway import Api

_FIRST_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Addresses:
    """`base` is None while the gateway has no address; `schemes` has how callers choose a version, by version set."""

    base: str | None
    schemes: Mapping[str, str]

    @classmethod
    def of(cls, client: Client) -> "Addresses":
        """As the gateway and the caller's tenant have them now."""
        found = client.gateway.status().addresses
        tenant = client.members.whoami().tenant_id
        prefix = "" if tenant == _FIRST_TENANT else f"/@{quote(tenant, safe='')}"
        return cls(
            base=found[0].rstrip("/") + prefix if found else None,
            schemes={each.version_set_id: each.versioning_scheme for each in client.gateway.version_sets()},
        )

    def url(self, api: Api) -> str | None:
        """The address of an API; None where a header or a query says which of several is meant."""
        if self.base is None:
            return None
        if api.api_version_set_id is None or api.api_version is None:
            return f"{self.base}/{api.path}"
        is_segment = self.schemes.get(api.api_version_set_id) == "Segment"
        return f"{self.base}/{api.path}/{api.api_version}" if is_segment else None
