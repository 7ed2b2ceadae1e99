"""The routes of version sets, APIs, revisions and releases."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends, Query, Response

from modelyard.gateway.compile import path_part
from modelyard.gateway.domain import Api
from modelyard.gateway.releases import Releases
from modelyard.gateway.schemas import (
    ApiAnswer,
    ApiChange,
    ApiRequest,
    ApisAnswer,
    ReleaseAnswer,
    ReleaseRequest,
    ReleasesAnswer,
    RevisionAnswer,
    RevisionChange,
    RevisionRequest,
    RevisionsAnswer,
    RollbackRequest,
    VersionSetAnswer,
    VersionSetChange,
    VersionSetRequest,
    VersionSetsAnswer,
)
from modelyard.gateway.service import GatewayService, NewApi
from modelyard.gateway.version_sets import VersionSets
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.GATEWAY_WRITE))]
ReleasesWrite = Annotated[Principal, Depends(Requires(Permission.RELEASES_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Id = Annotated[str | None, Query(max_length=80)]
PREFIX = "/api/v1/gateway"


def version_set_routes(version_sets: VersionSets) -> APIRouter:
    """How callers choose among versions of an API."""
    router = APIRouter(prefix=f"{PREFIX}/version-sets", tags=["gateway"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_version_sets(caller: Read, limit: Limit = 50, cursor: Cursor = None) -> VersionSetsAnswer:
        """All version sets, by id."""
        page = version_sets.page(caller, limit=limit, cursor=cursor)
        return VersionSetsAnswer(
            version_sets=[VersionSetAnswer.of(each) for each in page.items], next_cursor=page.next_cursor
        )

    @router.get("/{version_set_id}")
    def one_version_set(caller: Read, version_set_id: str, response: Response) -> VersionSetAnswer:
        """One version set."""
        version_set = version_sets.get(caller, version_set_id)
        set_etag(response, version_set.revision)
        return VersionSetAnswer.of(version_set)

    @router.post("", status_code=201)
    def create_version_set(caller: Write, body: VersionSetRequest, response: Response) -> VersionSetAnswer:
        """Make a version set."""
        version_set = version_sets.create(
            caller,
            version_set_id=body.version_set_id,
            display_name=body.display_name,
            description=body.description,
            scheme=body.versioning_scheme,
            header_name=body.version_header_name,
            query_name=body.version_query_name,
            on_missing=body.on_missing,
            default_version=body.default_version,
        )
        set_etag(response, version_set.revision)
        return VersionSetAnswer.of(version_set)

    @router.patch("/{version_set_id}")
    def change_version_set(
        caller: Write, version_set_id: str, body: VersionSetChange, expected: ExpectedRevision, response: Response
    ) -> VersionSetAnswer:
        """Change the names of a version set, or what a request without a version gets."""
        changes = body.model_dump(exclude_unset=True, exclude_none=True)
        version_set = version_sets.change(caller, version_set_id, changes, revision=expected)
        set_etag(response, version_set.revision)
        return VersionSetAnswer.of(version_set)

    @router.delete("/{version_set_id}", status_code=204)
    def delete_version_set(caller: Write, version_set_id: str) -> None:
        """Delete a version set without APIs."""
        version_sets.delete(caller, version_set_id)

    return router


def api_routes(
    gateway: GatewayService, clock: Clock, *, refused_routes: Callable[[str], Mapping[str, str]]
) -> APIRouter:
    """APIs and their revisions."""
    router = APIRouter(prefix=f"{PREFIX}/apis", tags=["gateway"])

    def answer(caller: Principal, *apis: Api) -> list[ApiAnswer]:
        now, refused = clock.now(), refused_routes(caller.tenant_id)
        return [ApiAnswer.of(each, now, refused=refused.get(path_part(each.tenant_id, each.path))) for each in apis]

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_apis(caller: Read, api_version_set_id: Id = None, limit: Limit = 50, cursor: Cursor = None) -> ApisAnswer:
        """All APIs, or those of one version set, by id."""
        page = gateway.apis(caller, version_set_id=api_version_set_id, limit=limit, cursor=cursor)
        return ApisAnswer(apis=answer(caller, *page.items), next_cursor=page.next_cursor)

    @router.get("/{api_id}")
    def one_api(caller: Read, api_id: str, response: Response) -> ApiAnswer:
        """One API."""
        api = gateway.api(caller, api_id)
        set_etag(response, api.revision)
        return answer(caller, api)[0]

    @router.post("", status_code=201)
    def create_api(caller: Write, body: ApiRequest, response: Response) -> ApiAnswer:
        """Make an API with its first revision. It answers when that is released."""
        api = gateway.create_api(caller, _new_api(body))
        set_etag(response, api.revision)
        return answer(caller, api)[0]

    @router.patch("/{api_id}")
    def change_api(
        caller: Write, api_id: str, body: ApiChange, expected: ExpectedRevision, response: Response
    ) -> ApiAnswer:
        """Change an API, deprecate or retire it, or take that back."""
        api = gateway.change_api(caller, api_id, body.changes(), revision=expected)
        set_etag(response, api.revision)
        return answer(caller, api)[0]

    @router.delete("/{api_id}", status_code=204)
    def delete_api(caller: Write, api_id: str) -> None:
        """Delete an API with its revisions and releases."""
        gateway.delete_api(caller, api_id)

    @router.get("/{api_id}/revisions")
    def list_revisions(caller: Read, api_id: str) -> RevisionsAnswer:
        """All revisions of an API, the newest first."""
        return RevisionsAnswer(revisions=[RevisionAnswer.of(each) for each in gateway.revisions(caller, api_id)])

    @router.post("/{api_id}/revisions", status_code=201)
    def create_revision(caller: Write, api_id: str, body: RevisionRequest) -> RevisionAnswer:
        """Make another revision, which answers behind `;rev=N` until it is released."""
        revision = gateway.add_revision(
            caller,
            api_id,
            target=body.target(),
            description=body.description,
            timeout_seconds=body.timeout_seconds,
        )
        return RevisionAnswer.of(revision)

    @router.patch("/{api_id}/revisions/{number}")
    def change_revision(caller: Write, api_id: str, number: int, body: RevisionChange) -> RevisionAnswer:
        """Let a revision answer behind `;rev=N`, or not."""
        return RevisionAnswer.of(gateway.set_revision_online(caller, api_id, number, is_online=body.is_online))

    return router


def release_routes(releases: Releases) -> APIRouter:
    """Which revision answers, and the change log."""
    router = APIRouter(prefix=f"{PREFIX}/apis/{{api_id}}", tags=["gateway"])

    @router.get("/releases", dependencies=OF_OWN_TENANT)
    def list_releases(caller: Read, api_id: str, limit: Limit = 50, cursor: Cursor = None) -> ReleasesAnswer:
        """The change log of an API, the newest first."""
        page = releases.page(caller, api_id, limit=limit, cursor=cursor)
        return ReleasesAnswer(releases=[ReleaseAnswer.of(each) for each in page.items], next_cursor=page.next_cursor)

    @router.get("/releases/{release_id}")
    def one_release(caller: Read, api_id: str, release_id: str) -> ReleaseAnswer:
        """One release."""
        return ReleaseAnswer.of(releases.get(caller, api_id, release_id))

    @router.post("/releases", status_code=201)
    def create_release(caller: ReleasesWrite, api_id: str, body: ReleaseRequest) -> ReleaseAnswer:
        """Have a revision answer from now on."""
        release = releases.release(
            caller, api_id, release_id=body.release_id, revision=body.revision, notes=body.api_release_notes
        )
        return ReleaseAnswer.of(release)

    @router.post("/rollback", status_code=201)
    def roll_back(caller: ReleasesWrite, api_id: str, body: RollbackRequest) -> ReleaseAnswer:
        """Have the revision answer that did before the current one."""
        return ReleaseAnswer.of(releases.roll_back(caller, api_id, notes=body.api_release_notes))

    return router


def _new_api(body: ApiRequest) -> NewApi:
    return NewApi(
        api_id=body.api_id,
        display_name=body.display_name,
        description=body.description,
        path=body.path,
        api_version=body.api_version,
        version_set_id=body.api_version_set_id,
        protocols=body.protocols,
        subscription_required=body.subscription_required,
        key_header=body.subscription_key_parameter_names.header,
        key_query=body.subscription_key_parameter_names.query,
        target=body.target(),
        timeout_seconds=body.timeout_seconds,
    )
