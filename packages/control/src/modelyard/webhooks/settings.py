"""Where webhooks may be delivered, and how often that is tried."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class WebhookSettings(SettingGroup):
    """Webhooks and their deliveries."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_WEBHOOK_")

    key: SecretStr | None = Field(default=None, min_length=32)
    """From which the secrets of webhooks are made; a file in the home when it is not set. All control planes of one
    database need the same."""
    allowed_networks: list[IPv4Network | IPv6Network] = Field(default=[])
    """As JSON, `["10.0.0.0/8"]`: where receivers may be besides public addresses, also without encryption."""
    ca_file: Path | None = None
    """Certificates of authorities that are trusted besides the system's."""
    attempts: int = Field(default=12, ge=1, le=100)
    """After so many a delivery is a dead letter; twelve take a day and more."""
    timeout_seconds: float = Field(default=10, gt=0, le=60)
    """How long a receiver may take to answer."""
    log_days: float = Field(default=30, gt=0)
    """How long deliveries that arrived stay in the log."""

    @property
    def kept(self) -> timedelta:
        """How long deliveries that arrived stay in the log."""
        return timedelta(days=self.log_days)
