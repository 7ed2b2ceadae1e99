"""The file of a backup: a compressed tar whose last member lists the SHA-256 of every other one."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from modelyard.disk import Disk, is_about_space
from modelyard.errors import Conflict, DiskFull, Invalid

MANIFEST = "manifest.json"
_FORMAT = 1
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backup says of itself."""

    made_by: str
    """The release of Modelyard."""
    revision: str
    """The schema that its rows were written under."""
    made_at: str
    has_tracker: bool
    """Whether the local stack's own MLflow is in it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup whose every file was found to be what was written."""

    facts: Facts
    digest: str
    """SHA-256 of the list of all files: identifies the backup."""
    files: int
    size: int


class Packer:
    """Adds files to an archive, hashing each on its way."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._files: dict[str, dict[str, Any]] = {}

    def add(self, path: Path, name: str) -> None:
        """Add a file. One that is gone by now is left out."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            self._put(name, _Hashed(file), size)

    def add_below(self, folder: Path, name: str, pattern: str = "*") -> None:
        """Add all regular files below a folder that match; links are not followed."""
        for path in sorted(folder.rglob(pattern)):
            if path.is_file() and not path.is_symlink():
                self.add(path, f"{name}/{path.relative_to(folder).as_posix()}")

    def finish(self, facts: Facts) -> Contents:
        """Add the list of all."""
        content = json.dumps({"format": _FORMAT, **asdict(facts), "files": self._files}, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(content)
        self._tar.addfile(info, io.BytesIO(content))
        return _contents(facts, content, self._files)

    def _put(self, name: str, hashed: "_Hashed", size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._tar.addfile(info, hashed)
        self._files[name] = {"sha256": hashed.digest, "size": size}


class _Hashed(io.RawIOBase):
    """A reader that hashes what it gives."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._hash.update(chunk)
        return chunk


@contextmanager
def packing(target: Path) -> Iterator[Packer]:
    """An archive that stands at `target` when the block ends, whole and for its owner's eyes only, or not at all.

    Raises:
        Conflict: code `file_exists`.
    """
    if target.exists():
        raise Conflict(f"{target} is there already: a backup never overwrites anything", code="file_exists")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=5) as tar:
                yield Packer(tar)
            file.flush()
            os.fsync(file.fileno())
        os.link(written, target)  # Unlike a rename it never replaces what somebody put there meanwhile.
    finally:
        written.unlink(missing_ok=True)


def unpack(source: Path, folder: Path, *, disk: Disk) -> Contents:
    """Write the archive's files below `folder` and check each against the list.

    Raises:
        Invalid: code `backup_damaged`, when it is no backup, or one that was cut or changed.
        DiskFull: there is no space for it; each file is asked for before it is written.
    """
    try:
        with tarfile.open(source, mode="r:gz") as tar:
            tar.extractall(folder, members=_regular(tar, disk), filter="data")
        content = (folder / MANIFEST).read_bytes()
        listed = json.loads(content)
        facts = Facts(**{name: listed[name] for name in Facts.__dataclass_fields__})
        files: Mapping[str, Mapping[str, Any]] = listed["files"]
        if listed["format"] != _FORMAT:
            raise _damaged(source, f"its format is {listed['format']!r}, expected {_FORMAT}")
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as exc:
        if is_about_space(exc):
            raise DiskFull(f"disk full: {source} cannot be unpacked below {folder}") from exc
        raise _damaged(source, str(exc) or type(exc).__name__) from exc
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    wrong = sorted(found ^ files.keys()) or [name for name in sorted(files) if not _is_as_listed(folder, name, files)]
    if wrong:
        raise _damaged(source, f"{wrong[0]} is not what was written")
    return _contents(facts, content, files)


def _regular(tar: tarfile.TarFile, disk: Disk) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if not member.isreg():
            raise tarfile.TarError(f"{member.name} is not a regular file")
        disk.require(member.size, what="the restored backup")
        yield member


def _is_as_listed(folder: Path, name: str, files: Mapping[str, Mapping[str, Any]]) -> bool:
    with (folder / name).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return found == str(files[name]["sha256"])


def _contents(facts: Facts, manifest: bytes, files: Mapping[str, Mapping[str, Any]]) -> Contents:
    size = sum(int(file["size"]) for file in files.values())
    return Contents(facts, hashlib.sha256(manifest).hexdigest(), len(files), size)


def _damaged(source: Path, reason: str) -> Invalid:
    return Invalid(f"{source} is not a whole backup: {reason}", code="backup_damaged", field="file")
