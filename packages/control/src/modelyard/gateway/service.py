"""The verbs on APIs and their revisions. Which revision answers is said by releases (`releases`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import (
    Api,
    OnMissing,
    Revision,
    Target,
    api_not_found,
    revision_not_found,
)
from modelyard.gateway.fields import (
    checked_path,
    checked_protocols,
    validate_api_version,
    validate_header,
    validate_id,
    validate_notice_url,
    validate_query,
)
from modelyard.gateway.states import TRANSITIONS, ApiStatus
from modelyard.gateway.target_check import TargetCheck
from modelyard.gateway.version_sets import changed_meanwhile, version_set_within
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision

MOST_APIS = 1000
"""Of one tenant."""
MOST_REVISIONS = 100
"""Of one API, that are online: each has a route of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewApi:
    """What is given of an API that is made; fields as of `domain.Api`."""

    api_id: str
    display_name: str
    description: str
    path: str
    api_version: str | None
    version_set_id: str | None
    protocols: list[str]
    subscription_required: bool
    key_header: str
    key_query: str
    target: Target
    timeout_seconds: float | None


class GatewayService:
    """APIs of all tenants.

    Args:
        end_access: what lets callers in to an API that is deleted ends in the same transaction.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        targets: TargetCheck,
        end_access: Callable[[Connection, Principal, str], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._targets = targets
        self._end_access = end_access

    def create_api(self, principal: Principal, new: NewApi) -> Api:
        """A new API with its first revision. Nothing answers until that is released.

        Raises:
            Invalid: a field is not what it should be, or the target cannot be one.
            NotFound: there is no such version set.
            Conflict: code `api_exists`, `api_path_taken` or `too_many_apis`.
        """
        api = self._made(principal, new)
        target = self._targets.checked(principal, new.target)
        with self._database.write() as connection:
            self._record(connection, principal, "api.created", api, after=_fields_of_api(api) | target.to_json())
            others = _apis(connection, principal)
            if any(each.api_id == api.api_id for each in others):
                raise Conflict(f"there is an API '{api.api_id}' already", code="api_exists", field="api_id")
            if len(others) >= MOST_APIS:
                raise Conflict(f"there are {MOST_APIS} APIs already: delete one", code="too_many_apis")
            _check_place(connection, principal, api, others)
            store.add_api(connection, api)
            revision = _revision(principal, api, 1, target, "", new.timeout_seconds, api.created_at)
            release_store.add_revision(connection, revision)
        return api

    def api(self, principal: Principal, api_id: str) -> Api:
        """One API.

        Raises:
            NotFound: code `api_not_found`.
        """
        with self._database.read() as connection:
            return api_within(connection, principal, api_id)

    def apis(
        self, principal: Principal, *, version_set_id: str | None = None, limit: int, cursor: str | None
    ) -> Page[Api]:
        """The tenant's APIs, or those of one version set, by id."""
        with self._database.read() as connection:
            return store.page_of_apis(
                connection, principal.tenant_id, version_set_id=version_set_id, limit=limit, cursor=cursor
            )

    def change_api(
        self, principal: Principal, api_id: str, changes: Mapping[str, Any], *, revision: int | None = None
    ) -> Api:
        """Change what callers see of an API: names, protocols, keys, and its end. Its path and version stay.

        `status` is active, deprecated or retired; with it `deprecated_at` (else now), `sunset_at`, `successor`,
        `notice_url`.

        Raises:
            NotFound: code `api_not_found`, also of the successor.
            Invalid: a field is not what it should be.
            Conflict: code `api_status_refused`.
            Precondition: code `revision_changed`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = api_within(connection, principal, api_id)
            check_revision(revision, before.revision, subject=before.subject)
            after = self._changed(connection, principal, before, changes)
            if after == before:
                return before
            values = {name: getattr(after, name) for name in _CHANGEABLE}
            write_api(connection, before, updated_at=self._clock.now(), **values | {"protocols": list(after.protocols)})
            action = "api.changed" if after.status is before.status else f"api.{after.status}"
            fields = {"before": _fields_of_api(before), "after": _fields_of_api(after)}
            self._record(connection, principal, action, before, **fields)
            return api_within(connection, principal, api_id)

    def delete_api(self, principal: Principal, api_id: str) -> None:
        """Delete an API with its revisions and releases, and with what let callers in. Its path answers 404 after that.

        Raises:
            NotFound: code `api_not_found`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            api = api_within(connection, principal, api_id)
            self._end_access(connection, principal, api_id)
            store.remove_api(connection, api)
            self._record(connection, principal, "api.deleted", api, before=_fields_of_api(api))

    def add_revision(
        self,
        principal: Principal,
        api_id: str,
        *,
        target: Target,
        description: str,
        timeout_seconds: float | None,
    ) -> Revision:
        """Another revision, which answers behind `;rev=N` until it is released.

        Raises:
            NotFound: code `api_not_found`.
            Invalid: the target cannot be one.
            Conflict: code `too_many_revisions`.
        """
        checked = self._targets.checked(principal, target)
        now = self._clock.now()
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            api = api_within(connection, principal, api_id)
            number = api.latest_revision + 1
            self._check_room(connection, api)
            revision = _revision(principal, api, number, checked, description, timeout_seconds, now)
            release_store.add_revision(connection, revision)
            write_api(connection, api, updated_at=now, latest_revision=number)
            after = {"revision": number, **checked.to_json()}
            self._record(connection, principal, "api.revision_created", api, after=after)
            return revision

    def revisions(self, principal: Principal, api_id: str) -> Sequence[Revision]:
        """All revisions of an API, the newest first.

        Raises:
            NotFound: code `api_not_found`.
        """
        with self._database.read() as connection:
            api_within(connection, principal, api_id)
            return release_store.revisions_of_api(connection, principal.tenant_id, api_id)

    def set_revision_online(self, principal: Principal, api_id: str, number: int, *, is_online: bool) -> Revision:
        """Let a revision answer behind `;rev=N`, or not.

        Raises:
            NotFound: code `api_not_found` or `api_revision_not_found`.
            Conflict: code `too_many_revisions`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            api = api_within(connection, principal, api_id)
            before = revision_within(connection, principal, api_id, number)
            if before.is_online == is_online:
                return before
            if is_online:
                self._check_room(connection, api)
            release_store.set_online(connection, before, is_online=is_online)
            action = "api.revision_online" if is_online else "api.revision_offline"
            self._record(connection, principal, action, api, after={"revision": number})
            return replace(before, is_online=is_online)

    def _made(self, principal: Principal, new: NewApi) -> Api:
        validate_id(new.api_id, field="api_id")
        validate_header(new.key_header, field="subscription_key_parameter_names.header")
        validate_query(new.key_query, field="subscription_key_parameter_names.query")
        if new.api_version is not None:
            validate_api_version(new.api_version, field="api_version")
            if new.version_set_id is None:
                raise Invalid(
                    "api_version: expected none without api_version_set_id, which says how callers choose it",
                    code="api_version_invalid",
                    field="api_version",
                )
        now = self._clock.now()
        return Api(
            api_id=new.api_id,
            tenant_id=principal.tenant_id,
            display_name=new.display_name,
            description=new.description,
            path=checked_path(new.path),
            api_version=new.api_version,
            version_set_id=new.version_set_id,
            protocols=checked_protocols(new.protocols),
            subscription_required=new.subscription_required,
            key_header=new.key_header,
            key_query=new.key_query,
            status=ApiStatus.ACTIVE,
            deprecated_at=None,
            sunset_at=None,
            successor=None,
            notice_url=None,
            current_revision=None,
            latest_revision=1,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
            revision=1,
        )

    def _changed(self, connection: Connection, principal: Principal, before: Api, changes: Mapping[str, Any]) -> Api:
        given = dict(changes)
        if "protocols" in given:
            given["protocols"] = checked_protocols(given["protocols"])
        if "key_header" in given:
            validate_header(given["key_header"], field="subscription_key_parameter_names.header")
        if "key_query" in given:
            validate_query(given["key_query"], field="subscription_key_parameter_names.query")
        if given.get("notice_url") is not None:
            validate_notice_url(given["notice_url"])
        after = replace(before, **given)
        if after.status is not before.status and after.status not in TRANSITIONS[before.status]:
            raise Conflict(f"an API that is {before.status} cannot become {after.status}", code="api_status_refused")
        if after.successor == before.api_id:
            raise Invalid("successor: expected another API, got this one", code="successor_invalid", field="successor")
        if after.successor is not None and after.successor != before.successor:
            api_within(connection, principal, after.successor)
        if after.status is ApiStatus.ACTIVE:
            _refuse_end(changes)
        return _with_end(after, self._clock.now())

    @staticmethod
    def _check_room(connection: Connection, api: Api) -> None:
        revisions = release_store.revisions_of_api(connection, api.tenant_id, api.api_id)
        if sum(each.is_online for each in revisions) >= MOST_REVISIONS:
            raise Conflict(
                f"API '{api.api_id}' has {MOST_REVISIONS} revisions online already: take one offline",
                code="too_many_revisions",
            )

    def _record(self, connection: Connection, principal: Principal, action: str, of: Api, **what: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=of.subject, **what)


_CHANGEABLE = (
    *("display_name", "description", "subscription_required", "key_header", "key_query"),
    *("status", "deprecated_at", "sunset_at", "successor", "notice_url"),
)


def api_within(connection: Connection, principal: Principal, api_id: str) -> Api:
    """One API, in the caller's transaction.

    Raises:
        NotFound: code `api_not_found`.
    """
    api = store.find_api(connection, principal.tenant_id, api_id)
    if api is None:
        raise api_not_found(api_id)
    return api


def revision_within(connection: Connection, principal: Principal, api_id: str, number: int) -> Revision:
    """One revision, in the caller's transaction.

    Raises:
        NotFound: code `api_revision_not_found`.
    """
    revision = release_store.find_revision(connection, principal.tenant_id, api_id, number)
    if revision is None:
        raise revision_not_found(api_id, number)
    return revision


def write_api(connection: Connection, api: Api, **values: Any) -> None:
    """Write some columns of an API.

    Raises:
        Precondition: code `revision_changed`, when somebody else did since it was read.
    """
    if not store.change_api(connection, api, **values):
        raise changed_meanwhile(api.subject)


def _apis(connection: Connection, principal: Principal) -> Sequence[Api]:
    return store.apis_of_tenant(connection, principal.tenant_id)


def _check_place(connection: Connection, principal: Principal, api: Api, others: Sequence[Api]) -> None:
    """At one path are the versions of one set, or one API without a version, and no version is another one's path."""
    version_set = None
    if api.version_set_id is not None:
        version_set = version_set_within(connection, principal, api.version_set_id)
        if api.api_version is None and version_set.on_missing is not OnMissing.ORIGINAL:
            raise Conflict(
                f"api_version: with on_missing '{version_set.on_missing}' of version set '{api.version_set_id}', an "
                "API without a version would never answer",
                code="api_path_taken",
                field="api_version",
            )
    here = [each for each in others if each.path == api.path]
    same = [each for each in here if store.version_key(each.api_version) == store.version_key(api.api_version)]
    if same or any(each.version_set_id != api.version_set_id for each in here):
        taken = (same or here)[0]
        raise Conflict(
            f"path: '{api.path}' is API '{taken.api_id}'s; others there are versions of one version set, each another",
            code="api_path_taken",
            field="path",
        )


