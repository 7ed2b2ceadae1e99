"""The routes of uploads. A piece is one request of at most 8 MiB, so memory is bounded whatever the file's size."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Query, Request, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.uploads.domain import Upload
from modelyard.uploads.schemas import SubmittedAnswer, UploadAnswer, UploadBody, UploadsAnswer
from modelyard.uploads.service import UploadService
from modelyard.uploads.states import UploadStatus

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**53, description="where the piece begins")]
Checksum = Annotated[
    str | None, Header(alias="Upload-Checksum", max_length=100, description="`sha256 <the piece's digest in base64>`")
]
_PREFIX = "/api/v1/ml/registry/uploads"
_PIECE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def upload_reads(uploads: UploadService) -> APIRouter:
    """Which uploads there are, and how far they have come."""
    router = APIRouter(prefix=_PREFIX, tags=["uploads"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_uploads(
        caller: Read, status: UploadStatus | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> UploadsAnswer:
        """Uploads, newest first."""
        page = uploads.page(caller, status=status, limit=limit, cursor=cursor)
        return UploadsAnswer(uploads=[UploadAnswer.of(each) for each in page.items], next_cursor=page.next_cursor)

    @router.get("/{upload_id}")
    def one(caller: Read, upload_id: str, response: Response) -> UploadAnswer:
        """One upload, and how far it has come."""
        return _rendered(uploads.get(caller, upload_id), response)

    return router


def upload_writes(uploads: UploadService) -> APIRouter:
    """An upload from its beginning to its end."""
    router = APIRouter(prefix=_PREFIX, tags=["uploads"])

    @router.post("", status_code=201)
    def create(body: UploadBody, caller: Write, response: Response) -> UploadAnswer:
        """Begin an upload; who has the same one open goes on with it."""
        upload = uploads.create(
            caller,
            model_name=body.name,
            file_name=body.file_name,
            size=body.size_bytes,
            sha256=body.sha256,
            request=body.model_dump(include={"description", "tags", "metrics", "parameters", "requirements"}),
        )
        response.headers["Location"] = f"{_PREFIX}/{upload.upload_id}"
        return _rendered(upload, response)

    @router.patch("/{upload_id}", openapi_extra=_PIECE)
    async def append(
        request: Request,
        caller: Write,
        upload_id: str,
        response: Response,
        offset: Offset,
        checksum: Checksum = None,
    ) -> UploadAnswer:
        """Add the next piece. What was answered is kept, also when the server dies."""
        piece = await request.body()
        upload = await to_thread.run_sync(
            lambda: uploads.append(caller, upload_id, piece, offset=offset, checksum=checksum)
        )
        return _rendered(upload, response)

    @router.post("/{upload_id}/finish", status_code=202)
    def finish(caller: Write, upload_id: str) -> SubmittedAnswer:
        """Have the whole file checked, stored and registered as the next version, by a job."""
        job = uploads.submit(caller, upload_id)
        return SubmittedAnswer(
            upload_id=upload_id,
            job_id=job.job_id,
            status=job.status,
            message=f"a version of '{job.model_name}' is being registered; follow GET /mlops/jobs/{job.job_id}",
        )

    @router.delete("/{upload_id}")
    def give_up(caller: Write, upload_id: str, response: Response) -> UploadAnswer:
        """Give an upload up."""
        return _rendered(uploads.close(caller, upload_id), response)

    return router


def _rendered(upload: Upload, response: Response) -> UploadAnswer:
    response.headers["Upload-Offset"] = str(upload.received)
    response.headers["Upload-Length"] = str(upload.size)
    response.headers["Cache-Control"] = "no-store"
    return UploadAnswer.of(upload)
