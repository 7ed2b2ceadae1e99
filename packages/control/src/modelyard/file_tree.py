"""Files in a folder of this machine, and files in memory, as a runner takes them (`ports/files.py`)."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from modelyard.ports.files import FileEntry


@dataclass(frozen=True, slots=True)
class FolderTree:
    """The files in `folder`. Who shares the machine may use the folder itself."""

    folder: Path

    def entries(self) -> Sequence[FileEntry]:
        """Every file, by path."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return [
            FileEntry(path.relative_to(self.folder).as_posix(), path.stat().st_size, os.access(path, os.X_OK))
            for path in paths
        ]

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """The file's bytes."""
        return (self.folder / path).open("rb")


@dataclass(frozen=True, slots=True)
class MemoryTree:
    """Files by path."""

    files: Mapping[str, bytes]

    def entries(self) -> Sequence[FileEntry]:
        """Every file, by path."""
        return [FileEntry(path, len(content)) for path, content in sorted(self.files.items())]

    def open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """The file's bytes."""
        return BytesIO(self.files[path])
