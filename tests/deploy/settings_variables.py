"""The variables that set something of the control plane."""

import dataclasses

from modelyard.setting_group import SettingGroup
from modelyard.settings import Settings


def variables() -> set[str]:
    """All of them, as docs/configuration.md lists them."""
    groups = [type(getattr(Settings(), field.name)) for field in dataclasses.fields(Settings)]
    settings = [group for group in groups if issubclass(group, SettingGroup)]
    return {name for group in settings for field in group.model_fields for name in group.variables(field)}
