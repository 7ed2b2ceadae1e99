"""The settings of a target in Azure Container Instances, as MODELYARD_TARGETS has them."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

IpAddress = IPv4Address | IPv6Address


class RegistryAccess(BaseModel):
    """With what Azure pulls images: an identity, or a user whose password is in a file here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str = Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")
    identity: str | None = Field(default=None, pattern=r"^/subscriptions/[\w./()-]+$")
    """The resource id of a user-assigned identity that may pull."""
    username: str | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        has_user = self.username is not None and self.password_file is not None
        if has_user == (self.identity is not None):
            raise ValueError("expected either identity, or username and password_file")
        return self


class AciOptions(BaseModel):
    """Where container groups are made, what each gets, and where their address is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    resource_group: str = Field(pattern=r"^[\w.()-]{1,90}$")
    location: str = Field(pattern=r"^[a-z0-9]{1,60}$")
    subnet_id: str | None = Field(default=None, pattern=r"^/subscriptions/[\w./()-]+$")
    """The resource id of the subnet of the groups, which this machine reaches."""
    is_public: bool = False
    """Whether groups get public addresses instead, where everybody may predict."""
    registry: RegistryAccess | None = None
    client_id: str | None = None
    """Of the managed identity, where the control plane has several."""
    resource_manager: str = Field(default="https://management.azure.com", pattern=r"^https://[A-Za-z0-9.-]+$")
    """Of another cloud than the public one."""
    cpu: float = Field(default=1, gt=0)
    max_cpu: float = Field(default=4, gt=0)
    memory_gb: float = Field(default=1.5, gt=0)
    max_memory_gb: float = Field(default=16, gt=0)
    """Of a replica that asks for none, and the most; the region has its own limits."""
    observe_seconds: float = Field(default=5, ge=0)
    """How long what was read of Azure holds, which limits how often it is asked."""
    balancer_host: IpAddress = IPv4Address("127.0.0.1")
    """The address of this machine where callers connect. There is no access control at a model server."""
    url_host: IpAddress | None = None
    """What URLs say instead of it; needed where it is a wildcard."""

    @model_validator(mode="after")
    def _are_consistent(self) -> Self:
        if (self.subnet_id is not None) == self.is_public:
            raise ValueError("subnet_id: expected a subnet, or is_public: true where everybody may predict")
        if self.balancer_host.is_unspecified and self.url_host is None:
            raise ValueError("url_host: expected the name of this machine, as balancer_host is a wildcard, got none")
        return self
