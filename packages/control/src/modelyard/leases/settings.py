"""How soon a control plane that died is taken over."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class LeaseSettings(SettingGroup):
    """Leases of background work."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_LEASE_")

    seconds: float = Field(default=6, ge=1)
    """After this time without a sign of life another control plane of the same database takes over."""

    @property
    def lasts(self) -> timedelta:
        """How long a lease holds that is not renewed."""
        return timedelta(seconds=self.seconds)
