"""Hands a file that a browser sent on to the API's uploads, piece by piece: it never stands in memory."""

import hashlib
from typing import Any

from anyio import to_thread
from starlette.datastructures import UploadFile

from modelyard.console.api import Api, ApiError, at

MOST_BYTES = 512 * 1024 * 1024
"""Of a file that is sent on a page: it is on the disk twice for a while. The command line sends larger ones."""
_PIECE = 4 * 1024 * 1024
_API = "/api/v1/ml/registry/uploads"


async def hand_on(api: Api, file: UploadFile, body: dict[str, Any]) -> str:
    """Send the file, and have it registered. Gives the id of the job; what was refused on the way leaves no upload.

    Args:
        body: what the API takes of an upload, but for the file's name, size and hash.

    Raises:
        ApiError: the API refused the file, a piece of it, or the job.
    """
    digest = hashlib.sha256()
    while piece := await file.read(_PIECE):
        await to_thread.run_sync(digest.update, piece)
    upload = await api.post(
        _API, {**body, "file_name": file.filename or "", "size_bytes": file.size or 0, "sha256": digest.hexdigest()}
    )
    where = at(_API, str(upload["upload_id"]))
    offset = int(upload["received_bytes"])
    await file.seek(offset)
    try:
        while piece := await file.read(_PIECE):
            await api.send(where, piece, offset=offset)
            offset += len(piece)
        return str((await api.post(f"{where}/finish"))["job_id"])
    except ApiError:
        await api.delete(where)
        raise
