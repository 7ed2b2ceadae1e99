"""Unpacks an archive that a stranger made: plain files below one folder, and neither more nor larger than allowed.

What an archive declares is added up before anything of it is written, and what comes out is counted besides, since an
archive may lie. Refused are links, devices, absolute paths, `..`, two files of one name, encrypted entries, entries
that share their bytes, more bytes than were agreed on or than the disk has, and a packing so tight that no model has
it. Compression is gzip or deflate only: what takes memory as the archive wishes is none of them.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from modelyard.disk import Disk
from modelyard.errors import Invalid
from modelyard.registry.domain import MAX_PATH_BYTES, MAX_PATH_LENGTH

MAX_FILES = 10_000
_MAX_FILE_NAME = 255
"""In bytes: no file system of Linux takes a longer one."""
_MOST_RATIO = 200
"""Deflate reaches 1,032, for zeros; weights come to less than ten."""
_UNSUSPICIOUS = 256 * 1024 * 1024
"""So much may come of any archive."""
_LARGEST_DIRECTORY = 8 * 1024 * 1024
_DIRECTORY_SIZE = 5
"""Its place in what zipfile reads of an archive's end."""
_LOCAL_HEADER = 30
_CHUNK = 1024 * 1024
_LARGEST_HEADER = 64 * 1024
_EXTENDED = frozenset(
    [
        *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE),
    ]
)
_PLAIN_ZIP = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError)


def unpack(archive: Path, folder: Path, *, name: str, max_bytes: int, disk: Disk) -> None:
    """Write the files of the archive below `folder`, which exists and is empty.

    Args:
        name: the archive's own name, whose extension is its kind.
        max_bytes: of all files together.
        disk: the one that `folder` is on.

    Raises:
        Invalid: code `archive_invalid`.
        DiskFull: there is no space for what it declares.
    """
    unpacker = _Unpacker(folder, max_bytes, packed=archive.stat().st_size, disk=disk)
    with _translated_errors():
        if name.lower().endswith(".zip"):
            _unzip(archive, unpacker)
        else:
            _untar(archive, unpacker, mode="r|gz" if name.lower().endswith(("gz",)) else "r|")
    _lift(folder)


class _Unpacker:
    """Writes one file after the other and counts."""

    def __init__(self, folder: Path, max_bytes: int, *, packed: int, disk: Disk) -> None:
        self._folder = folder
        by_ratio = max(_UNSUSPICIOUS, _MOST_RATIO * packed)
        self._excess = (
            f"its files have more than {max_bytes} bytes"
            if max_bytes <= by_ratio
            else f"its files have more than {_MOST_RATIO} times its {packed} bytes, which no model has"
        )
        self._left = min(max_bytes, by_ratio)
        self._disk = disk
        self._seen: set[str] = set()

    def expect(self, size: int) -> None:
        """Refuse what is declared to be too much, before it is written."""
        if size > self._left:
            raise _invalid(self._excess)
        self._disk.require(size, what="unpacking the archive")

    def write(self, path: str, content: IO[bytes]) -> None:
        place = self._folder / self._checked(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            target = place.open("xb")
        except (FileExistsError, NotADirectoryError) as exc:
            raise _invalid(f"it holds a file and a folder of one name: {path[:80]!a}") from exc
        with target:
            while chunk := content.read(_CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise _invalid(self._excess)
                target.write(chunk)

    def _checked(self, path: str) -> str:
        place = PurePosixPath(path)
        is_plain = path.isprintable() and "\\" not in path and 0 < len(path) <= MAX_PATH_LENGTH
        if not is_plain or place.is_absolute() or ".." in place.parts or not place.parts:
            raise _invalid(f"it holds a file whose path is not a plain one below it: {path[:80]!a}")
        if len(path.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > _MAX_FILE_NAME for part in place.parts):
            raise _invalid(
                f"it holds a file whose path is too long, expected at most {MAX_PATH_BYTES} bytes in UTF-8 and "
                f"{_MAX_FILE_NAME} for each name in it: {path[:80]!a}"
            )
        if str(place) in self._seen:
            raise _invalid(f"it holds two files of one name: {path[:80]!a}")
        self._seen.add(str(place))
        if len(self._seen) > MAX_FILES:
            raise _invalid(f"it holds more than {MAX_FILES} files")
        return str(place)


class _Entry(tarfile.TarInfo):
    """An entry whose extended headers, which are read at once, are not larger than any that holds a path."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED and self.size > _LARGEST_HEADER:
            raise _invalid(f"it holds a header of {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]  # For subclasses, says its source.
        return found


def _untar(archive: Path, unpacker: _Unpacker, *, mode: str) -> None:
    with tarfile.open(archive, mode, tarinfo=_Entry) as content:  # type: ignore[call-overload]  # A mode in a variable.
        for count, member in enumerate(content):
            if count > 2 * MAX_FILES:
                raise _invalid(f"it holds more than {MAX_FILES} files and folders")
            if member.isdir():
                continue
            file = content.extractfile(member) if member.isreg() else None
            if file is None:
                raise _invalid(f"it holds something that is neither a file nor a folder: {member.name[:80]!a}")
            unpacker.expect(member.size)
            unpacker.write(member.name, file)
            content.members = []  # Else it keeps every header.


def _unzip(archive: Path, unpacker: _Unpacker) -> None:
    with archive.open("rb") as file:
        # The directory is read whole, so its size comes first, and zipfile has no public way to ask for it.
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # noqa: SLF001  # See above.
    if end is not None and end[_DIRECTORY_SIZE] > _LARGEST_DIRECTORY:
        raise _invalid(f"its directory has {end[_DIRECTORY_SIZE]} bytes, more than {MAX_FILES} files need")
    with zipfile.ZipFile(archive) as content:
        _check_directory(content.infolist())
        unpacker.expect(sum(member.file_size for member in content.infolist()))
        for member in content.infolist():
            if member.is_dir():
                continue
            is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
            if is_link or member.flag_bits & 1 or member.compress_type not in _PLAIN_ZIP:
                raise _invalid(
                    f"it holds a link, or an entry that is encrypted or not packed by deflate: {member.filename[:80]!a}"
                )
            with content.open(member) as file:
                unpacker.write(member.filename, file)


def _check_directory(members: Sequence[zipfile.ZipInfo]) -> None:
    """What the directory says: not too many entries, and none that has its bytes in common with another."""
    if len(members) > 2 * MAX_FILES:
        raise _invalid(f"it holds more than {MAX_FILES} files and folders")
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise _invalid(f"it holds two files in the same bytes: {member.filename[:80]!a}")
        end = member.header_offset + _LOCAL_HEADER + member.compress_size


def _lift(folder: Path) -> None:
    """A folder that was packed with its own name becomes what it holds."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or not (inside[0] / "MLmodel").is_file():
        return
    beside = folder.with_name(f"{folder.name}.lifted")
    inside[0].rename(beside)
    for path in beside.iterdir():
        path.rename(folder / path.name)
    beside.rmdir()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN as exc:
        if isinstance(exc, OSError) and not isinstance(exc, zipfile.BadZipFile | tarfile.TarError) and exc.errno:
            raise  # The disk's own.
        raise _invalid("it cannot be read to its end") from exc


def _invalid(what: str) -> Invalid:
    return Invalid(f"the archive: {what}", code="archive_invalid")
