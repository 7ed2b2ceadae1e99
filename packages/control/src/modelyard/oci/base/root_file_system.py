"""A root file system as an image of one layer: a folder, or a tar archive as `debootstrap` and `docker export` give it.

Owners, modes and times of files are preserved: a .pyc records its source's mtime. Devices, pipes and sockets are
omitted, and so is the content of `/proc`, `/sys`, `/dev`, `/run` and `/tmp`, which belongs to a running system.
"""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn, cast
from uuid import uuid4

from modelyard.errors import Invalid
from modelyard.oci.blobs import CHUNK
from modelyard.oci.content import CONFIG, MANIFEST, Descriptor, ImageManifest, Platform
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layers import GzipTarLayer
from modelyard.oci.layout import Layout
from modelyard.oci.tar_format import Entry, Kind

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TRANSIENT = ("proc/", "sys/", "dev/", "run/", "tmp/")
_DECOMPRESSORS: tuple[tuple[bytes, Callable[[Path], BinaryIO]], ...] = (
    (b"\x1f\x8b", lambda path: cast("BinaryIO", gzip.open(path))),  # noqa: SIM115  # The caller closes it.
    (b"\xfd7zXZ\x00", lambda path: cast("BinaryIO", lzma.open(path))),  # noqa: SIM115  # As above.
    (b"BZh", lambda path: cast("BinaryIO", bz2.open(path))),  # noqa: SIM115  # As above.
)
_ELF_MACHINES = {62: "amd64", 183: "arm64", 21: "ppc64le", 22: "s390x", 243: "riscv64"}
_ELF_FOLDERS = ("bin/", "usr/bin/", "sbin/", "usr/sbin/")
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class _File:
    """An entry, the identity of its content (the same for hard links), and how the content is opened."""

    entry: Entry
    identity: object
    open: Callable[[], IO[bytes]] | None


def import_root_file_system(source: Path, layout: Layout, *, name: str, architecture: str | None = None) -> Descriptor:
    """Make an image of a root file system and name it in the layout.

    Args:
        source: a folder, or a tar archive, plain or compressed with gzip, xz or bzip2.
        layout: where the image is put.
        name: what the layout names it.
        architecture: a GOARCH value; None detects it from a program of the file system.

    Raises:
        Invalid: code `root_file_system_invalid`.
    """
    with layout.shared_lock(), ExitStack() as opened:
        files = _files(source, layout, opened)
        if not files:
            raise _invalid_file_system(source, "files", "none")
        platform = Platform(architecture or _architecture(source, files))
        with layout.blobs.writer() as writer:
            layer = GzipTarLayer(writer)
            for entry, content in _entries(files):
                layer.add(entry, content)
            made = layer.commit("imported root file system")
        config = ImageConfig(
            platform=platform,
            diff_ids=[made.diff_id],
            run={"Env": [f"PATH={PATH}"]},
            created=_EPOCH,
            history=[{"created": _EPOCH, "created_by": made.comment}],
        )
        manifest = ImageManifest(layout.blobs.add(config.to_bytes(), CONFIG), [made.descriptor])
        descriptor = replace(layout.blobs.add(manifest.to_bytes(), MANIFEST), platform=platform)
        return layout.put(descriptor, name=name)


def _files(source: Path, layout: Layout, opened: ExitStack) -> list[_File]:
    """All entries, by path."""
    if source.is_dir():
        files = list(_of_folder(source))
    elif source.is_file():
        archive = _decompressed(source, layout, opened)
        try:
            members = opened.enter_context(tarfile.open(archive, mode="r:"))  # noqa: SIM115  # Entered here.
            files = list(_of_archive(source, members))
        except tarfile.TarError as error:
            raise _invalid_file_system(
                source, "a tar archive, plain or compressed with gzip, xz or bzip2", str(error)
            ) from error
    else:
        raise _invalid_file_system(source, "a folder or a tar archive", "neither")
    return sorted(files, key=lambda file: file.entry.path.split("/"))


def _decompressed(source: Path, layout: Layout, opened: ExitStack) -> Path:
    """The archive, decompressed into a file if it is compressed: its entries are read in another order than stored."""
    with source.open("rb") as file:
        magic = file.read(6)
    decompress = next((decompress for start, decompress in _DECOMPRESSORS if magic.startswith(start)), None)
    if decompress is None:
        return source
    plain = layout.scratch / uuid4().hex
    opened.callback(plain.unlink, missing_ok=True)
    try:
        with decompress(source) as compressed, plain.open("xb") as file:
            shutil.copyfileobj(compressed, file, CHUNK)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise _invalid_file_system(source, "an archive that can be decompressed", str(error)) from error
    return plain


