"""How large an upload may be, and how long it may wait."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import MEBIBYTE, SettingGroup


class UploadSettings(SettingGroup):
    """Uploaded models."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_UPLOAD_")

    mb: int = Field(default=20 * 1024, ge=1)
    """The size of one uploaded file at most, and of what it unpacks to."""
    idle_seconds: float = Field(default=24 * 3600, gt=0)
    """How long an upload waits for its next piece before it is given up."""

    @property
    def max_bytes(self) -> int:
        """Cap on one uploaded file, and on what it unpacks to."""
        return self.mb * MEBIBYTE

    @property
    def idle(self) -> timedelta:
        """How long an upload waits for its next piece."""
        return timedelta(seconds=self.idle_seconds)
