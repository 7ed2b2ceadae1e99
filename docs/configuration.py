"""Writes the list of the control plane's settings from their groups, so that none is left out.

`python docs/configuration.py` rewrites `configuration.md`; `--check` only says whether it is current.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import NoDecode

from generated import write_or_check
from modelyard.setting_group import SettingGroup
from modelyard.settings import Settings

PAGE = Path(__file__).parent / "configuration.md"
_UNITS = {"seconds": "seconds", "days": "days", "mb": "MiB", "port": "TCP port", "minute": "a minute", "ttl": "seconds"}
"""By a word of the setting's name."""
_KINDS = {dict: "JSON object", Path: "path", bool: "`true` or `false`", int: "number", float: "number"}
_INTRODUCTION = """\
# Settings of the control plane

Each is a variable of the environment, read once, at the start, by `modelyard up` and every process of the stack.
A value that cannot be read stops the start with one sentence: the variable, what was expected, what came.
A JSON list looks like `["a", "b"]`, a JSON object like `{"a": "b"}`. A MiB is 1,048,576 bytes.

Written by `make configuration` from the groups of settings in the code (`settings.py` of each noun).
"""


def groups() -> Iterator[type[SettingGroup]]:
    """The groups in the order in which they are listed."""
    settings = Settings()
    return (type(getattr(settings, field.name)) for field in dataclasses.fields(settings))


def describe() -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *(line for group in groups() for line in _section(group))])


def unit(variable: str, field: FieldInfo) -> str:
    """What a value is counted in, or how it is written."""
    words = variable.lower().split("_")
    for word, name in _UNITS.items():
        if word in words:
            return name
    kinds = {get_origin(kind) or kind for kind in (field.annotation, *get_args(field.annotation))}
    if list in kinds:
        return "list, with commas" if NoDecode in field.metadata else "JSON list"
    choices = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) and dict not in kinds]
    if choices:
        return ", ".join(f"`{choice.value}`" for choice in choices[0])
    return next((name for kind, name in _KINDS.items() if kind in kinds), "text")


def _section(group: type[SettingGroup]) -> Iterator[str]:
    yield f"## {(group.__doc__ or '').rstrip('.')}\n"
    yield "| variable | value | default | |"
    yield "|---|---|---|---|"
    for name, field in group.model_fields.items():
        first, *others = group.variables(name)
        also = "".join(f" or `{other}`" for other in others)
        reported = " ".join((field.description or "").split())
        yield f"| `{first}`{also} | {unit(first, field)} | {_default(field)} | {reported} |"
    yield ""


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return str(extra["default"])
    value = field.default
    if value is PydanticUndefined:
        raise ValueError("a default that is computed is described in json_schema_extra")
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, dict):
        value = json.dumps(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: describe()}, command="configuration"))
