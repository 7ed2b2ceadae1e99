"""The dependencies of a project in its `pyproject.toml`."""

import tomllib
from typing import Any

from modelyard_client.needs.needs import Needs, named_requirement, names_an_index, python_versions, refused

_INDEX_KEYS = ("index", "index-url", "default-index", "extra-index-url", "find-links", "no-index", "sources")
_UNHONOURED = ("override-dependencies", "exclude-dependencies", "dependency-metadata", "exclude-newer")


def parse_pyproject(name: str, text: str) -> dict[str, Any]:
    """The file's content.

    Raises:
        Invalid: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise refused(f"{name}: expected TOML: {error}") from error


def requires_python_of(name: str, content: dict[str, Any]) -> str:
    """Which Python the project needs; empty when it does not say."""
    text = _table(content, "project").get("requires-python", "")
    return python_versions(text if isinstance(text, str) else "?", where=f"{name}, requires-python")


def read_dependencies(name: str, content: dict[str, Any]) -> Needs | None:
    """`[project] dependencies`, and uv's constraints; None for a file that says nothing of dependencies.

    Raises:
        Invalid: they are another tool's, dynamic, or name an index.
    """
    project, tool = _table(content, "project"), _table(content, "tool")
    if "dependencies" in project.get("dynamic", []):
        raise refused(f"{name}: dependencies are dynamic, and nothing is run to find them: list them in [project]")
    if "dependencies" not in project:
        if "dependencies" in _table(tool, "poetry"):
            raise refused(
                f"{name}: expected [project] dependencies, got those of Poetry: `poetry export` writes a "
                "requirements.txt"
            )
        return None
    uv = _table(tool, "uv")
    for table, keys in (("uv", _INDEX_KEYS), ("poetry", ("source",)), ("pdm", ("source",))):
        if found := [key for key in keys if _table(tool, table).get(key)]:
            raise names_an_index(f"{name}: [tool.{table}] {found[0]}")
    if found := [key for key in _UNHONOURED if uv.get(key)]:
        raise refused(f"{name}: [tool.uv] {found[0]} is not honoured, so it is refused: remove it")
    return Needs(
        _requirements(name, "dependencies", project["dependencies"]),
        _requirements(name, "constraint-dependencies", uv.get("constraint-dependencies", [])),
        source=name,
    )


def _requirements(name: str, key: str, items: Any) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise refused(f"{name}: expected {key} to be a list of strings")
    return tuple(named_requirement(item, where=f"{name}, {key}") for item in items)


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name, {})
    return table if isinstance(table, dict) else {}
