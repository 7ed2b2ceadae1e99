"""The verbs on version sets: how callers choose among versions of an API."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, Precondition
from modelyard.gateway import store
from modelyard.gateway.domain import OnMissing, VersioningScheme, VersionSet, version_set_not_found
from modelyard.gateway.fields import id_from, validate_id, validate_on_missing, validate_parameter
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.revision import check_revision


class VersionSets:
    """Version sets of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def create(
        self,
        principal: Principal,
        *,
        version_set_id: str | None,
        display_name: str,
        description: str,
        scheme: VersioningScheme,
        header_name: str | None,
        query_name: str | None,
        on_missing: OnMissing,
        default_version: str | None,
    ) -> VersionSet:
        """A new version set.

        Raises:
            Invalid: a field is not what it should be.
            Conflict: code `version_set_exists`.
        """
        known_id = id_from(display_name) if version_set_id is None else version_set_id
        validate_id(known_id, field="version_set_id")
        validate_on_missing(on_missing, default_version)
        now = self._clock.now()
        version_set = VersionSet(
            version_set_id=known_id,
            tenant_id=principal.tenant_id,
            display_name=display_name,
            description=description,
            scheme=scheme,
            parameter=validate_parameter(scheme, header_name, query_name),
            on_missing=on_missing,
            default_version=default_version,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
            revision=1,
        )
        with self._database.write() as connection:
            self._record(connection, principal, "version_set.created", version_set, after=_fields_of_set(version_set))
            if store.find_version_set(connection, principal.tenant_id, known_id) is not None:
                raise Conflict(f"there is a version set '{known_id}' already", code="version_set_exists")
            store.add_version_set(connection, version_set)
        return version_set

    def get(self, principal: Principal, version_set_id: str) -> VersionSet:
        """One version set.

        Raises:
            NotFound: code `version_set_not_found`.
        """
        with self._database.read() as connection:
            return version_set_within(connection, principal, version_set_id)

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> Page[VersionSet]:
        """The tenant's version sets, by id."""
        with self._database.read() as connection:
            return store.page_of_version_sets(connection, principal.tenant_id, limit=limit, cursor=cursor)

    def change(
        self, principal: Principal, version_set_id: str, changes: Mapping[str, Any], *, revision: int | None = None
    ) -> VersionSet:
        """Change the names, or what a request without a version gets. How versions are chosen stays.

        Raises:
            NotFound: code `version_set_not_found`.
            Invalid: code `default_version_invalid`.
            Precondition: code `revision_changed`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            before = version_set_within(connection, principal, version_set_id)
            check_revision(revision, before.revision, subject=before.subject)
            after = replace(before, **changes)
            if after.on_missing is not OnMissing.DEFAULT and "default_version" not in changes:
                after = replace(after, default_version=None)
            validate_on_missing(after.on_missing, after.default_version)
            if after == before:
                return before
            written = {
                name: getattr(after, name) for name in ("display_name", "description", "on_missing", "default_version")
            }
            if not store.change_version_set(connection, before, updated_at=self._clock.now(), **written):
                raise changed_meanwhile(before.subject)
            fields = {"before": _fields_of_set(before), "after": _fields_of_set(after)}
            self._record(connection, principal, "version_set.changed", before, **fields)
            return version_set_within(connection, principal, version_set_id)

    def delete(self, principal: Principal, version_set_id: str) -> None:
        """Delete a version set without APIs.

        Raises:
            NotFound: code `version_set_not_found`.
            Conflict: code `version_set_in_use`.
        """
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            version_set = version_set_within(connection, principal, version_set_id)
            users = [
                each.api_id
                for each in store.apis_of_tenant(connection, principal.tenant_id)
                if each.version_set_id == version_set_id
            ]
            if users:
                raise Conflict(
                    f"version set '{version_set_id}' has the APIs {', '.join(sorted(users)[:5])}: delete these first",
                    code="version_set_in_use",
                )
            store.remove_version_set(connection, version_set)
            self._record(connection, principal, "version_set.deleted", version_set, before=_fields_of_set(version_set))

    def _record(self, connection: Connection, principal: Principal, action: str, of: VersionSet, **what: Any) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=of.subject, **what)


def version_set_within(connection: Connection, principal: Principal, version_set_id: str) -> VersionSet:
    """One version set, in the caller's transaction.

    Raises:
        NotFound: code `version_set_not_found`.
    """
    version_set = store.find_version_set(connection, principal.tenant_id, version_set_id)
    if version_set is None:
        raise version_set_not_found(version_set_id)
    return version_set


def changed_meanwhile(subject: str) -> Precondition:
    """What a change is answered with that somebody else was faster than."""
    return Precondition(f"{subject} was changed by somebody else", code="revision_changed")


def _fields_of_set(version_set: VersionSet) -> dict[str, object]:
    names = ("display_name", "description", "scheme", "parameter", "on_missing", "default_version")
    return {name: getattr(version_set, name) for name in names}
