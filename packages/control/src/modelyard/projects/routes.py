"""The routes of projects. An archive is written to the disk as it comes, so memory is bounded whatever its size."""

from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request

from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal
from modelyard.projects.schemas import AnnouncedAnswer, ProjectAnswer, ProjectBody
from modelyard.projects.service import Incoming, ProjectService

PREFIX = "/mlops/projects"
Write = Annotated[Principal, Depends(Requires(Permission.JOBS_WRITE))]
_AT_ONCE = 1024 * 1024
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ARCHIVE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-tar": _BINARY, "application/gzip": _BINARY, "application/zip": _BINARY},
    }
}


def project_routes(projects: ProjectService) -> APIRouter:
    """Sending a project's archive, which a training request then names."""
    router = APIRouter(prefix=PREFIX, tags=["mlops"])

    @router.post("")
    def announce(body: ProjectBody, caller: Write) -> AnnouncedAnswer:
        """Ask whether a project must be sent, before it is."""
        is_stored = projects.announce(caller, body.sha256, size=body.size_bytes)
        return AnnouncedAnswer(project=body.sha256, is_stored=is_stored)

    @router.put("/{sha256}", status_code=201, openapi_extra=_ARCHIVE)
    async def send(request: Request, caller: Write, sha256: str) -> ProjectAnswer:
        """Send a project: a tar archive, plain or gzipped, or a zip archive of its folder's content."""
        with projects.receiving(sha256) as (incoming, archive):
            await _receive(request, incoming)
            return await to_thread.run_sync(lambda: _kept(projects, caller, sha256, incoming, archive))

    return router


def _kept(projects: ProjectService, caller: Principal, sha256: str, incoming: Incoming, archive: Path) -> ProjectAnswer:
    project = projects.keep(caller, sha256, incoming, archive)
    return ProjectAnswer(project=project.sha256, files=project.files)


async def _receive(request: Request, incoming: Incoming) -> None:
    """Write what comes, a megabyte at a time, outside of the event loop."""
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) >= _AT_ONCE:
            await to_thread.run_sync(incoming.write, bytes(held))
            held.clear()
    await to_thread.run_sync(incoming.write, bytes(held))
    await to_thread.run_sync(incoming.flush)
