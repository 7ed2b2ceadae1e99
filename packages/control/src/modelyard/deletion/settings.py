"""When deleted versions are gone for good."""

from datetime import timedelta

from pydantic import Field

from modelyard.setting_group import SettingGroup


class DeletionSettings(SettingGroup):
    """Deletion and the purge."""

    deletion_grace_days: float = Field(default=30, ge=0, le=3650)
    """How long a deleted version can be restored, before its files are gone for good."""
    purge_interval_seconds: float = Field(default=3600, gt=0)
    """The pause between two passes of the purge."""

    @property
    def grace(self) -> timedelta:
        """How long a deleted version can be restored."""
        return timedelta(days=self.deletion_grace_days)
