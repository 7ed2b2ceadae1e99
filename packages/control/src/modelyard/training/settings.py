"""What a run of a user's code may take, and what it may see."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from modelyard.isolation import IsolationChoice
from modelyard.ports.runner import Limits
from modelyard.setting_group import COMMA_SEPARATED, MEBIBYTE, SettingGroup


class RunSettings(SettingGroup):
    """Runs of scripts and notebooks."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_RUN_")

    seconds: float = Field(default=6 * 3600, gt=0)
    """How long a run may take; a job may ask for less."""
    memory_mb: int = Field(default=8 * 1024, ge=64)
    """How much resident memory a run may take."""
    output_mb: int = Field(default=64, ge=1)
    """How much of what a run prints is kept."""
    disk_mb: int = Field(default=16 * 1024, ge=1)
    """How large each file may be that a run writes."""
    isolation: IsolationChoice = IsolationChoice.AUTO
    """`auto` takes the strongest mechanism that there is; `required` and a name refuse to start where it is not."""
    readable: Annotated[list[Path], NoDecode, COMMA_SEPARATED] = Field(default=[])
    """Folders that every run may read besides its own: `/data,/mnt/sets`."""

    @field_validator("readable")
    @classmethod
    def _check_readable(cls, places: list[Path]) -> list[Path]:
        relative = [place for place in places if not place.is_absolute()]
        if relative:
            raise ValueError(f"expected absolute folders, got {str(relative[0])!r}")
        return places

    @property
    def limits(self) -> Limits:
        """The most that a run may take."""
        return Limits(
            seconds=self.seconds,
            memory_bytes=self.memory_mb * MEBIBYTE,
            output_bytes=self.output_mb * MEBIBYTE,
            disk_bytes=self.disk_mb * MEBIBYTE,
        )
