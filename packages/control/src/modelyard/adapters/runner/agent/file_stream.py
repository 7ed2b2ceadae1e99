"""Files as one stream of bytes: a line of JSON that names a file and its size, its bytes, and so on.

Both sides bound what they read, as neither trusts what a script may have made of the other.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from modelyard.adapters.runner.laid_files import below
from modelyard.ports.files import FileEntry, FileTree


class Readable(Protocol):
    """What a stream of files is read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""

    def readline(self, limit: int, /) -> bytes:
        """At most so many bytes, up to the end of a line."""


_CHUNK = 256 * 1024
_LONGEST_LINE = 64 * 1024


def file_header(entry: FileEntry, *, folder: str = "") -> bytes:
    """The line before a file's bytes."""
    header = {"path": folder + entry.path, "size": entry.size, "is_executable": entry.is_executable}
    return json.dumps(header).encode() + b"\n"


def stream_size(tree: FileTree, *, folder: str) -> int:
    """How many bytes `tree_stream` gives."""
    return sum(len(file_header(entry, folder=folder)) + entry.size for entry in tree.entries())


def tree_stream(tree: FileTree, *, folder: str) -> Iterator[bytes]:
    """All files of a tree, below a folder of the stream."""
    for entry in tree.entries():
        yield file_header(entry, folder=folder)
        with tree.open(entry.path) as file:
            yield from copied(file, entry.size)


def copied(file: Readable, size: int) -> Iterator[bytes]:
    """Exactly so many bytes of a file.

    Raises:
        ValueError: it has fewer.
    """
    while size:
        chunk = file.read(min(_CHUNK, size))
        if not chunk:
            raise ValueError("the stream of files ends within a file")
        size -= len(chunk)
        yield chunk


def lay_files(stream: Readable, folder: Path, *, most_files: int, most_bytes: int) -> None:
    """Write the files of a stream below a folder that has no link in it.

    Raises:
        ValueError: it is no such stream, it leads out of the folder, or it is longer than allowed.
    """
    while line := stream.readline(_LONGEST_LINE):
        header = json.loads(line)
        size, most_files = int(header["size"]), most_files - 1
        most_bytes -= size
        if size < 0 or most_files < 0 or most_bytes < 0:
            raise ValueError("expected fewer or smaller files")
        place = folder / below(header["path"])
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as copy:
            for chunk in copied(stream, size):
                copy.write(chunk)
        place.chmod(0o755 if header["is_executable"] else 0o644)
