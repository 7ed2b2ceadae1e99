"""Writes a rendered project into a folder that is new or empty, and refuses any other."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from modelyard_client.errors import Conflict, Invalid
from modelyard_client.project_template.rendering import EXECUTABLES

_NAMED = 5
"""So many of the names that are in the way are said."""


def write_project(folder: Path, files: Mapping[PurePosixPath, str]) -> None:
    """Write the files below the folder.

    Raises:
        Conflict: there is something in it.
        Invalid: the path is that of a file.
    """
    _require_empty(folder)
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="\n")
        if path in EXECUTABLES:
            place.chmod(0o755)


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise Invalid(f"{folder} is no folder", code="folder_invalid", field="folder")
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    # A repository that was just made is no content.
    names = [name for name in names if name != ".git"]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise Conflict(f"{folder} is not empty: there is {', '.join(names[:_NAMED])}{more}", code="folder_not_empty")
