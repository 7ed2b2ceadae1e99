"""Takes archives of projects, checks and unpacks them, and lends their files to runs.

A project is known by the sha256 of its archive. It is unpacked once, below its tenant's own folder; nobody changes it.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from modelyard.disk import Disk
from modelyard.errors import Invalid, NotFound, TooLarge
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.uploads.unpack import unpack

_DIGEST_DIGITS = frozenset("0123456789abcdef")
_DIGEST_LENGTH = 64
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose files are here."""

    sha256: str
    folder: Path

    @property
    def files(self) -> int:
        """How many files it has."""
        return sum(path.is_file() for path in self.folder.rglob("*"))


class Incoming:
    """An archive that comes in pieces: hashed, counted, and written to a file of its own."""

    def __init__(self, file: IO[bytes], *, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._size = 0
        self._hash = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            TooLarge: code `project_too_large`.
        """
        self._size += len(piece)
        check_size(self._size, max_bytes=self._max_bytes)
        self._hash.update(piece)
        self._file.write(piece)

    def flush(self) -> None:
        """Have all of it in the file."""
        self._file.flush()

    def sha256(self) -> str:
        """Of all that has come."""
        return self._hash.hexdigest()


class ProjectService:
    """Projects of all tenants. `scratch` is on the file system of `folder`.

    Args:
        max_bytes: of an archive, and of what it unpacks to.
        kept: how long a project stays after it was last sent or run.
        is_needed: whether a version of a tenant was trained by a project, so that it stays for longer.
        disk: the one that all of it lies on.
    """

    def __init__(
        self,
        *,
        folder: Path,
        scratch: Path,
        clock: Clock,
        max_bytes: int,
        kept: timedelta,
        disk: Disk,
        is_needed: Callable[[str, str], bool],
    ) -> None:
        self._folder = folder
        self._scratch = scratch
        self._clock = clock
        self._kept = kept
        self.max_bytes = max_bytes
        self._disk = disk
        self._is_needed = is_needed

    def announce(self, principal: Principal, sha256: str, *, size: int) -> bool:
        """Whether the project is here already, so that it need not be sent.

        Raises:
            Invalid: code `digest_invalid`. TooLarge: code `project_too_large`. DiskFull: there is no space for it.
        """
        check_size(size, max_bytes=self.max_bytes)
        is_here = self._touched(principal.tenant_id, _checked(sha256)) is not None
        if not is_here:
            self._disk.require(size, what="the project")
        return is_here

    @contextmanager
    def receiving(self, sha256: str) -> Iterator[tuple[Incoming, Path]]:
        """A place for an archive that is on its way; it is gone afterwards."""
        _checked(sha256)
        self._disk.refuse_full()
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._scratch, prefix="project-") as name:
            archive = Path(name) / "archive"
            with archive.open("wb") as file:
                yield Incoming(file, max_bytes=self.max_bytes), archive

    def keep(self, principal: Principal, sha256: str, incoming: Incoming, archive: Path) -> Project:
        """Check and unpack an archive that has come whole.

        Raises:
            Invalid: code `digest_mismatch`, or `archive_invalid` for one that is none, or hostile.
        """
        if incoming.sha256() != sha256:
            raise Invalid(
                f"sha256: the archive that came has {incoming.sha256()}, not {sha256[:_DIGEST_LENGTH]}: send it again",
                code="digest_mismatch",
                field="sha256",
            )
        self.sweep()
        content = archive.parent / "content"
        content.mkdir(mode=0o700)
        unpack(archive, content, name=_name_of(archive), max_bytes=self.max_bytes, disk=self._disk)
        place = self._place(principal.tenant_id, sha256)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            content.rename(place)
        except OSError:
            if not place.is_dir():  # Else the same one was here, or came at the same time.
                raise
        return self.get(principal.tenant_id, sha256)

    def get(self, tenant_id: str, sha256: str) -> Project:
        """A tenant's project, which from now on is kept for its time again.

        Raises:
            NotFound: code `project_not_found`.
        """
        place = self._touched(tenant_id, _checked(sha256))
        if place is None:
            raise NotFound(
                f"project: there is no project {sha256}: send its archive with PUT /mlops/projects/{sha256}",
                code="project_not_found",
                field="project",
            )
        return Project(sha256, place)

    def make_pass(self) -> bool:
        """Sweep in the background; nothing more is to be done before the next time."""
        self.sweep()
        return False

    def sweep(self) -> int:
        """Remove the projects that nobody used for their time, but for those by which a version was trained.

        Such a one stays for its time again, so that its version can be retrained. Gives how many were removed.
        """
        before = (self._clock.now() - self._kept).timestamp()
        removed = 0
        for place in [place for place in self._folder.glob("*/*") if place.stat().st_mtime < before]:
            if self._is_needed(place.parent.name, place.name):
                self._touched(place.parent.name, place.name)
                continue
            shutil.rmtree(place, ignore_errors=True)
            removed += 1
        return removed

    def _touched(self, tenant_id: str, sha256: str) -> Path | None:
        place = self._place(tenant_id, sha256)
        now = self._clock.now().timestamp()
        try:
            os.utime(place, (now, now))
        except FileNotFoundError:
            return None
        return place

    def _place(self, tenant_id: str, sha256: str) -> Path:
        return self._folder / tenant_id / sha256


def check_size(size: int, *, max_bytes: int) -> None:
    """Refuse what is too large.

    Raises:
        TooLarge: code `project_too_large`.
    """
    if size > max_bytes:
        raise TooLarge(
            f"project: expected an archive of at most {max_bytes} bytes (MODELYARD_PROJECT_MB), got {size} or more",
            code="project_too_large",
            field="project",
        )


def _checked(sha256: str) -> str:
    """A digest, which becomes the name of a folder."""
    if len(sha256) != _DIGEST_LENGTH or not set(sha256) <= _DIGEST_DIGITS:
        raise Invalid(
            f"sha256: expected {_DIGEST_LENGTH} hexadecimal digits in lower case, got {sha256[:80]!r}",
            code="digest_invalid",
            field="sha256",
        )
    return sha256


def _name_of(archive: Path) -> str:
    """A name that says which kind of archive it is, by how it begins."""
    with archive.open("rb") as file:
        beginning = file.read(4)
    if beginning == _ZIP:
        return "project.zip"
    return "project.tar.gz" if beginning.startswith(_GZIP) else "project.tar"
