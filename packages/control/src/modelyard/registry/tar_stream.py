"""Writes a folder's files as a tar archive, piece by piece: the same files give the same bytes, whoever asks when."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

from modelyard.registry.domain import FileEntry, Manifest

_CHUNK = 1024 * 1024
_END = bytes(2 * tarfile.BLOCKSIZE)


def tar_size(manifest: Manifest) -> int:
    """How many bytes the archive has."""
    return sum(len(_header(file)) + file.size + len(_padding(file)) for file in manifest.files) + len(_END)


def tar_stream(folder: Path, manifest: Manifest) -> Iterator[bytes]:
    """The archive of the manifest's files, by path, without times and owners."""
    for file in sorted(manifest.files, key=lambda file: file.path):
        yield _header(file)
        with (folder / file.path).open("rb") as content:
            while chunk := content.read(_CHUNK):
                yield chunk
        yield _padding(file)
    yield _END


def _header(file: FileEntry) -> bytes:
    entry = tarfile.TarInfo(file.path)
    entry.size = file.size
    entry.mode = 0o644
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(file: FileEntry) -> bytes:
    return bytes(-file.size % tarfile.BLOCKSIZE)
