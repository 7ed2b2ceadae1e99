"""Where models are called: at the gateway's public address, below their tenant."""

from modelyard.gateway.compile.spelling import tenant_prefix
from modelyard.gateway.publishing.addresses import public_addresses
from modelyard.gateway.publishing.service import Publishing
from modelyard.ports.stable_addresses import ModelAddresses


class GatewayAddresses:
    """Keeps the contract of `StableAddresses`.

    Args:
        url: as the operator says it, else where the nodes listen.
    """

    def __init__(self, publishing: Publishing, *, url: str | None) -> None:
        self._publishing = publishing
        self._url = url

    def of_tenant(self, tenant_id: str) -> ModelAddresses:
        """See the port."""
        addresses = public_addresses(self._url, () if self._url else self._publishing.known_nodes())
        return ModelAddresses(f"{addresses[0]}{tenant_prefix(tenant_id)}" if addresses else None)
