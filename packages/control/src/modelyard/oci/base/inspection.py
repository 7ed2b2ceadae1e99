"""What a base offers to an environment: its Pythons and its C library, read from the files of its layers.

Nothing of a base is run. Its layers are read once, one behind the other, as a runtime stacks them.
"""

import gzip
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import IO, cast

from modelyard.errors import Invalid
from modelyard.oci.base.root_file_system import PATH
from modelyard.oci.blobs import Blobs
from modelyard.oci.content import AS_OCI, LAYER, LAYER_GZIP, ImageManifest
from modelyard.oci.image_config import ImageConfig

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LIBRARY = re.compile(r"libc\.so\.6|libc-2\.\d+\.so")
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,80}version (2\.\d{1,3})")
_PYTHON = re.compile(r"python(3\.\d{1,2})")
_MAX_LIBRARY = 16 * 1024 * 1024
_MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """What an environment needs to know of a base."""

    glibc: str
    """`2.36`"""
    pythons: Mapping[str, str]
    """By minor version (`3.11`): the path that the search path finds first."""

    def interpreter(self, python: str) -> str:
        """The path of this Python.

        Raises:
            Invalid: code `base_without_python`.
        """
        minor = ".".join(python.split(".")[:2])
        if minor not in self.pythons:
            there = ", ".join(sorted(self.pythons)) or "none"
            raise Invalid(
                f"base: expected one with Python {minor}, which the model's environment is locked for, got one with "
                f"{there}; name a base that has python{minor} on its PATH",
                code="base_without_python",
                field="base",
            )
        return self.pythons[minor]


@dataclass(slots=True)
class _Files:
    """The stacked layers: by path what a link leads to, and None for what is no link."""

    links: dict[str, str | None] = field(default_factory=dict)
    glibc: dict[str, str] = field(default_factory=dict)

    def remove(self, path: str, *, below_only: bool = False) -> None:
        below = f"{path}/" if path else ""
        for name in [name for name in self.links if name.startswith(below) or (name == path and not below_only)]:
            del self.links[name]
            self.glibc.pop(name, None)

    def resolve(self, path: str) -> str | None:
        """The file at a path, links followed; None when there is none."""
        place, rest, hops = "", path.strip("/").split("/"), 0
        while rest:
            name, *rest = rest
            if name in {"", "."}:
                continue
            step = dirname(place) if name == ".." else join(place, name)
            target = self.links.get(step)
            if target is None:
                place = step
                continue
            hops += 1
            if hops > _MAX_LINKS:
                return None
            rest = [*target.strip("/").split("/"), *rest]
            place = "" if target.startswith("/") else place
        return place if place in self.links else None


def inspect_base(blobs: Blobs, manifest: ImageManifest, config: ImageConfig) -> BaseFacts:
    """Read the layers of a base.

    Raises:
        Invalid: code `base_unsupported`: it has no GNU C library, or a layer in a form that is not read here.
    """
    files = _Files()
    for layer in manifest.layers:
        if AS_OCI.get(layer.media_type, layer.media_type) not in {LAYER, LAYER_GZIP}:
            raise _unsupported_base(f"layers of {LAYER} or {LAYER_GZIP}", layer.media_type)
        try:
            with blobs.open(layer.digest) as file, tarfile.open(fileobj=_decompressed(file), mode="r|") as archive:
                _stack(files, archive)
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise _unsupported_base("layers that are tar archives", f"{layer.digest}: {error}") from error
    versions = [files.glibc[path] for path in sorted(files.glibc)]
    if not versions:
        raise _unsupported_base(
            "one with the GNU C library 2, as the wheels of packages need it", "one without libc.so.6"
        )
    return BaseFacts(glibc=max(versions, key=lambda text: int(text.split(".")[1])), pythons=_pythons(files, config))


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    """The plain archive. A gzip stream may have many members, which tarfile itself does not read."""
    magic = file.read(2)
    file.seek(0)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if magic == b"\x1f\x8b" else file


def _stack(files: _Files, archive: tarfile.TarFile) -> None:
    """Put one more layer on top."""
    for member in archive:
        path = normpath(member.name).strip("/")
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            files.remove(folder, below_only=True)
        elif name.startswith(_WHITEOUT):
            files.remove(join(folder, name.removeprefix(_WHITEOUT)))
        else:
            files.links[path] = member.linkname if member.issym() else None
            files.glibc.pop(path, None)
            if member.isreg() and member.size <= _MAX_LIBRARY and _LIBRARY.fullmatch(name):
                _note_library(files, path, archive, member)
        archive.members.clear()  # type: ignore[attr-defined]  # Else every entry is kept.


def _note_library(files: _Files, path: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    content = archive.extractfile(member)
    found = None if content is None else _GLIBC.search(content.read())
    if found is not None:
        files.glibc[path] = found[1].decode()


def _pythons(files: _Files, config: ImageConfig) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in config.environment.get("PATH", PATH).split(":"):
        place = files.resolve(folder) if folder.startswith("/") else None
        if place is None:
            continue
        for path in sorted(files.links):
            match = _PYTHON.fullmatch(path.rpartition("/")[2]) if dirname(path) == place else None
            if match is not None and files.resolve(path) is not None:
                found.setdefault(match[1], join(folder, match[0]))
    return found


def _unsupported_base(expected: str, got: str) -> Invalid:
    return Invalid(f"base: expected {expected}, got {got}", code="base_unsupported", field="base")
