"""Models that are uploaded: in pieces, each hashed, going on where an earlier try broke off."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from modelyard_client.archive import Source
from modelyard_client.errors import Conflict
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_ROOT = ("api", "v1", "ml", "registry", "uploads")
_PIECE = 4 * 1024 * 1024
Progress = Callable[[int, int], None]
"""Hears how many bytes have arrived, and of how many."""


def _quiet(_: int, __: int) -> None:
    """No listener."""


class Uploads:
    """`client.uploads`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def register(
        self,
        name: str,
        source: Path,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        parameters: Mapping[str, bool | float | str] | None = None,
        requirements: Sequence[str] = (),
        progress: Progress = _quiet,
    ) -> str:
        """Upload a file, or a folder as a tar archive, and have it registered as the next version of `name`.

        The same call again, after it broke off, goes on where it was.

        Returns:
            the id of the job that registers it; `client.jobs.wait` waits for it.

        Raises:
            Invalid: the file cannot be read, or is none that can be a version.
        """
        file = Source(source)
        size, sha256 = file.measure()
        body = {
            "name": name,
            "file_name": file.file_name,
            "size_bytes": size,
            "sha256": sha256,
            "description": description,
            "tags": dict(tags or {}),
            "metrics": dict(metrics or {}),
            "parameters": dict(parameters or {}),
            "requirements": list(requirements),
        }
        begun = Fields(self._transport.post(path(*_ROOT), body, is_repeatable=True), noun="upload")
        upload_id, received = begun.text("upload_id"), begun.integer("received_bytes")
        progress(received, size)
        for piece in file.pieces(offset=received, size=_PIECE):
            received = self._send(upload_id, piece, offset=received)
            progress(received, size)
        finished = self._transport.post(path(*_ROOT, upload_id, "finish"), is_repeatable=True)
        return Fields(finished, noun="submission").text("job_id")

    def _send(self, upload_id: str, piece: bytes, *, offset: int) -> int:
        """Send one piece; gives where the upload stands then.

        A piece that arrived while its answer was lost is not sent again.
        """
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": "sha256 " + base64.b64encode(hashlib.sha256(piece).digest()).decode(),
        }
        where = path(*_ROOT, upload_id)
        try:
            answer = self._transport.send("PATCH", where, body=piece, headers=headers, is_repeatable=True).json()
        except Conflict as refused:
            if refused.code != "offset_mismatch":
                raise
            answer = self._transport.get(where)
            if Fields(answer, noun="upload").integer("received_bytes") != offset + len(piece):
                raise
        return Fields(answer, noun="upload").integer("received_bytes")
