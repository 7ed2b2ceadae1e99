"""Which servers that people name are called: those behind APIs, and issuers of tokens."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class RoutingSettings(SettingGroup):
    """Where service URLs and addresses of keys may lead."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_GATEWAY_")

    service_networks: list[IPv4Network | IPv6Network] = Field(default=[])
    """As JSON, `["10.0.0.0/8"]`: where servers of a `service_url` or a `jwks_url` may be besides public addresses."""
    service_hosts: dict[str, str] = Field(default={})
    """As JSON, `{"backend-for-ml-model-v1": "10.0.0.7:80"}`: names in a `service_url` that lead to this address."""

    jwks_seconds: float = Field(default=300, ge=1)
    """How often issuers of tokens that publish their keys at a `jwks_url` are asked for them."""
    jwks_ca_file: Path | None = None
    """Certificates of authorities that are trusted at a `jwks_url` besides the system's."""

    @field_validator("service_hosts")
    @classmethod
    def _check_hosts(cls, hosts: dict[str, str]) -> dict[str, str]:
        for host, place in hosts.items():
            address, _, port = place.rpartition(":")
            try:
                ip_address(address.strip("[]"))
                is_port = 0 < int(port) < 65536
            except ValueError:
                is_port = False
            if not is_port:
                raise ValueError(f"expected an IP address and a port for '{host}'")
        return hosts

    @property
    def places(self) -> dict[str, tuple[str, int]]:
        """Address and port of each of `service_hosts`."""
        split = {host: place.rpartition(":") for host, place in self.service_hosts.items()}
        return {host: (address.strip("[]"), int(port)) for host, (address, _, port) in split.items()}
