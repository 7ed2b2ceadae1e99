"""What the template of this release would change in a project that an earlier one made, as unified diffs.

It writes nothing. A file counts when the template renders it otherwise than when the project was made; what was edited
since in other files is not looked at.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelyard_client.project_template.record import RECORD, Record, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file that the template renders otherwise now."""

    path: PurePosixPath
    diff: str
    """From the file as it is in the project to the file as it is rendered now; empty where they are the same."""
    is_edited: bool
    """Whether the project's file is another one than was made: then the diff takes those edits back too."""


def template_changes(folder: Path, record: Record, rendered: Mapping[PurePosixPath, str]) -> Iterator[Change]:
    """The changes, in the order of the paths.

    Args:
        record: of the project in the folder.
        rendered: what its answers give now.
    """
    files = {path: text for path, text in rendered.items() if path != PurePosixPath(RECORD)}
    for path in sorted(files.keys() | record.digests.keys()):
        new, made = files.get(path), record.digests.get(path)
        if new is not None and digest(new) == made:
            continue
        present = _present(folder, path)
        if present == new:
            continue
        is_edited = (None if present is None else digest(present)) != made
        yield Change(path=path, diff=_diff(path, present, new), is_edited=is_edited)


def _present(folder: Path, path: PurePosixPath) -> str | None:
    """A file of the project; None where there is none. The record's paths stay below the folder."""
    if path.is_absolute() or ".." in path.parts:
        return None
    file = folder / path
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None


def _diff(path: PurePosixPath, present: str | None, new: str | None) -> str:
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            (present or "").splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            "/dev/null" if present is None else f"a/{path}",
            "/dev/null" if new is None else f"b/{path}",
        )
    )
