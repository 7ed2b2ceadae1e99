"""The routes of the audit log, and of what was in production when."""

from itertools import chain
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from modelyard.audit.domain import Anchor, Filter
from modelyard.audit.event_stream import event_stream
from modelyard.audit.export import ExportFormat, export
from modelyard.audit.feed import Feed
from modelyard.audit.schemas import (
    ChangeAnswer,
    ChangesAnswer,
    EntriesAnswer,
    EntryAnswer,
    HeadAnswer,
    LiveModelAnswer,
    LiveModelsAnswer,
    ProductionAnswer,
    StayAnswer,
    StaysAnswer,
    VerdictAnswer,
)
from modelyard.audit.service import AuditLog
from modelyard.http.follow import EVENT_HEADERS, EVENT_STREAM, last_event_id
from modelyard.http.guard import Requires
from modelyard.http.moment import Moment
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.AUDIT_READ))]
ReadModels = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Word = Annotated[str | None, Query(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
_MEDIA = {ExportFormat.JSONL: "application/x-ndjson", ExportFormat.CSV: "text/csv"}
_EXPORTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The log", "content": {media: {} for media in _MEDIA.values()}}
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "What happens, as it happens", "content": {EVENT_STREAM: {}}}
}


def _filter(
    model: Annotated[
        Word, Query(description="entries about this model, its versions, requests, jobs, deployments")
    ] = None,
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    subject: Word = None,
    actor: Word = None,
    action: Annotated[Word, Query(description="one action, or all of a noun: `version.*`")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="from this moment on")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="before this moment")] = None,
) -> Filter:
    return Filter(model=model, version=version, subject=subject, actor=actor, action=action, since=since, until=until)


Which = Annotated[Filter, Depends(_filter)]


def audit_routes(audit: AuditLog) -> APIRouter:
    """Reading, exporting and proving the log of the caller's tenant."""
    router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_entries(caller: Read, which: Which, limit: Limit = 50, cursor: Cursor = None) -> EntriesAnswer:
        """Every change of a life cycle, newest first."""
        page = audit.page(caller, which, limit=limit, cursor=cursor)
        return EntriesAnswer(entries=[EntryAnswer.of(entry) for entry in page.items], next_cursor=page.next_cursor)

    @router.get("/export", responses=_EXPORTS, response_class=Response)
    def export_entries(
        caller: Read, which: Which, form: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.JSONL
    ) -> Response:
        """The log as a file, oldest first: JSON Lines to be verified anywhere, or CSV for a spreadsheet."""
        blocks = export(audit.stream(caller.tenant_id, which), form)
        first = next(blocks)  # A database that is down causes an error status, before the response has begun.
        headers = {"Content-Disposition": f'attachment; filename="audit-{caller.tenant_id}.{form}"'}
        return StreamingResponse(chain([first], blocks), media_type=_MEDIA[form], headers=headers)

    @router.get("/head")
    def head(caller: Read) -> HeadAnswer:
        """The last entry's number and hash, to be kept elsewhere."""
        return HeadAnswer.of(audit.head(caller.tenant_id))

    @router.get("/verify")
    def verify(
        caller: Read,
        expect: Annotated[str | None, Query(max_length=100, description="an anchor kept elsewhere")] = None,
    ) -> VerdictAnswer:
        """Prove the whole chain. A log that was cut off at its end is found with an anchor only."""
        return VerdictAnswer.of(audit.verify(caller, expected=None if expect is None else Anchor.parse(expect)))

    return router


def production_routes(audit: AuditLog) -> APIRouter:
    """What was in production when."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.get("/models/{name}/production")
    def production(caller: ReadModels, name: str, at: Moment | None = None) -> ProductionAnswer:
        """The version that was in production at a moment, by the audit log; now, without one."""
        moment, stay = audit.production_at(caller, name, at)
        return ProductionAnswer.of(name, moment, stay)

    @router.get("/models/{name}/production/history", dependencies=OF_OWN_TENANT)
    def production_history(caller: ReadModels, name: str, limit: Limit = 50, cursor: Cursor = None) -> StaysAnswer:
        """Every stay of a version in production, the last one first: from when to when, and who brought it."""
        page = audit.stays_in_production(caller, name, limit=limit, cursor=cursor)
        return StaysAnswer(name=name, stays=[StayAnswer.of(stay) for stay in page.items], next_cursor=page.next_cursor)

    @router.get("/production", dependencies=OF_OWN_TENANT)
    def all_production(
        caller: ReadModels, at: Moment | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> LiveModelsAnswer:
        """The version of each model that was in production at a moment; now, without one."""
        moment, page = audit.all_in_production(caller, at, limit=limit, cursor=cursor)
        models = [LiveModelAnswer(name=name, **StayAnswer.of(stay).model_dump()) for name, stay in page.items]
        return LiveModelsAnswer(at=moment, models=models, next_cursor=page.next_cursor)

    return router


def event_routes(feed: Feed) -> APIRouter:
    """What happens in the caller's tenant, as it happens."""
    router = APIRouter(prefix="/api/v1/events", tags=["audit"])

    @router.get("", responses=_EVENTS, response_model=ChangesAnswer)
    async def follow_events(
        request: Request,
        caller: Read,
        after: Annotated[
            int | None,
            Query(ge=0, lt=2**31, description="begin after this entry of the audit log; else with what comes"),
        ] = None,
    ) -> Response | ChangesAnswer:
        """Each entry of the audit log as it is written, as server-sent events to a request that accepts them.

        The first is `head`; its id is the number of the last entry that is there. Each `change` has the entry's number
        as its id. `Last-Event-ID` says where to go on, and counts more than `after`. The stream ends after five
        minutes: come again with the last id. As JSON, at once: the first changes after `after`.
        """
        seen = last_event_id(request)
        after = after if seen is None else seen
        if EVENT_STREAM in request.headers.get("accept", ""):
            stream = event_stream(feed, caller.tenant_id, after)
            return StreamingResponse(stream, media_type=EVENT_STREAM, headers=EVENT_HEADERS)
        if after is None:
            return ChangesAnswer(changes=[], last=await feed.head(caller.tenant_id))
        found = [ChangeAnswer.of(entry) for entry in await feed.since(caller.tenant_id, after)]
        return ChangesAnswer(changes=found, last=found[-1].sequence if found else after)

    return router
