"""How often our registry and MLflow's are compared."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class MirrorSettings(SettingGroup):
    """The mirror of the registry in MLflow."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_MIRROR_")

    seconds: float = Field(default=30, gt=0)
    """The pause between two looks at what was registered in MLflow."""
    all_seconds: float = Field(default=600, gt=0)
    """How often all models are compared with their mirrors, and repaired."""
