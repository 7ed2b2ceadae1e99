"""Makes the manifest of a folder: reads and hashes every file, and loads none."""

import hashlib
from pathlib import Path

from modelyard.registry.domain import FileEntry, Manifest

_CHUNK = 1024 * 1024


def manifest_of(folder: Path) -> Manifest:
    """Hash every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Manifest(
        tuple(FileEntry(path.relative_to(folder).as_posix(), sha256_of(path), path.stat().st_size) for path in paths)
    )


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
