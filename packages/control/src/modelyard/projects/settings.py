"""How large a project may be that is trained, and how long it stays."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import MEBIBYTE, SettingGroup


class ProjectSettings(SettingGroup):
    """Archives of training projects."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_PROJECT_")

    mb: int = Field(default=256, ge=1)
    """The size of a project's archive at most, and of what it unpacks to."""
    days: float = Field(default=30, gt=0)
    """How long a project stays after it was last sent or run."""

    @property
    def max_bytes(self) -> int:
        """Cap on a project's archive, and on what it unpacks to."""
        return self.mb * MEBIBYTE

    @property
    def kept(self) -> timedelta:
        """How long a project stays after it was last sent or run."""
        return timedelta(days=self.days)
