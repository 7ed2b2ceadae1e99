"""Which files of a folder belong to a project: all that git would not ignore, without `.git` and environments."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from modelyard_client.errors import Invalid

_NEVER = frozenset({".git", "__pycache__"})
_IGNORE = ".gitignore"
_ENVIRONMENT = "pyvenv.cfg"
"""What every virtual environment has."""


@dataclass(frozen=True, slots=True)
class _Ignored:
    """What the `.gitignore` of one folder says of what is below it."""

    folder: Path
    spec: GitIgnoreSpec

    def decides(self, path: Path, *, is_folder: bool) -> bool | None:
        """True when it is ignored, False when it is expressly not, None when nothing is said."""
        name = path.relative_to(self.folder).as_posix()
        return self.spec.check_file(f"{name}/" if is_folder else name).include


def project_files(folder: Path) -> list[tuple[str, Path]]:
    """The files of a project with their paths below it, in the order of these paths.

    Raises:
        Invalid: the folder holds a link or something else that is neither a file nor a folder.
    """
    folder = folder.absolute()
    found = _below(folder, _above(folder))
    return sorted((path.relative_to(folder).as_posix(), path) for path in found)


def _below(folder: Path, ignored: tuple[_Ignored, ...]) -> Iterator[Path]:
    ignored = (*ignored, *_own(folder))
    for path in folder.iterdir():
        is_folder = path.is_dir() and not path.is_symlink()
        if path.name in _NEVER or _is_ignored(path, ignored, is_folder=is_folder):
            continue
        if is_folder:
            if not (path / _ENVIRONMENT).exists():
                yield from _below(path, ignored)
        elif path.is_file() and not path.is_symlink():
            yield path
        else:
            raise Invalid(
                f"{path}: expected files and folders only, got a link or a device: put the file itself there, or the "
                "name into .gitignore",
                code="path_invalid",
                field="project",
            )


def _is_ignored(path: Path, ignored: tuple[_Ignored, ...], *, is_folder: bool) -> bool:
    """The nearest `.gitignore` that says anything decides."""
    said = (each.decides(path, is_folder=is_folder) for each in reversed(ignored))
    return next((decision for decision in said if decision is not None), False)


def _own(folder: Path) -> tuple[_Ignored, ...]:
    file = folder / _IGNORE
    if not file.is_file():
        return ()
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return (_Ignored(folder, GitIgnoreSpec.from_lines(lines)),)


def _above(folder: Path) -> tuple[_Ignored, ...]:
    """The `.gitignore` files above a folder that is part of a git repository."""
    parents = list(folder.parents)
    top = next((index for index, parent in enumerate([folder, *parents]) if (parent / ".git").exists()), 0)
    return tuple(each for parent in reversed(parents[:top]) for each in _own(parent))
