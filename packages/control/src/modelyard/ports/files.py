"""Files that somebody is given, wherever they lie: their names and their bytes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file. `path` is below the tree, with `/` between its parts."""

    path: str
    size: int
    is_executable: bool = False


class FileTree(Protocol):
    """A folder's worth of plain files, which do not change while somebody has the tree."""

    def entries(self) -> Sequence[FileEntry]:
        """Every file, by path. No link is among them, and no path leads out of the tree."""

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """The bytes of one of them."""
