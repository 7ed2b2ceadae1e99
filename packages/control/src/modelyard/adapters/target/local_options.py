"""The settings of the local target, as MODELYARD_TARGETS has them."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LocalOptions(BaseModel):
    """What an operator says of it in MODELYARD_TARGETS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    """The address of this machine on which servers listen. There is no access control at a model server."""
    url_host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    """What URLs say instead of it; needed where it is a wildcard."""

    @model_validator(mode="after")
    def _are_reached(self) -> Self:
        if self.host.is_unspecified and self.url_host is None:
            raise ValueError("url_host: expected the name of this machine, as host is a wildcard, got none")
        return self

    def with_host(self, settings: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """Settings of a server that answers to the name that URLs have."""
        if self.url_host is None:
            return settings
        hosts = [settings.get("allowed_hosts"), self.url_host]
        return {**settings, "allowed_hosts": ",".join(host for host in hosts if host)}

    def shown_url(self, port: int) -> str:
        """For callers."""
        return _url(self.url_host or str(self.host), port)

    def own_url(self, port: int) -> str:
        """For this process."""
        if self.host.is_unspecified:
            return _url("::1" if isinstance(self.host, IPv6Address) else "127.0.0.1", port)
        return _url(str(self.host), port)


DEFAULT = LocalOptions()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
