"""Where callers find the gateway."""

from enum import StrEnum

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class GatewayAccess(StrEnum):
    """Who may call stable addresses of models."""

    OPEN = "open"
    SUBSCRIPTION = "subscription"


class PublishingSettings(SettingGroup):
    """The gateway's public address, and who may call models there."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_GATEWAY_")

    url: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+/?$")
    """The public address of the gateway, `https://models.example.com`, where a load balancer stands before it; that of
    its nodes when it is not set. With `https`, callers without TLS of APIs that need it are sent to its port; a
    proxy that ends TLS before the gateway is among its `MODELYARD_GATEWAY_TRUSTED_HOPS`, or they come back as they
    were."""

    access: GatewayAccess | None = None
    """Whether stable addresses of models need a subscription. When it is not set, they do as soon as the gateway can
    be called from other machines."""

    @field_validator("url")
    @classmethod
    def _strip(cls, url: str | None) -> str | None:
        return url and url.rstrip("/")
