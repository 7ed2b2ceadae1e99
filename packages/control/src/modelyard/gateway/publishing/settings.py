"""Where callers find the gateway."""

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class PublishingSettings(SettingGroup):
    """The gateway's public address."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_GATEWAY_")

    url: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+/?$")
    """The public address of the gateway, `https://models.example.com`, where a load balancer stands before it; that of
    its nodes when it is not set."""

    @field_validator("url")
    @classmethod
    def _strip(cls, url: str | None) -> str | None:
        return url and url.rstrip("/")
