"""A folder of blobs that are named by their digest. A blob is written to a temporary file and renamed, so a blob that
has its name is complete; temporary files of dead processes are removed by the next one."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self
from uuid import uuid4

from modelyard.errors import Invalid, NotFound
from modelyard.oci.background_hash import BackgroundHash, Hash
from modelyard.oci.content import Descriptor, Digest
from modelyard.oci.strict_json import MAX_DOCUMENT

CHUNK = 1024 * 1024
_MODE = 0o644


class BlobSink(Protocol):
    """Takes the bytes of one blob; `commit` names it."""

    def write(self, content: bytes) -> None:
        """Append."""

    def commit(self, media_type: str) -> Descriptor:
        """Give the blob its name."""


class BlobWriter:
    """Takes the bytes of one blob; `commit` names it. Left without a commit, nothing stays of it."""

    def __init__(self, temporary: Path, folder: Path, found: Hash) -> None:
        self._temporary = temporary
        self._folder = folder
        self._file = temporary.open("xb")
        self._hash = found
        self.size = 0

    def write(self, content: bytes) -> None:
        """Append."""
        self._hash.update(content)
        self.size += len(content)
        self._file.write(content)

    @property
    def digest(self) -> Digest:
        """Of what was written up to now."""
        return Digest(f"sha256:{self._hash.hexdigest()}")

    def commit(self, media_type: str) -> Descriptor:
        """Give the blob its name. An existing blob of this digest has the same bytes and is not replaced."""
        self._file.flush()
        self._temporary.chmod(_MODE)
        descriptor = Descriptor(media_type, self.digest, self.size)
        path = self._folder / descriptor.digest.hex
        if not _is_whole(path, descriptor):
            os.fsync(self._file.fileno())
            self._temporary.replace(path)
        return descriptor

    def __enter__(self) -> Self:
        """Take the blob's bytes."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Leave nothing that was not committed."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class Blobs:
    """The blobs below `root/blobs/sha256`, as an OCI layout has them.

    Args:
        root: the layout's folder.
        scratch: gives the folder where blobs are written before they have a name; on the file system of `root`.
    """

    def __init__(self, root: Path, scratch: Callable[[], Path]) -> None:
        self._folder = root / "blobs" / "sha256"
        self._scratch = scratch

    def path(self, digest: Digest) -> Path:
        """Where a blob is, or would be."""
        return self._folder / digest.hex

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here with the size that the descriptor says."""
        return _is_whole(self.path(descriptor.digest), descriptor)

    @contextmanager
    def writer(self, *, in_background: bool = False) -> Iterator[BlobWriter]:
        """Begin a blob whose digest is not known yet. It may be hashed in the background, while it is written; that is
        for blobs that come in few large pieces."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (
            BackgroundHash() if in_background else nullcontext(hashlib.sha256()) as found,
            BlobWriter(self._scratch() / uuid4().hex, self._folder, found) as writer,
        ):
            yield writer

    def add(self, content: bytes, media_type: str) -> Descriptor:
        """Put a small blob here."""
        with self.writer() as writer:
            writer.write(content)
            return writer.commit(media_type)

    def add_stream(self, chunks: Iterable[bytes], expected: Descriptor) -> None:
        """Add a blob from another source, verified against its descriptor.

        Raises:
            Invalid: code `blob_changed`: its size or digest is another. Nothing of it stays.
        """
        with self.writer() as writer:
            for chunk in chunks:
                if writer.size + len(chunk) > expected.size:
                    raise _changed(expected, f"more than {expected.size} bytes")
                writer.write(chunk)
            if writer.size != expected.size:
                raise _changed(expected, f"{writer.size} bytes")
            if writer.digest != expected.digest:
                raise _changed(expected, str(writer.digest))
            writer.commit(expected.media_type)

    @contextmanager
    def open(self, digest: Digest) -> Iterator[IO[bytes]]:
        """A blob to be read.

        Raises:
            NotFound: code `blob_not_found`.
        """
        try:
            file = self.path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"there is no blob {digest} in the layout", code="blob_not_found") from error
        with file:
            yield file

    def chunks(self, digest: Digest, *, start: int = 0) -> Iterator[bytes]:
        """The bytes of a blob from `start`, piece by piece. Raises as `open` does."""
        with self.open(digest) as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk

    def document(self, descriptor: Descriptor) -> bytes:
        """The bytes of a manifest, an index or a configuration, checked against their digest.

        Raises:
            NotFound: code `blob_not_found`.
            Invalid: code `blob_changed`, or it is no document by its size.
        """
        if descriptor.size > MAX_DOCUMENT:
            raise Invalid(
                f"{descriptor.digest}: expected a document of at most {MAX_DOCUMENT} bytes, got {descriptor.size}",
                code="oci_document_invalid",
            )
        with self.open(descriptor.digest) as file:
            content = file.read(descriptor.size + 1)
        if Digest.of(content) != descriptor.digest:
            raise _changed(descriptor, str(Digest.of(content)))
        return content

    def size(self, digest: Digest) -> int:
        """Bytes of a blob; 0 where it is not here."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def names(self) -> Iterator[Digest]:
        """The digests of all blobs."""
        if self._folder.exists():
            yield from (Digest(f"sha256:{path.name}") for path in sorted(self._folder.iterdir()))

    def remove(self, digest: Digest) -> int:
        """Take a blob away; how many bytes it had. None there: nothing to do."""
        path = self.path(digest)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return 0
        path.unlink(missing_ok=True)
        return size


def _is_whole(path: Path, descriptor: Descriptor) -> bool:
    try:
        return path.stat().st_size == descriptor.size
    except FileNotFoundError:
        return False


def _changed(expected: Descriptor, came: str) -> Invalid:
    return Invalid(
        f"blob {expected.digest}: expected {expected.size} bytes of this digest, got {came}", code="blob_changed"
    )
