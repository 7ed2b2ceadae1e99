"""APIs in files, each with the target of its newest revision and the release that makes that one answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from modelyard.errors import Conflict
from modelyard.gateway.domain import DEFAULT_KEY_HEADER, DEFAULT_KEY_QUERY, Api, Release, Revision, Target
from modelyard.gateway.states import ApiStatus
from modelyard.gateway_code.domain import Fields
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal
from modelyard.registry.states import Stage

_TARGET = ("service_url", "deployment_id", "model_name", "version", "stage")
_REVISION = (*_TARGET, "timeout_seconds", "revision_description")
_API = (
    "display_name", "description", "path", "api_version", "version_set_id", "protocols", "subscription_required",
    "key_header", "key_query",
)  # fmt: skip
_STATUS = ("status", "deprecated_at", "sunset_at", "successor")


class ReleaseBody(RequestBody):
    """The release that makes the declared revision answer."""

    release_id: str = Field(min_length=1)
    api_release_notes: str = ""


class ApiBody(RequestBody):
    """An API. A target that differs from its newest revision's becomes a revision of its own."""

    api_id: str = Field(min_length=1)
    display_name: str
    description: str = ""
    path: str
    api_version: str | None = None
    version_set_id: str | None = None
    protocols: list[Literal["http", "https"]] = Field(default=["https"], min_length=1)
    subscription_required: bool = True
    key_header: str = DEFAULT_KEY_HEADER
    key_query: str = DEFAULT_KEY_QUERY
    status: ApiStatus = ApiStatus.ACTIVE
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    successor: str | None = None
    service_url: str | None = None
    deployment_id: str | None = None
    model_name: str | None = None
    version: int | None = Field(default=None, ge=1)
    stage: Stage | None = None
    timeout_seconds: float | None = Field(default=None, gt=0)
    revision_description: str = ""
    release: ReleaseBody | None = None
    """Without one, nobody is answered by a new revision but those who ask for it by its number."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        """To one server, deployment or model."""
        given = [name for name in ("service_url", "deployment_id", "model_name") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of service_url, deployment_id and model_name, got {len(given)}")
        return self


class ApiVerbs(Protocol):
    """What the gateway does with APIs, revisions and releases."""

    def all(self, principal: Principal) -> Mapping[str, tuple[Api, Revision | None, Release | None]]:
        """Those that there are by id, each with its newest revision and its last release."""

    def create(self, principal: Principal, api_id: str, values: Mapping[str, Any]) -> None:
        """Make one without a revision. The values are fields of `Api`."""

    def change(self, principal: Principal, api_id: str, values: Mapping[str, Any]) -> None:
        """Change what is named, its status too."""

    def add_revision(self, principal: Principal, api_id: str, target: Target, values: Mapping[str, Any]) -> int:
        """Make the next revision; its number."""

    def release(self, principal: Principal, api_id: str, number: int, *, release_id: str, notes: str) -> None:
        """Make a revision answer."""

    def delete(self, principal: Principal, api_id: str) -> None:
        """Delete one with its revisions and releases."""


class Apis:
    """See `Kind`."""

    name = "apis"
    identity = "api_id"
    body: type[RequestBody] = ApiBody
    permission = Permission.RELEASES_WRITE

    def __init__(self, verbs: ApiVerbs) -> None:
        self._verbs = verbs

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`. An API without a revision can be declared by no file, so it is nobody's here."""
        return {
            key: _declared(api, revision, release)
            for key, (api, revision, release) in self._verbs.all(principal).items()
            if revision is not None
        }

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A file that names no release leaves the one that there is."""
        if "release" in fields or "release" not in current:
            return fields
        is_same = all(fields.get(name) == current.get(name) for name in _REVISION)
        return {**fields, "release": current["release"]} if is_same else fields

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = _body(fields)
        self._verbs.create(principal, body.api_id, _of(body, _API))
        number = self._verbs.add_revision(principal, body.api_id, _target(body), _revision_values(body))
        self._release(principal, body, number)
        if body.status is not ApiStatus.ACTIVE:
            self._verbs.change(principal, body.api_id, _of(body, _STATUS))

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        body, before = _body(fields), _body({**current, self.identity: fields[self.identity]})
        known = _of(before, (*_API, *_STATUS))
        changed = {name: value for name, value in _of(body, (*_API, *_STATUS)).items() if known[name] != value}
        if changed:
            self._verbs.change(principal, body.api_id, changed)
        number = self._verbs.all(principal)[body.api_id][0].latest_revision
        is_new = _of(body, _REVISION) != _of(before, _REVISION)
        if is_new:
            number = self._verbs.add_revision(principal, body.api_id, _target(body), _revision_values(body))
        if body.release is None:
            return
        if before.release is None or before.release.release_id != body.release.release_id:
            self._release(principal, body, number)
        elif is_new:
            raise Conflict(
                f"release.release_id: '{body.release.release_id}' made the revision before answer: give the new one a "
                "release of its own",
                code="release_exists",
                field="release.release_id",
            )
        elif body.release != before.release:
            raise Conflict(
                "release.api_release_notes: what callers have read of a release does not change",
                code="release_exists",
                field="release.api_release_notes",
            )

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._verbs.delete(principal, key)

    def _release(self, principal: Principal, body: ApiBody, number: int) -> None:
        if body.release is not None:
            self._verbs.release(
                principal,
                body.api_id,
                number,
                release_id=body.release.release_id,
                notes=body.release.api_release_notes,
            )


def _body(fields: Fields) -> ApiBody:
    return ApiBody.model_validate(fields, strict=False)


def _of(body: ApiBody, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in names}
    return values | ({"protocols": tuple(body.protocols)} if "protocols" in names else {})


def _target(body: ApiBody) -> Target:
    return Target(**{name: getattr(body, name) for name in _TARGET})


def _revision_values(body: ApiBody) -> dict[str, Any]:
    return {"description": body.revision_description, "timeout_seconds": body.timeout_seconds}


def _declared(api: Api, revision: Revision, release: Release | None) -> Fields:
    """As a file says it. The release is named where it is of the newest revision."""
    is_released = release is not None and release.after.revision == revision.number
    body = ApiBody.model_validate(
        {
            "api_id": api.api_id,
            **{name: getattr(api, name) for name in (*_API, *_STATUS)},
            "protocols": list(api.protocols),
            **{name: getattr(revision.target, name) for name in _TARGET},
            "timeout_seconds": revision.timeout_seconds,
            "revision_description": revision.description,
            "release": {"release_id": release.release_id, "api_release_notes": release.notes}
            if release is not None and is_released
            else None,
        },
        strict=False,
    )
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"api_id"})
