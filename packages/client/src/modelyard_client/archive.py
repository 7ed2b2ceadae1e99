"""A folder as one tar archive that is never written anywhere: read once to be hashed, and again to be sent.

The same files give the same bytes, so an upload that broke off goes on in the middle.
"""

import hashlib
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard_client.errors import Invalid

_CHUNK = 1024 * 1024
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a folder, that is uploaded as one file."""

    path: Path

    @property
    def file_name(self) -> str:
        """What it is called on the other side."""
        return "model.tar" if self.path.is_dir() else self.path.name

    def content(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            Invalid: there is no such file, or the folder holds something that is neither file nor folder.
        """
        return _tar(self.path) if self.path.is_dir() else _file(self.path)

    def measure(self) -> tuple[int, str]:
        """How many bytes, and their SHA-256 in hex."""
        size, digest = 0, hashlib.sha256()
        for chunk in self.content():
            size += len(chunk)
            digest.update(chunk)
        return size, digest.hexdigest()

    def pieces(self, *, offset: int, size: int) -> Iterator[bytes]:
        """The bytes from an offset on, in pieces of this size; the last may be smaller."""
        left, kept = offset, bytearray()
        for chunk in self.content():
            rest = memoryview(chunk)[min(left, len(chunk)) :]
            left -= len(chunk) - len(rest)
            kept += rest
            while len(kept) >= size:
                yield bytes(kept[:size])
                del kept[:size]
        if kept:
            yield bytes(kept)


@dataclass(frozen=True, slots=True)
class Archive:
    """Files with their names, as one tar archive that is known by its digest."""

    entries: tuple[tuple[str, Path], ...]
    size: int
    sha256: str

    @classmethod
    def of(cls, entries: Sequence[tuple[str, Path]]) -> "Archive":
        """The archive of these files. Of two with one name, the later one counts.

        Raises:
            Invalid: a file cannot be read.
        """
        ordered = tuple(sorted(dict(entries).items()))
        size, digest = 0, hashlib.sha256()
        for chunk in _tar_of(ordered):
            size += len(chunk)
            digest.update(chunk)
        return cls(entries=ordered, size=size, sha256=digest.hexdigest())

    @property
    def names(self) -> frozenset[str]:
        """The paths in it."""
        return frozenset(name for name, _ in self.entries)

    def content(self) -> Iterator[bytes]:
        """The bytes, which are the same for the same files on every machine."""
        return _tar_of(self.entries)

    def largest(self, count: int) -> list[tuple[str, int]]:
        """The largest files with their sizes."""
        sizes = [(name, path.stat().st_size) for name, path in self.entries]
        return sorted(sizes, key=lambda each: -each[1])[:count]


def _tar(folder: Path) -> Iterator[bytes]:
    return _tar_of(sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*")))


def _tar_of(entries: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    for name, path in entries:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise Invalid(f"{path}: expected a file or a folder, got a link or a device", code="path_invalid")
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = path.stat().st_size, 0o644
        yield entry.tobuf(tarfile.PAX_FORMAT)
        yield from _exactly(path, entry.size)
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield _END


def _exactly(path: Path, size: int) -> Iterator[bytes]:
    left = size
    for chunk in _file(path):
        left -= len(chunk)
        yield chunk
    if left:
        raise Invalid(f"{path}: it changes while it is read", code="path_invalid")


def _file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise Invalid(f"{path}: expected a file that can be read: {error.strerror}", code="path_invalid") from error
