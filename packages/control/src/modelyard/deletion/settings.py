"""When deleted versions are gone for good."""

from datetime import timedelta

from pydantic import Field

from modelyard.setting_group import SettingGroup


class DeletionSettings(SettingGroup):
    """Deletion and the purge."""

    deletion_grace_days: float = Field(default=30, ge=0, le=3650)
    """How long a deleted version can be restored, before its files are gone for good."""
    deletion_registry_hours: float = Field(default=24, ge=0, le=8760)
    """How long the deletion of a version waits for a registry that does not answer. After it the version is deleted all
    the same, and the job's log and the audit log name the images that may be left there."""
    purge_interval_seconds: float = Field(default=3600, gt=0)
    """The pause between two passes of the purge."""

    @property
    def registry_wait(self) -> timedelta:
        """How long a registry is waited for."""
        return timedelta(hours=self.deletion_registry_hours)

    @property
    def grace(self) -> timedelta:
        """How long a deleted version can be restored."""
        return timedelta(days=self.deletion_grace_days)
