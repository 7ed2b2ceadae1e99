"""The files that installing a wheel creates below one fixed prefix, by the specification of installed distributions.

The semantics (schemes of `.data`, entry points, RECORD) are those of PyPA's `installer`; the bytes that are generated
(scripts, RECORD, INSTALLER) are written here, so that no release of a library changes an image's digest.
"""

import base64
import hashlib
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import crc32

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry, parse_record_file
from installer.sources import WheelFile
from installer.utils import Scheme

from modelyard.errors import Invalid
from modelyard.oci.blobs import CHUNK
from modelyard.oci.layers import PrecompressedGzipLayer
from modelyard.oci.tar_format import Entry, parents

ROOT = "opt/modelyard"
"""The prefix of everything that is installed, in an image."""
_INSTALLER = b"modelyard\n"
_SCRIPT = """#!{python}
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({call}())
"""
_SHEBANG = b"#!python"
_MAX_SHEBANG = 1024
_MAX_IN_MEMORY = 32 * 1024 * 1024
"""Bytes of a script or of a file of metadata: those that are read whole."""
_MAX_FILES = 200_000
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30


@dataclass(frozen=True, slots=True)
class Prefix:
    """The folders of an environment of one minor version of Python."""

    python: str
    """`3.11`"""
    root: str = ROOT

    @property
    def packages(self) -> str:
        """Where modules are imported from."""
        return f"{self.root}/lib/python{self.python}/site-packages"

    @property
    def interpreter(self) -> str:
        """What scripts name in their first line."""
        return f"/{self.root}/bin/python"

    def scheme_folder(self, scheme: str, distribution: str) -> str:
        """The folder of a scheme."""
        folders = {
            "purelib": self.packages,
            "platlib": self.packages,
            "scripts": f"{self.root}/bin",
            "data": self.root,
            "headers": f"{self.root}/include/site/python{self.python}/{distribution}",
        }
        return folders[scheme]


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """One file of an environment: a member of the wheel, or generated content."""

    path: str
    is_executable: bool
    member: ZipInfo | None = None
    content: bytes = b""

    @property
    def entry(self) -> Entry:
        """Its entry in a layer."""
        size = len(self.content) if self.member is None else self.member.file_size
        return Entry(self.path, size=size, mode=0o755 if self.is_executable else 0o644)


class Wheel:
    """An open wheel, and the files that installing it creates."""

    def __init__(self, path: Path, prefix: Prefix) -> None:
        """Read the wheel's table of contents.

        Raises:
            Invalid: code `wheel_invalid`.
        """
        self.name = path.name
        self._file = path.open("rb")
        try:
            self._zip, self.files = _open_wheel(self._file, path, prefix)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, installed: InstalledFile, layer: PrecompressedGzipLayer) -> None:
        """Append a file of it to a layer."""
        member = installed.member
        if member is None:
            layer.add(installed.entry, [installed.content])
        elif member.compress_type == ZIP_DEFLATED and member.compress_size:
            layer.add_deflated(installed.entry, self._raw(member), crc=member.CRC)
        else:
            layer.add(installed.entry, self._stored(member))

    def _stored(self, member: ZipInfo) -> Iterator[bytes]:
        """The content of a member that is not compressed."""
        found = 0
        for chunk in self._raw(member):
            found = crc32(chunk, found)
            yield chunk
        if found != member.CRC:
            raise _invalid_wheel(self.name, f"CRC of {member.filename} does not match")

    def _raw(self, member: ZipInfo) -> Iterator[bytes]:
        """The bytes of a member as the archive stores them."""
        self._file.seek(member.header_offset)
        header = self._file.read(_LOCAL_HEADER)
        if len(header) != _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise _invalid_wheel(self.name, f"no local file header for {member.filename}")
        name, extra = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        self._file.seek(name + extra, 1)
        left = member.compress_size
        while left:
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise _invalid_wheel(self.name, f"{member.filename} is truncated")
            left -= len(chunk)
            yield chunk


