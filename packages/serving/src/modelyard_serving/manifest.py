"""The manifest of a folder: sha256 and size of every file in it but itself. It asks for bytes, not what they mean."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from modelyard_serving.errors import InvalidModel

MANIFEST = "manifest.json"
_ALGORITHM = "sha256"


@dataclass(frozen=True, slots=True)
class _Entry:
    sha256: str
    size: int


def write_manifest(folder: Path) -> Path:
    """Write `manifest.json` over every file of `folder`, sorted, in one atomic step.

    Raises:
        InvalidModel: the folder holds something that is neither a file nor a folder (a link, a socket).
    """
    files = {
        name: {"sha256": _sha256(folder / name), "size": (folder / name).stat().st_size} for name in _files(folder)
    }
    document = orjson.dumps(
        {"algorithm": _ALGORITHM, "files": files}, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2
    )
    target = folder / MANIFEST
    temporary = folder.with_name(f".{folder.name}.{MANIFEST}.{os.getpid()}")
    temporary.write_bytes(document + b"\n")
    temporary.replace(target)
    return target


def verify_manifest(folder: Path) -> None:
    """Check every file of `folder` against its manifest.

    Raises:
        InvalidModel: there is no manifest, or a file is missing, changed or not listed, or is a link.
    """
    entries = _read(folder / MANIFEST)
    found = set(_files(folder))
    if missing := sorted(entries.keys() - found):
        raise InvalidModel(f"{MANIFEST} of {folder} lists files that are not there: {_some(missing)}")
    if unlisted := sorted(found - entries.keys()):
        raise InvalidModel(f"{folder} holds files that {MANIFEST} does not list: {_some(unlisted)}")
    for name, entry in entries.items():
        _verify_file(folder / name, name=name, entry=entry)


def _verify_file(path: Path, *, name: str, entry: _Entry) -> None:
    size = path.stat().st_size
    if size != entry.size:
        raise InvalidModel(f"file {name!r} was changed: {MANIFEST} says {entry.size} bytes, it has {size}")
    if (digest := _sha256(path)) != entry.sha256:
        raise InvalidModel(f"file {name!r} was changed: {MANIFEST} says sha256 {entry.sha256}, it has {digest}")


def _read(path: Path) -> dict[str, _Entry]:
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidModel(f"{path.parent} has no {MANIFEST}") from error
    except orjson.JSONDecodeError as error:
        raise InvalidModel(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        raise InvalidModel(f"{path} has no object 'files'")
    if document.get("algorithm") != _ALGORITHM:
        raise InvalidModel(f"{path}: expected algorithm {_ALGORITHM!r}, got {document.get('algorithm')!r}")
    return {name: _entry(name, entry) for name, entry in document["files"].items()}


def _entry(name: str, entry: Any) -> _Entry:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name:
        raise InvalidModel(f"{MANIFEST} lists {name!r}, which is not a plain path inside the folder")
    match entry:
        case {"sha256": str(sha256), "size": int(size)}:
            return _Entry(sha256=sha256, size=size)
    raise InvalidModel(f"{MANIFEST}: the entry of {name!r} needs a string 'sha256' and an integer 'size'")


def _files(folder: Path) -> Iterator[str]:
    """Paths of all files under `folder` but its manifest, relative, with `/`, sorted."""
    names = sorted(path.relative_to(folder).as_posix() for path in _walk(folder))
    return (name for name in names if name != MANIFEST)


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            else:
                raise InvalidModel(f"{entry.path} is a link or a device; a bundle holds only files and folders")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _ALGORITHM).hexdigest()


def _some(names: list[str]) -> str:
    """The first names, and how many more there are: an error stays one sentence."""
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
