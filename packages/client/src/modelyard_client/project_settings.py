"""`[tool.modelyard]` in a project's `pyproject.toml`: what the command line says else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard_client.errors import Invalid

_KEYS: dict[str, tuple[type, str]] = {
    "entry": (str, "a text"),
    "name": (str, "a text"),
    "experiment": (str, "a text"),
    "logged-model": (str, "a text"),
    "timeout-seconds": (float, "a number"),
    "runner": (str, "a text"),
    "arguments": (list, "a list of texts"),
    "parameters": (dict, "a table"),
    "secrets": (list, "a list of names"),
    "environment": (dict, "a table of texts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What a project says of its training. What the command line says goes before it."""

    entry: str = "train.py"
    name: str | None = None
    experiment: str | None = None
    logged_model: str | None = None
    timeout_seconds: float | None = None
    runner: str | None = None
    arguments: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of a notebook."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Names of variables of the caller's own environment."""

    @classmethod
    def from_toml(cls, where: str, content: Mapping[str, Any]) -> "ProjectSettings":
        """Read `[tool.modelyard]` of a file's content.

        Raises:
            Invalid: a key is unknown or of another type.
        """
        tool = content.get("tool")
        table = tool.get("modelyard", {}) if isinstance(tool, dict) else {}
        if not isinstance(table, dict):
            raise _invalid(where, "expected a table")
        for key, value in table.items():
            _check(where, key, value)
        fields: dict[str, Any] = {key.replace("-", "_"): value for key, value in table.items()}
        fields |= {key: tuple(fields[key]) for key in ("arguments", "secrets") if key in fields}
        return cls(**fields)


def _check(where: str, key: str, value: Any) -> None:
    if key not in _KEYS:
        raise _invalid(where, f"{key} is unknown, expected one of {', '.join(_KEYS)}")
    kind, expected = _KEYS[key]
    are_any = key == "parameters"
    items = (
        [] if are_any else list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    )
    is_number = kind is float and isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number or isinstance(value, kind)) or not all(isinstance(item, str) for item in items):
        raise _invalid(where, f"{key}: expected {expected}, got {str(value)[:80]!r}")


def _invalid(where: str, what: str) -> Invalid:
    return Invalid(f"{where}, [tool.modelyard]: {what}", code="project_invalid", field="project")