def _open_wheel(file: IO[bytes], path: Path, prefix: Prefix) -> tuple[ZipFile, tuple[InstalledFile, ...]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # Of `__pycache__` in a wheel, which is left out.
            archive = ZipFile(file)
            archive.filename = str(path)
            return archive, _plan_installation(archive, prefix)
    except (BadZipFile, InstallerError, AssertionError, KeyError, ValueError) as error:
        raise _invalid_wheel(
            path.name, f"expected a wheel that can be installed ({str(error) or type(error).__name__})"
        ) from error


def _plan_installation(archive: ZipFile, prefix: Prefix) -> tuple[InstalledFile, ...]:
    """All files, by path."""
    if len(archive.infolist()) > _MAX_FILES:
        raise _invalid_wheel(str(archive.filename), f"expected at most {_MAX_FILES} files")
    for member in archive.infolist():
        if member.filename.partition("/")[0].endswith(".dist-info"):
            _refuse_large(member, archive)  # It is read whole.
        if member.flag_bits & _ENCRYPTED or member.compress_type not in {ZIP_DEFLATED, ZIP_STORED}:
            raise _invalid_wheel(
                str(archive.filename), f"expected files that are deflated or stored ({member.filename} is neither)"
            )
    source = WheelFile(archive)
    destination = _Destination(archive, prefix, source)
    install(source, destination, {"INSTALLER": _INSTALLER})
    _refuse_outside(destination.files, str(archive.filename), root=prefix.root)
    return tuple(sorted(destination.files.values(), key=lambda file: file.path))


def _refuse_large(member: ZipInfo, archive: ZipFile) -> None:
    if member.file_size > _MAX_IN_MEMORY:
        raise _invalid_wheel(str(archive.filename), f"expected at most {_MAX_IN_MEMORY} bytes in {member.filename}")


class _Destination(WheelDestination):
    """Records the files that `installer` would write."""

    def __init__(self, archive: ZipFile, prefix: Prefix, source: WheelFile) -> None:
        self._archive = archive
        self._prefix = prefix
        self._distribution = source.distribution
        rows = parse_record_file(source.read_dist_info("RECORD").splitlines())
        self._records = {row[0]: RecordEntry.from_elements(*row) for row in rows}
        self.files: dict[str, InstalledFile] = {}

    def write_script(self, name: str, module: str, attr: str, section: str) -> RecordEntry:  # noqa: ARG002
        text = _SCRIPT.format(python=self._prefix.interpreter, module=module, name=attr.partition(".")[0], call=attr)
        return self._generate("scripts", name, text.encode(), is_executable=True)

    def write_file(self, scheme: Scheme, path: Any, stream: BinaryIO, is_executable: bool) -> RecordEntry:  # noqa: FBT001
        name = str(path)
        member = _member_of(stream, self._archive)
        if member is None:
            return self._generate(scheme, name, stream.read(), is_executable=is_executable)
        if scheme == "scripts" and stream.readline(_MAX_SHEBANG).startswith(_SHEBANG):
            _refuse_large(member, self._archive)
            content = f"#!{self._prefix.interpreter}\n".encode() + stream.read()
            return self._generate(scheme, name, content, is_executable=True)
        target = self._target_path(scheme, name)
        self.files[target] = InstalledFile(target, is_executable or scheme == "scripts", member=member)
        known = self._records.get(member.filename)
        return RecordEntry(name, known.hash_ if known else None, member.file_size)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        rows = [self._row(scheme_of, record) for scheme_of, record in records]
        content = "".join(f"{row}\n" for row in sorted(rows))
        target = self._target_path(scheme, record_file_path)
        self.files[target] = InstalledFile(target, is_executable=False, content=content.encode())

    def _generate(self, scheme: str, name: str, content: bytes, *, is_executable: bool) -> RecordEntry:
        target = self._target_path(scheme, name)
        self.files[target] = InstalledFile(target, is_executable, content=content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return RecordEntry(name, Hash("sha256", digest), len(content))

    def _target_path(self, scheme: str, name: str) -> str:
        return f"{self._prefix.scheme_folder(scheme, self._distribution)}/{name}"

    def _row(self, scheme: Scheme, record: RecordEntry) -> str:
        """A row of RECORD: paths of modules are relative to their folder, all others absolute."""
        path = record.path if scheme in {"purelib", "platlib"} else f"/{self._target_path(scheme, record.path)}"
        if record.hash_ is None:
            return f"{_quoted(path)},,"
        return f"{_quoted(path)},{record.hash_.name}={record.hash_.value},{record.size}"


def _member_of(stream: IO[bytes], archive: ZipFile) -> ZipInfo | None:
    name = getattr(stream, "name", None)
    return archive.getinfo(name) if isinstance(name, str) else None


def _quoted(path: str) -> str:
    return f'"{path.replace(chr(34), chr(34) * 2)}"' if any(character in path for character in ',"\n') else path


def _refuse_outside(files: Collection[str], wheel: str, *, root: str) -> None:
    """Refuse a wheel that would write outside of the prefix, or that puts a file where another has a folder."""
    names = set(files)
    for path in files:
        parts = path.split("/")
        is_plain = all(part not in {"", ".", ".."} and not part.startswith(".wh.") for part in parts)
        if not is_plain or "\0" in path or "\\" in path or not path.startswith(f"{root}/"):
            raise _invalid_wheel(wheel, f"expected paths below its own folder, got {path!r:.120}")
        if any(above in names for above in parents(path)):
            raise _invalid_wheel(wheel, f"expected no file where {path!r:.120} needs a folder")


def _invalid_wheel(wheel: str, problem: str) -> Invalid:
    return Invalid(f"{Path(wheel).name}: {problem}", code="wheel_invalid")
