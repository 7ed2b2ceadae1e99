"""How long answers of the registry are kept in memory."""

from pydantic import Field

from modelyard.setting_group import SettingGroup


class RegistrySettings(SettingGroup):
    """The cache of answers."""

    cache_ttl_seconds: int = Field(default=300, ge=0, validation_alias="ML_REGISTRY_CACHE_TTL")
    """How long an answer is kept in memory at most; a write is never hidden by the cache. With 0 none is kept."""
