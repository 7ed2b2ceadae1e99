"""The change log of an API as its callers read it: what changed for them, and how long they may count on it. Where it
leads, who released it and what was measured is for those who look after it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from modelyard.gateway.domain import Api, Release, api_not_found
from modelyard.gateway.releases import Releases
from modelyard.gateway.service import GatewayService
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.API_CHANGES_READ))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]


class ChangeAnswer(BaseModel):
    """What answers since then, and why."""

    model_config = ConfigDict(protected_namespaces=())

    release_id: str
    cause: str = Field(description="release, rollback or promotion")
    api_release_notes: str
    api_revision: int
    model_name: str | None
    model_version: int | None
    released_at: datetime

    @classmethod
    def of(cls, release: Release) -> "ChangeAnswer":
        """The release on the wire."""
        return cls(
            release_id=release.release_id,
            cause=release.cause,
            api_release_notes=release.notes,
            api_revision=release.after.revision,
            model_name=release.after.model_name,
            model_version=release.after.version,
            released_at=release.created_at,
        )


class ChangesAnswer(BaseModel):
    """An API as its callers know it, and its changes, the newest first."""

    api_id: str
    display_name: str
    description: str
    api_version: str | None
    status: str
    deprecated_at: datetime | None
    sunset_at: datetime | None
    successor: str | None
    notice_url: str | None
    changes: list[ChangeAnswer]
    next_cursor: str | None

    @classmethod
    def of(cls, api: Api, now: datetime, changes: list[ChangeAnswer], next_cursor: str | None) -> "ChangesAnswer":
        """Both on the wire."""
        return cls(
            api_id=api.api_id,
            display_name=api.display_name,
            description=api.description,
            api_version=api.api_version,
            status=api.status_at(now),
            deprecated_at=api.deprecated_at,
            sunset_at=api.sunset_at,
            successor=api.successor,
            notice_url=api.notice_url,
            changes=changes,
            next_cursor=next_cursor,
        )


def change_routes(
    apis: GatewayService, releases: Releases, clock: Clock, *, may_see: Callable[[Principal, str], bool]
) -> APIRouter:
    """For members, and for callers with a subscription key, who see the APIs that it opens."""
    router = APIRouter(prefix="/api/v1/gateway/apis/{api_id}", tags=["gateway"])

    @router.get("/changes", dependencies=OF_OWN_TENANT)
    def list_changes(caller: Read, api_id: str, limit: Limit = 50, cursor: Cursor = None) -> ChangesAnswer:
        """What changed for callers of an API. `Authorization: Bearer` takes a subscription key here, too."""
        if not may_see(caller, api_id):
            raise api_not_found(api_id)
        api = apis.api(caller, api_id)
        page = releases.page(caller, api_id, limit=limit, cursor=cursor)
        changes = [ChangeAnswer.of(each) for each in page.items]
        return ChangesAnswer.of(api, clock.now(), changes, page.next_cursor)

    return router
