"""The routes of a version's files: list them, load one, load all as an archive."""

from collections.abc import Iterator
from email.utils import format_datetime
from http.client import BAD_REQUEST
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import Depends, Header, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from modelyard.errors import Invalid
from modelyard.http.errors import error_response
from modelyard.http.guard import Requires
from modelyard.http.request_ids import request_id_of
from modelyard.http.revision import is_known
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal
from modelyard.registry.artifact_schemas import ArtifactsAnswer
from modelyard.registry.artifacts import Artifacts, Fetched
from modelyard.registry.domain import MAX_PATH_LENGTH, Manifest, Version
from modelyard.registry.tar_stream import tar_size, tar_stream

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
KnownTags = Annotated[str | None, Header(alias="If-None-Match", max_length=2000)]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file's bytes, compared with its hash", "content": {"application/octet-stream": {}}},
    206: {"description": "The part of it that the header Range asks for", "content": {"application/octet-stream": {}}},
    304: {"description": "The caller has it"},
}
_TAR: dict[int | str, dict[str, Any]] = {
    200: {"description": "A tar archive of all files, the same each time", "content": {"application/x-tar": {}}},
    304: {"description": "The caller has it"},
}


class _FetchedFile(FileResponse):
    """A file that is removed when it was sent, or when its reader has gone."""

    def __init__(self, fetched: Fetched, **options: Any) -> None:
        super().__init__(fetched.path, **options)
        self._fetched = fetched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_refused = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal is_refused
            is_refused = is_refused or message.get("status", 200) >= BAD_REQUEST
            if not is_refused:
                await send(message)

        try:
            await super().__call__(scope, receive, send_unless_refused)
            if is_refused:
                await error_response(_no_such_part(), request_id=request_id_of(scope))(scope, receive, send)
        finally:
            await to_thread.run_sync(self._fetched.discard)


class _Archive(StreamingResponse):
    """An archive of files that are removed when it was sent, or when its reader has gone."""

    def __init__(self, fetched: Fetched, content: Iterator[bytes], **options: Any) -> None:
        super().__init__(content, **options)
        self._fetched = fetched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await to_thread.run_sync(self._fetched.discard)


def artifact_routes(artifacts: Artifacts) -> APIRouter:
    """Everything below a version's `artifacts`."""
    router = APIRouter(prefix="/api/v1/ml/registry/models/{name}/versions/{version}/artifacts", tags=["registry"])

    @router.get("")
    def list_artifacts(caller: Read, name: str, version: int) -> ArtifactsAnswer:
        """The files of a version with their roles, sizes and hashes."""
        return ArtifactsAnswer.of(*artifacts.of(caller, name, version))

    @router.get("/file", response_class=Response, responses=_FILE)
    def load_artifact(
        caller: Read,
        name: str,
        version: int,
        path: Annotated[str, Query(description="as the list names it", min_length=1, max_length=MAX_PATH_LENGTH)],
        known: KnownTags = None,
    ) -> Response:
        """One file. Its bytes were compared with the manifest before the first of them is sent."""
        found, file = artifacts.entry(caller, name, version, path)
        etag = f'"{file.sha256}"'
        headers = {"ETag": etag, "Last-Modified": format_datetime(found.created_at, usegmt=True)}
        if is_known(etag, known):
            return Response(status_code=304, headers=headers)
        # Nothing that a script made is shown as a page of ours.
        headers |= {"X-Content-Type-Options": "nosniff", **_attachment(PurePosixPath(file.path).name)}
        return _FetchedFile(artifacts.fetch(found, file), media_type="application/octet-stream", headers=headers)

    @router.get("/archive", response_class=Response, responses=_TAR)
    def load_archive(caller: Read, name: str, version: int, known: KnownTags = None) -> Response:
        """All files as a tar archive, compared with the manifest before the first byte is sent."""
        found, manifest = artifacts.of(caller, name, version)
        etag = f'"{found.manifest_digest}.tar"'
        if is_known(etag, known):
            return Response(status_code=304, headers={"ETag": etag})
        fetched = artifacts.fetch_all(found, manifest)
        return _Archive(
            fetched,
            tar_stream(fetched.path, manifest),
            media_type="application/x-tar",
            headers=_archive_headers(found, manifest, etag),
        )

    return router


def _archive_headers(version: Version, manifest: Manifest, etag: str) -> dict[str, str]:
    name = f"{version.model_name}-v{version.version}.tar"
    return {"ETag": etag, "Content-Length": str(tar_size(manifest)), **_attachment(name)}


def _no_such_part() -> Invalid:
    return Invalid(
        "Range: expected parts of the file, like bytes=0-1023, got none that it has",
        code="range_invalid",
        field="Range",
    )


def _attachment(name: str) -> dict[str, str]:
    """RFC 6266, with the name in the form that any name has."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