def _revision(
    principal: Principal,
    api: Api,
    number: int,
    target: Target,
    description: str,
    timeout_seconds: float | None,
    now: datetime,
) -> Revision:
    return Revision(
        api_id=api.api_id,
        tenant_id=api.tenant_id,
        number=number,
        target=target,
        description=description,
        timeout_seconds=timeout_seconds,
        is_online=True,
        created_by=principal.subject,
        created_at=now,
    )


def _refuse_end(changes: Mapping[str, Any]) -> None:
    """An API that is active has no end, so nobody is left to believe that one was announced."""
    for name in ("deprecated_at", "sunset_at", "successor", "notice_url"):
        if changes.get(name) is not None:
            raise Invalid(
                f"{name}: expected none of an API that is active; it goes with the status deprecated or retired",
                code="api_end_invalid",
                field=name,
            )


def _with_end(api: Api, now: datetime) -> Api:
    """The dates that belong to a status: none of an active one; sunset is not before deprecation."""
    if api.status is ApiStatus.ACTIVE:
        return replace(api, deprecated_at=None, sunset_at=None, successor=None, notice_url=None)
    dated = replace(api, deprecated_at=api.deprecated_at or now)
    if dated.sunset_at is not None and dated.deprecated_at is not None and dated.sunset_at < dated.deprecated_at:
        raise Invalid(
            f"sunset_at: expected a moment after deprecated_at ({dated.deprecated_at.isoformat()}), got "
            f"{dated.sunset_at.isoformat()}",
            code="sunset_invalid",
            field="sunset_at",
        )
    return dated


def _fields_of_api(api: Api) -> dict[str, object]:
    left_out = {"tenant_id", "api_id", "created_by", "created_at", "updated_at", "revision"}
    given = {name: value for name, value in asdict(api).items() if name not in left_out and value is not None}
    times = {name: value.isoformat() for name, value in given.items() if isinstance(value, datetime)}
    return given | times | {"protocols": list(api.protocols)}
