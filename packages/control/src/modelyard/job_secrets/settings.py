"""With what the secrets of jobs are encrypted."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from modelyard.setting_group import SettingGroup


class SecretsSettings(SettingGroup):
    """Secrets of jobs."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_SECRETS_")

    key: SecretStr | None = Field(default=None, min_length=32)
    """With which the secrets of jobs are encrypted; a file in the home when it is not set. All control planes of one
    database need the same."""
