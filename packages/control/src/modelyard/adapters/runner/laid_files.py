"""Puts files that a run is given onto this machine; what lies here already is used where it is."""

import shutil
from pathlib import Path, PurePosixPath

from modelyard.file_tree import FolderTree
from modelyard.ports.files import FileTree


def lay(tree: FileTree, folder: Path) -> None:
    """Put the files of a tree into a folder."""
    if isinstance(tree, FolderTree):
        shutil.copytree(tree.folder, folder, dirs_exist_ok=True)
        return
    for entry in tree.entries():
        place = folder / below(entry.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tree.open(entry.path) as source, place.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        if entry.is_executable:
            place.chmod(0o755)


def placed(tree: FileTree, folder: Path) -> Path:
    """Where a tree's files lie on this machine; they are fetched into the folder when they lie elsewhere."""
    if isinstance(tree, FolderTree):
        return tree.folder
    folder.mkdir(parents=True, exist_ok=True)
    lay(tree, folder)
    return folder


def below(path: str) -> PurePosixPath:
    """A path that leads out of no folder.

    Raises:
        ValueError: it does.
    """
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts:
        raise ValueError(f"A path below a folder of the run was expected; {path!r} came.")
    return found
