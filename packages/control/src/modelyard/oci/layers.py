"""Writes layers: entries of a tar archive, in the order in which they come, hashed as they are written.

`TarLayer` is the archive itself, uncompressed; its digest is its `diff_id`. `GzipTarLayer` compresses the archive here.
`PrecompressedGzipLayer` writes it as members of a gzip stream (`gzip_members`), some of which copy deflate streams that
exist already. Each keeps at most about 1 MiB in memory.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelyard.errors import Invalid
from modelyard.oci.blobs import BlobSink
from modelyard.oci.content import LAYER, LAYER_GZIP, Descriptor, Digest
from modelyard.oci.gzip_members import member_header, stored_member, trailer
from modelyard.oci.tar_format import END, Entry, folder, parents

_MAX_PENDING = 1024 * 1024
_GZIP = 31
"""Of zlib: a gzip stream, whose header has no time."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is in a store: what it is, its uncompressed digest, and one line on what made it."""

    descriptor: Descriptor
    diff_id: Digest
    comment: str


class TarLayer:
    """An archive without compression."""

    def __init__(self, writer: BlobSink) -> None:
        self._writer = writer
        self._folders: set[str] = set()

    def add(self, entry: Entry, content: Iterable[bytes] = ()) -> None:
        """Append an entry, and before it the folders above it that have not come yet.

        Raises:
            Invalid: code `layer_content_changed`: the content is not as long as the entry says.
        """
        for above in _new_parent_folders(self._folders, entry):
            self._put(above.header())
        self._put(entry.header())
        for chunk in _check_size(content, entry):
            self._put(chunk)
        self._put(entry.padding)

    def commit(self, comment: str) -> Layer:
        """End the archive and name it."""
        self._put(END)
        descriptor = self._writer.commit(LAYER)
        return Layer(descriptor, descriptor.digest, comment)

    def _put(self, content: bytes) -> None:
        self._writer.write(content)


class GzipTarLayer(TarLayer):
    """An archive that is compressed here, so its digest depends on the release of zlib. For imported bases."""

    def __init__(self, writer: BlobSink) -> None:
        super().__init__(writer)
        self._diff_id_hash = hashlib.sha256()
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

    def commit(self, comment: str) -> Layer:
        """End the archive and name it."""
        self._put(END)
        self._writer.write(self._deflate.flush())
        diff_id = Digest(f"sha256:{self._diff_id_hash.hexdigest()}")
        return Layer(self._writer.commit(LAYER_GZIP), diff_id, comment)

    def _put(self, content: bytes) -> None:
        self._diff_id_hash.update(content)
        self._writer.write(self._deflate.compress(content))


class PrecompressedGzipLayer:
    """An archive in gzip members, some of which hold existing deflate streams, such as those of a wheel."""

    def __init__(self, writer: BlobSink) -> None:
        self._writer = writer
        self._folders: set[str] = set()
        self._diff_id_hash = hashlib.sha256()
        self._pending = bytearray()

    def add(self, entry: Entry, content: Iterable[bytes] = ()) -> None:
        """Append an entry with content that is stored as it is, and before it the folders above it.

        Raises:
            Invalid: code `layer_content_changed`: the content is not as long as the entry says.
        """
        self._write_header(entry)
        for chunk in _check_size(content, entry):
            self._store(chunk)
        self._store(entry.padding)

    def add_deflated(self, entry: Entry, deflated: Iterable[bytes], *, crc: int) -> None:
        """Append a file as the deflate stream that it is in a wheel. It is inflated once, to be hashed and checked.

        Raises:
            Invalid: code `layer_content_changed`: the stream does not hold what its archive says.
        """
        self._write_header(entry)
        self._flush()
        self._writer.write(member_header())
        found = 0
        for piece in _check_size(_inflated(self._copied(deflated), entry), entry):
            found = zlib.crc32(piece, found)
            self._diff_id_hash.update(piece)
        if found != crc:
            raise _changed(entry, "CRC mismatch")
        self._writer.write(trailer(crc, entry.size))
        self._store(entry.padding)

    def commit(self, comment: str) -> Layer:
        """End the archive and name it."""
        self._store(END)
        self._flush()
        diff_id = Digest(f"sha256:{self._diff_id_hash.hexdigest()}")
        return Layer(self._writer.commit(LAYER_GZIP), diff_id, comment)

    def _copied(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._writer.write(chunk)
            yield chunk

    def _write_header(self, entry: Entry) -> None:
        for above in _new_parent_folders(self._folders, entry):
            self._store(above.header())
        self._store(entry.header())

    def _store(self, content: bytes) -> None:
        self._diff_id_hash.update(content)
        self._pending += content
        if len(self._pending) >= _MAX_PENDING:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write(stored_member(bytes(self._pending)))
            self._pending.clear()


def _new_parent_folders(known: set[str], entry: Entry) -> list[Entry]:
    """The folders above an entry that the archive does not have yet."""
    new = [path for path in parents(entry.path) if path not in known]
    known.update(new)
    known.add(entry.path)
    return [folder(path) for path in new]


def _inflated(deflated: Iterable[bytes], entry: Entry) -> Iterator[bytes]:
    """What a deflate stream holds, at most a chunk at a time."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in deflated:
            pending = chunk
            while pending:
                yield inflate.decompress(pending, _MAX_PENDING)
                pending = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise _changed(entry, "not a deflate stream") from error
    if not inflate.eof or inflate.unused_data:
        raise _changed(entry, "truncated, or with trailing data")


def _check_size(content: Iterable[bytes], entry: Entry) -> Iterator[bytes]:
    """The content; raises Invalid unless it has exactly the size of its entry."""
    size = 0
    for chunk in content:
        size += len(chunk)
        if size > entry.size:
            raise _changed(entry, f"more than {entry.size} bytes")
        yield chunk
    if size != entry.size:
        raise _changed(entry, f"expected {entry.size} bytes, got {size}")


def _changed(entry: Entry, problem: str) -> Invalid:
    return Invalid(f"{entry.path}: {problem}", code="layer_content_changed")
