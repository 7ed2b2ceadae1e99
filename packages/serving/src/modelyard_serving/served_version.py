"""Which version a server serves, known before its model is loaded: what answers meanwhile says it too."""

from pathlib import Path

import orjson

from modelyard_serving.settings import Settings

BUNDLE = "bundle.json"
UNVERSIONED = "1"
"""The version of a model without one."""


def served_version(settings: Settings) -> str:
    """The one that the settings name, else the bundle's."""
    if settings.version is not None:
        return settings.version
    try:
        found = orjson.loads((Path(settings.path) / BUNDLE).read_bytes())["model"]["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return UNVERSIONED
    return found if isinstance(found, str) else UNVERSIONED