def _of_folder(source: Path) -> Iterator[_File]:
    for root, folders, names in os.walk(source, onerror=partial(_refuse_unreadable, source)):
        for name in (*folders, *names):
            path = Path(root) / name
            found = path.lstat()
            kind = _kind_of_mode(found.st_mode)
            relative = path.relative_to(source).as_posix()
            if kind is None or _is_transient(relative):
                continue
            entry = Entry(
                relative,
                kind=kind,
                size=found.st_size if kind is Kind.FILE else 0,
                mode=stat.S_IMODE(found.st_mode),
                target=str(path.readlink()) if kind is Kind.SYMLINK else "",
                uid=found.st_uid,
                gid=found.st_gid,
                mtime=max(0, int(found.st_mtime)),
            )
            yield _File(entry, (found.st_dev, found.st_ino), _opener(source, path) if kind is Kind.FILE else None)


def _of_archive(source: Path, archive: tarfile.TarFile) -> Iterator[_File]:
    members = {_normalized_path(source, member.name): member for member in archive}
    for path, member in members.items():
        content = _content_of(source, members, member)
        kind = _kind_of_member(content)
        if not path or kind is None or _is_transient(path):
            continue
        entry = Entry(
            path,
            kind=kind,
            size=content.size if kind is Kind.FILE else 0,
            mode=content.mode & 0o7777,
            target=content.linkname if kind is Kind.SYMLINK else "",
            uid=content.uid,
            gid=content.gid,
            mtime=max(0, int(content.mtime)),
        )
        yield _File(entry, content.offset, _member_opener(archive, content) if kind is Kind.FILE else None)


def _content_of(source: Path, members: dict[str, tarfile.TarInfo], member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member that a hard link stands for, or the member itself."""
    for _ in range(len(members)):
        if not member.islnk():
            return member
        target = members.get(_normalized_path(source, member.linkname))
        if target is None or target is member:
            break
        member = target
    raise _invalid_file_system(source, "hard links to files of the archive", f"one to {member.linkname!r:.120}")


def _entries(files: list[_File]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """The entries; the first of several hard links carries the content."""
    first: dict[object, str] = {}
    for file in files:
        if file.open is None:
            yield file.entry, iter(())
        elif file.identity in first:
            target = first[file.identity]
            yield replace(file.entry, kind=Kind.HARD_LINK, size=0, target=target), iter(())
        else:
            first[file.identity] = file.entry.path
            yield file.entry, _chunks(file.open)


def _chunks(open_content: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with open_content() as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _architecture(source: Path, files: list[_File]) -> str:
    """The architecture of the first ELF program of the file system."""
    programs = (file for file in files if file.open is not None and file.entry.path.startswith(_ELF_FOLDERS))
    for program in programs:
        assert program.open is not None  # noqa: S101  # Chosen above.
        with suppress(OSError), program.open() as file:
            head = file.read(20)
            machine = int.from_bytes(head[18:20], "little" if head[5:6] == b"\x01" else "big")
            if head.startswith(b"\x7fELF") and machine in _ELF_MACHINES:
                return _ELF_MACHINES[machine]
    raise _invalid_file_system(
        source, "a program of a known architecture below bin or usr/bin, or the architecture named", "none"
    )


def _normalized_path(source: Path, name: str) -> str:
    """A member's path without `./`. Raises Invalid for one that leads out of the root."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or "\0" in name or any(part.startswith(".wh.") for part in parts):
        raise _invalid_file_system(source, "paths below the root, and no whiteouts", repr(name)[:120])
    return "/".join(parts)


def _is_transient(path: str) -> bool:
    return path.startswith(_TRANSIENT)


def _kind_of_mode(mode: int) -> Kind | None:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.SYMLINK if stat.S_ISLNK(mode) else None


def _kind_of_member(member: tarfile.TarInfo) -> Kind | None:
    if member.isreg():
        return Kind.FILE
    if member.isdir():
        return Kind.FOLDER
    return Kind.SYMLINK if member.issym() else None


def _opener(source: Path, path: Path) -> Callable[[], IO[bytes]]:
    def open_file() -> IO[bytes]:
        try:
            return path.open("rb")
        except PermissionError as error:
            _refuse_unreadable(source, error)

    return open_file


def _refuse_unreadable(source: Path, error: OSError) -> NoReturn:
    """What an image would lack. Its owner and its mode are the file system's own, so root is who reads all of it."""
    path = Path(str(error.filename)).relative_to(source)
    raise _invalid_file_system(
        source,
        f"files that this account may read; as root, `tar --create --file rootfs.tar --directory {source.name} .` "
        "makes an archive that can be imported instead",
        f"{path} ({error.strerror})",
    ) from error


def _member_opener(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        content: Any = archive.extractfile(member)
        return content  # type: ignore[no-any-return]  # Of a regular file there always is one.

    return open_member


def _invalid_file_system(source: Path, expected: str, got: str) -> Invalid:
    return Invalid(
        f"root file system {source.name}: expected {expected}, got {got}",
        code="root_file_system_invalid",
        field="source",
    )
