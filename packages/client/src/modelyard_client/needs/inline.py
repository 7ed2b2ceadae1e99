"""What a script says of itself, in a `# /// script` block: PEP 723, inline script metadata."""

import re
import tomllib
from typing import Any

from modelyard_client.errors import Invalid
from modelyard_client.needs.needs import Needs, named_requirement, names_an_index, python_versions

# As the specification gives it: https://packaging.python.org/en/latest/specifications/inline-script-metadata/
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_KEYS = frozenset({"dependencies", "requires-python", "tool"})


def read_inline(name: str, text: str) -> Needs | None:
    """What the script's own block says; None without one. `source` is None where it does not name `dependencies`.

    Raises:
        Invalid: there are several blocks, one is no TOML, or says what cannot be honoured.
    """
    blocks = [match for match in _BLOCK.finditer(text.replace("\r\n", "\n")) if match["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise _invalid(name, f"has {len(blocks)} `# /// script` blocks, expected at most one")
    lines = (line.removeprefix("#").removeprefix(" ") for line in blocks[0]["content"].splitlines(keepends=True))
    try:
        metadata = tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(name, f"has a `# /// script` block that is not TOML: {error}") from error
    return _needs(name, metadata)


def _needs(name: str, metadata: dict[str, Any]) -> Needs:
    if unknown := sorted(metadata.keys() - _KEYS):
        raise _invalid(name, f"has a `# /// script` block with {', '.join(unknown)}, which PEP 723 does not know")
    dependencies = metadata.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise _invalid(name, "names `dependencies` that are not a list of strings")
    requires_python = metadata.get("requires-python", "")
    if not isinstance(requires_python, str):
        raise _invalid(name, "names a `requires-python` that is not a string")
    tool = metadata.get("tool", {})
    if isinstance(tool, dict) and isinstance(tool.get("uv"), dict) and tool["uv"]:
        raise names_an_index(f"{name}: [tool.uv] with {', '.join(sorted(tool['uv']))}")
    return Needs(
        tuple(named_requirement(item, where=f"{name}, dependencies") for item in dependencies),
        requires_python=python_versions(requires_python, where=f"{name}, requires-python"),
        source=name if "dependencies" in metadata else None,
    )


def _invalid(name: str, what: str) -> Invalid:
    return Invalid(f"{name} {what}", code="script_metadata_invalid", field="requirements")
