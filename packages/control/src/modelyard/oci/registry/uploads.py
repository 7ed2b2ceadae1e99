"""Puts blobs into a repository: mounted from another one where that is possible, else sent from disk in chunks.

A chunk whose request broke off is not sent blindly again: the registry is asked how much it has, and the upload goes on
there, also in another process. Where the registry has forgotten the upload, it begins anew.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from urllib.parse import quote

from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.oci.blobs import CHUNK, Blobs
from modelyard.oci.content import Descriptor, Digest
from modelyard.oci.reference import Repository
from modelyard.oci.registry.client import Registry, pushing
from modelyard.oci.registry.transport import Answer
from modelyard.oci.registry.upload_sessions import UploadSession, UploadSessions

_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,19})")
_FORGOTTEN = frozenset({400, 404, 416})
_BINARY = "application/octet-stream"


class Arrival(StrEnum):
    """How a blob came to be in a repository."""

    PRESENT = "present"
    MOUNTED = "mounted"
    SENT = "sent"


class _Forgotten(Exception):
    """The registry does not know the upload any more."""


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
        """Use what the registry has.

        Args:
            registry: of the repository.
            repository: where blobs shall be.
            blobs: where they are on disk.
            sessions: where uploads are written down that are under way.
            mount_from: repositories of the same registry that may have some of them.
        """
        self._registry = registry
        self._repository = repository
        self._blobs = blobs
        self._sessions = sessions
        self._mount_from = [each for each in mount_from if each.host == repository.host and each != repository]
        self._access = registry.transport.access
        self._scope = pushing(repository)

    def put(self, blob: Descriptor, *, log: Callable[[str], None] = lambda _: None) -> Arrival:
        """See to it that the repository has a blob.

        Raises:
            Unavailable: code `registry_unavailable`.
            NotFound: code `blob_not_found`: it is not on disk either.
            Invalid: the registry refuses, or answers wrongly.
        """
        if self._registry.has_blob(self._repository, blob):
            return Arrival.PRESENT
        for source in self._mount_from:
            if self._is_mounted(blob.digest, source):
                return Arrival.MOUNTED
        log(f"sending {blob.digest} ({blob.size} bytes)")
        for attempt in range(self._access.attempts):
            try:
                with self._sessions.of(self._repository, blob.digest) as session:
                    self._send(blob, session)
            except _Forgotten:
                self._access.sleep(min(0.5 * 2**attempt, 30))
                continue
            return Arrival.SENT
        raise Unavailable(
            f"the registry {self._registry.host} forgot an upload {self._access.attempts} times",
            code="registry_unavailable",
        )

    def _is_mounted(self, digest: Digest, source: Repository) -> bool:
        """Ask for a mount; an upload that the registry begins instead is given back."""
        query = f"mount={quote(str(digest))}&from={quote(source.name, safe='')}"
        scope = f"{self._scope} repository:{source.name}:pull"
        try:
            answer = self._start(query, scope)
        except (Invalid, NotFound):  # We may not read there.
            return False
        if answer.status == 201:
            return True
        self._cancel(self._location(answer))
        return False

    def _send(self, blob: Descriptor, session: UploadSession) -> None:
        try:
            self._send_chunks(blob, session)
        except (_Forgotten, Invalid):
            session.drop()
            raise
        session.drop()

    def _send_chunks(self, blob: Descriptor, session: UploadSession) -> None:
        place, done = self._begun(blob, session)
        failures = 0
        while done < blob.size:
            try:
                place, reached = self._chunk(blob, place, done)
                if reached <= done:
                    raise self._strange(f"an upload that has not grown over {done} bytes")
                done, failures = reached, 0
                session.keep(place)
            except Unavailable:
                failures += 1
                if failures >= self._access.attempts:
                    raise
                self._access.sleep(min(0.5 * 2**failures, 30))
                place, done = self._resumed(blob, place)
        self._finish(blob, place)

    def _begun(self, blob: Descriptor, session: UploadSession) -> tuple[str, int]:
        """An upload that was cut off, as far as the registry has it, or a new one."""
        known = session.address
        if known is not None:
            try:
                place = self._registry.transport.same_origin(known, known, what="place of an upload")
                return self._resumed(blob, place)
            except (_Forgotten, Invalid):
                session.drop()
        return self._location(self._start("", self._scope)), 0

    def _start(self, query: str, scope: str) -> Answer:
        mark = "?" if query else ""
        return self._registry.transport.ask(
            "POST",
            f"/v2/{self._repository.name}/blobs/uploads/{mark}{query}",
            scope=scope,
            expected={201, 202} if query else {202},
            headers={"Content-Length": "0"},
        )

    def _chunk(self, blob: Descriptor, place: str, start: int) -> tuple[str, int]:
        end = min(start + self._access.chunk, blob.size)
        answer = self._registry.transport.ask(
            "PATCH",
            place,
            scope=self._scope,
            expected={202, 204, *_FORGOTTEN},
            headers={
                "Content-Type": _BINARY,
                "Content-Length": str(end - start),
                "Content-Range": f"{start}-{end - 1}",
            },
            content=lambda: self._pieces(blob.digest, start, end),
            attempts=1,
        )
        if answer.status in _FORGOTTEN:
            raise _Forgotten
        return self._location(answer), self._reached(answer, blob, otherwise=end)

    def _resumed(self, blob: Descriptor, place: str) -> tuple[str, int]:
        """Where an upload that broke off goes on, and how many bytes the registry has of it."""
        answer = self._registry.transport.ask("GET", place, scope=self._scope, expected={200, 202, 204, *_FORGOTTEN})
        if answer.status in _FORGOTTEN:
            raise _Forgotten
        moved = self._location(answer) if "Location" in answer.headers else place
        return moved, self._reached(answer, blob, otherwise=0)

    def _finish(self, blob: Descriptor, place: str) -> None:
        mark = "&" if "?" in place else "?"
        try:
            answer = self._registry.transport.ask(
                "PUT",
                f"{place}{mark}digest={quote(str(blob.digest))}",
                scope=self._scope,
                expected={201, 204, *_FORGOTTEN},
                headers={"Content-Type": _BINARY, "Content-Length": "0"},
                attempts=1,
            )
        except Unavailable:
            if self._registry.has_blob(self._repository, blob):
                return  # Its answer was lost, and nothing else.
            raise _Forgotten from None
        if answer.status in _FORGOTTEN:
            raise _Forgotten
        said = answer.headers.get("Docker-Content-Digest")
        if said is not None and said != str(blob.digest):
            raise self._strange(f"a blob {said[:80]} instead of {blob.digest}")

    def _cancel(self, place: str) -> None:
        self._registry.transport.ask(
            "DELETE", place, scope=self._scope, expected={200, 202, 204, 400, 404, 405}, headers={"Content-Length": "0"}
        )

    def _reached(self, answer: Answer, blob: Descriptor, *, otherwise: int) -> int:
        """How many bytes the registry says it has."""
        said = answer.headers.get("Range")
        if said is None:
            return otherwise
        found = _RANGE.fullmatch(said.strip())
        if found is None:
            raise self._strange(f"the range {said[:80]!r}")
        # An upload without a byte has no range that could say so: registries answer 0-0, as of one with a byte.
        reached = int(found[1]) + 1 if int(found[1]) or otherwise == 1 else 0
        if reached > blob.size:
            raise self._strange(f"{reached} bytes of a blob of {blob.size}")
        return reached

    def _location(self, answer: Answer) -> str:
        location = answer.headers.get("Location", "")
        return self._registry.transport.same_origin(answer.address, location, what="place of an upload")

    def _pieces(self, digest: Digest, start: int, end: int) -> Iterator[bytes]:
        with self._blobs.open(digest) as file:
            file.seek(start)
            left = end - start
            while left and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece

    def _strange(self, what: str) -> Invalid:
        return Invalid(f"the registry {self._registry.host} answers wrongly: {what}", code="registry_answer_invalid")
