"""APIs in files, each with the target of its newest revision and the release that makes that one answer."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any

from pydantic import Field

from modelyard.errors import Conflict
from modelyard.gateway.domain import Api, Release, Revision
from modelyard.gateway.releases import Releases
from modelyard.gateway.schemas import ApiRequest
from modelyard.gateway.service import GatewayService, NewApi
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.target_check import TargetCheck
from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.all_pages import every
from modelyard.gateway_code.kinds.kind import refuse_fixed
from modelyard.http.bodies import RequestBody
from modelyard.http.moment import Moment
from modelyard.principals import Permission, Principal

_REVISION = ("service_url", "deployment_id", "model_name", "version", "stage", "timeout_seconds")
_FIXED = ("path", "api_version", "api_version_set_id")
_END = ("status", "deprecated_at", "sunset_at", "successor", "notice_url")
_Time = Annotated[Moment, Field(strict=False)]


class ReleaseBody(RequestBody):
    """The release that makes the declared revision answer."""

    release_id: str = Field(min_length=1, max_length=80)
    api_release_notes: str = Field(default="", max_length=10_000)


class ApiBody(ApiRequest):
    """An API. A target that differs from its newest revision's becomes a revision of its own."""

    status: Annotated[ApiStatus, Field(strict=False)] = ApiStatus.ACTIVE
    deprecated_at: _Time | None = None
    sunset_at: _Time | None = None
    successor: str | None = None
    notice_url: str | None = None
    release: ReleaseBody | None = None
    """Without one, a new revision answers behind its number only."""


class ApiKind:
    """See `Kind`."""

    name = "apis"
    identity = "api_id"
    body: type[RequestBody] = ApiBody
    permission = Permission.RELEASES_WRITE
    read_permission = Permission.GATEWAY_READ

    def __init__(self, gateway: GatewayService, releases: Releases, targets: TargetCheck) -> None:
        self._gateway = gateway
        self._targets = targets
        self._releases = releases

    def prepared(self, principal: Principal, declared: Mapping[str, Fields]) -> AbstractContextManager[object]:
        """See `Kind`. The hosts of service URLs that change are looked up."""
        current = self.current(principal)
        wanted = {key: fields.get("service_url") for key, fields in declared.items()}
        there = {key: current.get(key, {}).get("service_url") for key in wanted}
        return self._targets.looked_up({str(url) for key, url in wanted.items() if url not in {None, there[key]}})

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        found = every(lambda cursor: self._gateway.apis(principal, limit=200, cursor=cursor))
        return {api.api_id: self._declared(principal, api) for api in found}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A release that a file does not name stays, and so does the moment of a deprecation."""
        completed = dict(fields)
        is_same = all(fields.get(name) == current.get(name) for name in _REVISION)
        if "release" not in fields and "release" in current and is_same:
            completed["release"] = current["release"]
        if "deprecated_at" not in fields and fields.get("status") == current.get("status") is not None:
            completed["deprecated_at"] = current["deprecated_at"]
        return completed

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = ApiBody.model_validate(fields)
        self._gateway.create_api(
            principal,
            NewApi(
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
            ),
        )
        self._release(principal, body, 1)
        end = {name: getattr(body, name) for name in _END}
        if set(end.values()) != {ApiStatus.ACTIVE, None}:
            self._gateway.change_api(principal, body.api_id, end)

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        body = ApiBody.model_validate(fields)
        refuse_fixed(fields, current, _FIXED, what="API")
        self._gateway.change_api(principal, body.api_id, _changes(body))
        number = self._gateway.api(principal, body.api_id).latest_revision
        is_new = any(fields.get(name) != current.get(name) for name in _REVISION)
        if is_new:
            added = self._gateway.add_revision(
                principal, body.api_id, target=body.target(), description="", timeout_seconds=body.timeout_seconds
            )
            number = added.number
        if body.release is None:
            return
        before = current.get("release")
        if before is None or before["release_id"] != body.release.release_id:
            self._release(principal, body, number)
        elif is_new:
            raise _fixed_release(
                "release_id", f"'{body.release.release_id}' made the revision before answer: the new one needs another"
            )
        elif fields["release"] != before:
            raise _fixed_release("api_release_notes", "what callers have read of a release stays")

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._gateway.delete_api(principal, key)

    def _release(self, principal: Principal, body: ApiBody, number: int) -> None:
        if body.release is not None:
            release_id, notes = body.release.release_id, body.release.api_release_notes
            self._releases.release(principal, body.api_id, release_id=release_id, revision=number, notes=notes)

    def _declared(self, principal: Principal, api: Api) -> Fields:
        """As a file says it. The release is named where it is of the newest revision."""
        newest = self._gateway.revisions(principal, api.api_id)[0]
        found = self._releases.page(principal, api.api_id, limit=1, cursor=None).items
        release = found[0] if found and found[0].after.revision == newest.number else None
        body = ApiBody.model_validate(_content(api, newest, release))
        return body.model_dump(mode="json", exclude_defaults=True, exclude={"api_id"})


def _changes(body: ApiBody) -> dict[str, Any]:
    return {
        "display_name": body.display_name,
        "description": body.description,
        "protocols": body.protocols,
        "subscription_required": body.subscription_required,
        "key_header": body.subscription_key_parameter_names.header,
        "key_query": body.subscription_key_parameter_names.query,
        **{name: getattr(body, name) for name in _END},
    }


def _content(api: Api, newest: Revision, release: Release | None) -> dict[str, Any]:
    return {
        "api_id": api.api_id,
        "display_name": api.display_name,
        "description": api.description,
        "path": api.path,
        "api_version": api.api_version,
        "api_version_set_id": api.version_set_id,
        "protocols": list(api.protocols),
        "subscription_required": api.subscription_required,
        "subscription_key_parameter_names": {"header": api.key_header, "query": api.key_query},
        **{name: getattr(api, name) for name in _END},
        **newest.target.to_json(),
        "timeout_seconds": newest.timeout_seconds,
        "release": None if release is None else {"release_id": release.release_id, "api_release_notes": release.notes},
    }


def _fixed_release(name: str, message: str) -> Conflict:
    field = f"release.{name}"
    return Conflict(f"{field}: {message}", code="release_exists", field=field)
