"""Puts blobs into a repository: mounts them from another one where that is possible, else uploads them, large ones in
chunks.

A registry writes its disk through at the end of each request, so chunks are large; where a request failed, the next
ones of that blob are shorter. A chunk is not sent again blindly: the registry is queried for the bytes that it has, and
the upload is resumed there, also in another process. Where the registry lost the upload session, a new one is started.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from urllib.parse import quote

from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.oci.blobs import CHUNK, Blobs
from modelyard.oci.content import Descriptor, Digest
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry, push_scope
from modelyard.oci.registry.transport import Response, retry_delay
from modelyard.oci.registry.upload_sessions import UploadSession, UploadSessions

_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,19})")
_SESSION_LOST_STATUSES = frozenset({400, 404, 416})
_BINARY = "application/octet-stream"
_MIN_CHUNK = 4 * 1024 * 1024


class UploadOutcome(StrEnum):
    """How a repository got a blob."""

    ALREADY_PRESENT = "already_present"
    MOUNTED = "mounted"
    UPLOADED = "uploaded"


class _UploadSessionLost(Exception):
    """The registry does not have the upload session any more."""


class BlobUploads:
    """Uploads to one repository."""

    def __init__(
        self,
        registry: Registry,
        repository: Repository,
        *,
        blobs: Blobs,
        sessions: UploadSessions,
        mount_from: Sequence[Repository] = (),
    ) -> None:
        """Upload to a repository of the registry.

        Args:
            registry: of the repository.
            repository: the destination.
            blobs: the blobs on disk.
            sessions: stores uploads in progress.
            mount_from: repositories of the same registry that may have some of the blobs.
        """
        self._registry = registry
        self._repository = repository
        self._blobs = blobs
        self._sessions = sessions
        self._mount_from = [each for each in mount_from if each.host == repository.host and each != repository]
        self._access = registry.transport.access
        self._scope = push_scope(repository)

    def put(self, blob: Descriptor, *, log: Callable[[str], None] = lambda _: None) -> UploadOutcome:
        """Ensure that the repository has a blob.

        Raises:
            Unavailable: code `registry_unavailable`.
            NotFound: code `blob_not_found`: neither the repository nor the disk has it.
            Invalid: the registry refuses, or sent an invalid response.
        """
        if self._registry.has_blob(self._repository, blob):
            return UploadOutcome.ALREADY_PRESENT
        for source in self._mount_from:
            if self._try_mount(blob.digest, source):
                return UploadOutcome.MOUNTED
        log(f"sending {blob.digest} ({blob.size} bytes)")
        for attempt in range(self._access.attempts):
            try:
                with self._sessions.of(self._repository, blob.digest) as session:
                    self._send(blob, session, self._chunk_bytes(attempt))
            except _UploadSessionLost:
                self._access.sleep(retry_delay(attempt))
                continue
            return UploadOutcome.UPLOADED
        raise Unavailable(
            f"the registry {self._registry.host} lost the upload session {self._access.attempts} times",
            code="registry_unavailable",
        )

    def start(self) -> str:
        """The location of a new upload, once: a registry that does not answer is not called again.

        Raises:
            As `put`.
        """
        return self._location(self._start("", self._scope, attempts=1))

    def stream(self, location: str, pieces: Iterator[bytes]) -> str:
        """Append pieces whose number is not known before, as one request; the location that ends the upload.

        Raises:
            As `put`. What the repository has then is the beginning of the pieces.
        """
        once = iter([pieces])
        response = self._registry.transport.request(
            "PATCH",
            location,
            scope=self._scope,
            expected={202, 204},
            headers={"Content-Type": _BINARY},
            content=lambda: next(once, iter(())),
            attempts=1,
        )
        return self._location(response)

    def finish_streamed(self, blob: Descriptor, location: str) -> None:
        """Name a blob of which all pieces were streamed. Raises as `put`."""
        try:
            self._finish(blob, location)
        except _UploadSessionLost:
            raise Unavailable(
                f"the registry {self._registry.host} lost the upload session", code="registry_unavailable"
            ) from None

    def save_location(self, blob: Descriptor, location: str) -> None:
        """Have `put` go on with an upload that has the beginning of a blob, or nothing."""
        with self._sessions.of(self._repository, blob.digest) as session:
            session.save(location)

    def _try_mount(self, digest: Digest, source: Repository) -> bool:
        """Request a mount; an upload that the registry starts instead is cancelled."""
        query = f"mount={quote(str(digest))}&from={quote(source.name, safe='')}"
        scope = f"{self._scope} repository:{source.name}:pull"
        try:
            response = self._start(query, scope)
        except (Invalid, NotFound):  # We may not read there.
            return False
        if response.status == 201:
            return True
        self.cancel(self._location(response))
        return False

    def _chunk_bytes(self, failures: int) -> int:
        """The size of a chunk: a quarter of what it was for each request that failed."""
        longest = self._access.chunk_bytes
        return max(longest >> 2 * failures, min(longest, _MIN_CHUNK))

    def _send(self, blob: Descriptor, session: UploadSession, chunk_bytes: int) -> None:
        try:
            self._send_chunks(blob, session, chunk_bytes)
        except (_UploadSessionLost, Invalid):
            session.delete()
            raise
        session.delete()

    def _send_chunks(self, blob: Descriptor, session: UploadSession, chunk_bytes: int) -> None:
        location, offset = self._start_or_resume(blob, session)
        if offset == 0 and blob.size <= self._access.single_request_bytes:
            self._finish(blob, location, has_all=False)
            return
        session.save(location)
        failures = 0
        while offset < blob.size:
            end = min(offset + min(chunk_bytes, self._chunk_bytes(failures)), blob.size)
            try:
                location, received = self._send_chunk(blob, location, offset, end)
                if received <= offset:
                    raise self._invalid_response(f"an upload that has not grown over {offset} bytes")
                offset, failures = received, 0
                session.save(location)
            except Unavailable:
                failures += 1
                if failures >= self._access.attempts:
                    raise
                self._access.sleep(retry_delay(failures))
                location, offset = self._query_status(blob, location)
        self._finish(blob, location)

    def _start_or_resume(self, blob: Descriptor, session: UploadSession) -> tuple[str, int]:
        """The location and offset of the stored upload if the registry still has it, else of a new one."""
        known = session.location
        if known is not None:
            try:
                location = self._registry.transport.same_origin(known, known, what="upload location")
                return self._query_status(blob, location)
            except (_UploadSessionLost, Invalid):
                session.delete()
        return self._location(self._start("", self._scope)), 0

    def _start(self, query: str, scope: str, *, attempts: int | None = None) -> Response:
        separator = "?" if query else ""
        return self._registry.transport.request(
            "POST",
            f"/v2/{self._repository.name}/blobs/uploads/{separator}{query}",
            scope=scope,
            expected={201, 202} if query else {202},
            headers={"Content-Length": "0"},
            attempts=attempts,
        )

    def _send_chunk(self, blob: Descriptor, location: str, start: int, end: int) -> tuple[str, int]:
        response = self._registry.transport.request(
            "PATCH",
            location,
            scope=self._scope,
            expected={202, 204, *_SESSION_LOST_STATUSES},
            headers={
                "Content-Type": _BINARY,
                "Content-Length": str(end - start),
                "Content-Range": f"{start}-{end - 1}",
            },
            content=lambda: self._pieces(blob.digest, start, end),
            attempts=1,
        )
        if response.status in _SESSION_LOST_STATUSES:
            raise _UploadSessionLost
        return self._location(response), self._received_bytes(response, blob, otherwise=end)

    def _query_status(self, blob: Descriptor, location: str) -> tuple[str, int]:
        """The current location of an upload, and how many bytes of it the registry has."""
        response = self._registry.transport.request(
            "GET", location, scope=self._scope, expected={200, 202, 204, *_SESSION_LOST_STATUSES}
        )
        if response.status in _SESSION_LOST_STATUSES:
            raise _UploadSessionLost
        moved = self._location(response) if "Location" in response.headers else location
        return moved, self._received_bytes(response, blob, otherwise=0)

    def _finish(self, blob: Descriptor, location: str, *, has_all: bool = True) -> None:
        """End the upload. Unless the registry has all bytes, they are sent with this request."""
        separator = "&" if "?" in location else "?"
        try:
            response = self._registry.transport.request(
                "PUT",
                f"{location}{separator}digest={quote(str(blob.digest))}",
                scope=self._scope,
                expected={201, 204, *_SESSION_LOST_STATUSES},
                headers={"Content-Type": _BINARY, "Content-Length": "0" if has_all else str(blob.size)},
                content=None if has_all else lambda: self._pieces(blob.digest, 0, blob.size),
                attempts=1,
            )
        except Unavailable:
            if self._registry.has_blob(self._repository, blob):
                return  # Only the response was lost; the blob is there.
            raise _UploadSessionLost from None
        if response.status in _SESSION_LOST_STATUSES:
            raise _UploadSessionLost
        header = response.headers.get("Docker-Content-Digest")
        if header is not None and header != str(blob.digest):
            raise self._invalid_response(f"a blob {header[:80]} instead of {blob.digest}")

    def cancel(self, location: str) -> None:
        """Not every registry lets us; it forgets an upload that nobody goes on with."""
        with suppress(Invalid, NotFound, Unavailable):
            self._registry.transport.request(
                "DELETE", location, scope=self._scope, expected={200, 202, 204}, headers={"Content-Length": "0"}
            )

    def _received_bytes(self, response: Response, blob: Descriptor, *, otherwise: int) -> int:
        """How many bytes the registry reports in `Range`; `otherwise` without one."""
        header = response.headers.get("Range")
        if header is None:
            return otherwise
        found = _RANGE.fullmatch(header.strip())
        if found is None:
            raise self._invalid_response(f"the range {header[:80]!r}")
        # Range cannot express zero bytes: 0-0 means either zero or one.
        received = int(found[1]) + 1 if int(found[1]) or otherwise == 1 else 0
        if received > blob.size:
            raise self._invalid_response(f"{received} bytes of a blob of {blob.size}")
        return received

    def _location(self, response: Response) -> str:
        location = response.headers.get("Location", "")
        return self._registry.transport.same_origin(response.address, location, what="upload location")

    def _pieces(self, digest: Digest, start: int, end: int) -> Iterator[bytes]:
        with self._blobs.open(digest) as file:
            file.seek(start)
            left = end - start
            while left and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece

    def _invalid_response(self, what: str) -> Invalid:
        return Invalid(
            f"the registry {self._registry.host} sent an invalid response: {what}", code="registry_answer_invalid"
        )
