"""What a run of a user's code may take, and what it may see."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from modelyard.isolation import IsolationChoice
from modelyard.naming import MAX_RUNNER
from modelyard.ports.runner import Limits
from modelyard.setting_group import COMMA_SEPARATED, MEBIBYTE, SettingGroup

_RUNNER = re.compile(rf"[a-z][a-z0-9-]{{0,{MAX_RUNNER - 1}}}")


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


class RunnerSettings(SettingGroup):
    """Where scripts run."""

    runners: dict[str, dict[str, Any]] = Field(default={"local": {}})
    """Where scripts may run, as JSON: `{"local": {}, "big": {"type": "docker", …}}`. The first one is meant where none
    is named; without a type, the name is the type."""

    @field_validator("runners")
    @classmethod
    def _check_runners(cls, runners: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        wrong = [name for name in runners if not _RUNNER.fullmatch(name)]
        if wrong or not runners:
            raise ValueError(
                f"expected one runner or more by names of lower-case letters, digits and '-', at most {MAX_RUNNER} "
                f"characters, got {wrong[0] if wrong else 'none'!r}"
            )
        return runners
