"""How many jobs run at once."""

import os

from pydantic import Field

from modelyard.setting_group import SettingGroup


class JobSettings(SettingGroup):
    """Jobs of one control plane."""

    concurrent_jobs: int = Field(
        default_factory=lambda: max(2, os.cpu_count() or 2),
        ge=1,
        json_schema_extra={"default": "one a processor, at least 2"},
    )
    """How many jobs one control plane runs at the same time."""
