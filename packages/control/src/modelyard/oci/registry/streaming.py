"""Sends a blob while it is written. Its digest is known at the end only, as in a push of Docker's own.

It saves the time of an upload and decides nothing: whatever fails here is logged, and the push sends the blob, from
where this ended. A registry that is slower than the disk holds the writer up, as it would hold up the push.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import Enum, auto
from queue import Queue

from modelyard.errors import ModelyardError
from modelyard.oci.blobs import BlobSink
from modelyard.oci.content import Descriptor
from modelyard.oci.registry.uploads import BlobUploads

_WAITING = 4
"""Chunks that wait to be sent, at most."""


class _End(Enum):
    """What comes after the last chunk."""

    WHOLE = auto()
    ABANDONED = auto()


class _Abandoned(Exception):
    """The writer gave the blob up."""


class StreamedWriter:
    """Writes a blob to its sink and to a repository. Both get the chunks of one caller."""

    def __init__(self, sink: BlobSink, upload: "_Upload") -> None:
        self._sink = sink
        self._upload = upload

    def write(self, content: bytes) -> None:
        """Append."""
        self._sink.write(content)
        self._upload.write(content)

    def commit(self, media_type: str) -> Descriptor:
        """Name it in the sink, then in the repository."""
        descriptor = self._sink.commit(media_type)
        self._upload.finish(descriptor)
        return descriptor


@contextmanager
def streamed(sink: BlobSink, uploads: BlobUploads, *, log: Callable[[str], None]) -> Iterator[StreamedWriter]:
    """A writer of a blob that is sent while it is written. Left without a commit, nothing is named anywhere."""
    with ThreadPoolExecutor(1, thread_name_prefix="streamed-upload") as thread:
        upload = _Upload(uploads, thread, log)
        try:
            yield StreamedWriter(sink, upload)
        finally:
            upload.close()


class _Upload:
    """One upload, by a thread of its own. It takes the chunks to their end also after it failed."""

    def __init__(self, uploads: BlobUploads, thread: ThreadPoolExecutor, log: Callable[[str], None]) -> None:
        self._uploads = uploads
        self._log = log
        self._chunks: Queue[bytes | _End] = Queue(_WAITING)
        self._end: _End | None = None
        self._location: str | None = None
        self._sent = thread.submit(self._send)

    def write(self, content: bytes) -> None:
        """Hand a chunk over; waits while the registry is slower."""
        self._chunks.put(content)

    def finish(self, blob: Descriptor) -> None:
        """Name the blob, or leave what arrived of it to the push."""
        self._chunks.put(_End.WHOLE)
        try:
            self._uploads.finish_streamed(blob, self._sent.result())
        except ModelyardError as error:
            self._log(f"{blob.digest} is left to the push: {error.message}")
            if self._location is not None:
                self._uploads.save_location(blob, self._location)
        else:
            self._log(f"sent {blob.digest} ({blob.size} bytes) while it was written")

    def close(self) -> None:
        """Give it up unless it was finished."""
        if self._sent.done():
            return
        self._chunks.put(_End.ABANDONED)
        with suppress(ModelyardError, _Abandoned):
            self._sent.result()
        if self._location is not None:
            self._uploads.cancel(self._location)

    def _send(self) -> str:
        try:
            self._location = self._uploads.start()
            return self._uploads.stream(self._location, self._pieces())
        finally:
            while self._end is None:
                self._take()

    def _pieces(self) -> Iterator[bytes]:
        while isinstance(piece := self._take(), bytes):
            yield piece
        if piece is _End.ABANDONED:
            raise _Abandoned  # So that the request does not end as if it were whole.

    def _take(self) -> bytes | _End:
        piece = self._chunks.get()
        if isinstance(piece, _End):
            self._end = piece
        return piece
