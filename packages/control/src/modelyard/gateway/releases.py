"""Releases: which revision of an API answers, since when, and what changed for its callers."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog, lock_chain
from modelyard.db import Database
from modelyard.deployments.service import DeploymentService
from modelyard.errors import Conflict, NotFound
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import Answering, Api, Release, ReleaseCause, Target, release_not_found
from modelyard.gateway.fields import validate_id
from modelyard.gateway.service import api_within, revision_within, write_api
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

_SEARCHED = 200
"""How many releases back a rollback looks for another revision."""


class Releases:
    """The change logs of all APIs."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        registry: RegistryService,
        deployments: DeploymentService,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry
        self._deployments = deployments

    def release(
        self, principal: Principal, api_id: str, *, release_id: str | None, revision: int | None, notes: str
    ) -> Release:
        """Have a revision answer from now on; the latest one when none is named.

        Raises:
            NotFound: code `api_not_found` or `api_revision_not_found`.
            Invalid: code `id_invalid`.
            Conflict: code `release_exists`.
        """
        known_id = f"release-{uuid4().hex[:12]}" if release_id is None else release_id
        validate_id(known_id, field="release_id")
        return self._release(
            principal, api_id, release_id=known_id, revision=revision, notes=notes, cause=ReleaseCause.RELEASE
        )

    def roll_back(self, principal: Principal, api_id: str, *, notes: str) -> Release:
        """Have the revision answer that did before the current one.

        Raises:
            NotFound: code `api_not_found`.
            Conflict: code `nothing_to_roll_back`.
        """
        with self._database.read() as connection:
            api = api_within(connection, principal, api_id)
            former = self._former(connection, api)
        release_id = f"rollback-{uuid4().hex[:12]}"
        return self._release(
            principal, api_id, release_id=release_id, revision=former, notes=notes, cause=ReleaseCause.ROLLBACK
        )

    def get(self, principal: Principal, api_id: str, release_id: str) -> Release:
        """One release.

        Raises:
            NotFound: code `api_not_found` or `release_not_found`.
        """
        with self._database.read() as connection:
            api_within(connection, principal, api_id)
            release = release_store.find_release(connection, principal.tenant_id, api_id, release_id)
        if release is None:
            raise release_not_found(api_id, release_id)
        return release

    def page(self, principal: Principal, api_id: str, *, limit: int, cursor: str | None) -> Page[Release]:
        """The change log of an API, the newest first.

        Raises:
            NotFound: code `api_not_found`.
        """
        with self._database.read() as connection:
            api_within(connection, principal, api_id)
            return release_store.page_of_releases(connection, principal.tenant_id, api_id, limit=limit, cursor=cursor)

    def _release(
        self,
        principal: Principal,
        api_id: str,
        *,
        release_id: str,
        revision: int | None,
        notes: str,
        cause: ReleaseCause,
    ) -> Release:
        with self._database.read() as connection:
            api = api_within(connection, principal, api_id)
            number = api.latest_revision if revision is None else revision
            target = revision_within(connection, principal, api_id, number).target
        after = self._answering(principal, number, target)
        now = self._clock.now()
        with self._database.write() as connection:
            lock_chain(connection, principal.tenant_id)
            api = api_within(connection, principal, api_id)
            if release_store.find_release(connection, principal.tenant_id, api_id, release_id) is not None:
                raise Conflict(
                    f"API '{api_id}' has a release '{release_id}' already", code="release_exists", field="release_id"
                )
            release = next_release(
                connection, principal, api, release_id=release_id, cause=cause, notes=notes, after=after, at=now
            )
            write_api(connection, api, updated_at=now, current_revision=number)
            record_release(connection, self._audit, principal, release)
            return release

    def _answering(self, principal: Principal, number: int, target: Target) -> Answering:
        """What answers by this target now, with the metrics that were measured of it."""
        version = self._version(principal, target)
        if version is None:
            return Answering(revision=number, target=target, model_name=target.model_name)
        return answering(number, target, version)

    def _version(self, principal: Principal, target: Target) -> Version | None:
        try:
            if target.deployment_id is not None:
                deployment = self._deployments.get(principal, target.deployment_id)
                return self._registry.version(principal, deployment.model_name, deployment.version)
            if target.model_name is None:
                return None
            number = target.version
            if number is None:
                model = self._registry.model(principal, target.model_name)
                number = model.staging_version if target.stage is Stage.STAGING else model.production_version
            return None if number is None else self._registry.version(principal, target.model_name, number)
        except NotFound:  # It was deleted since the revision was made.
            return None

    @staticmethod
    def _former(connection: Connection, api: Api) -> int:
        for release in release_store.latest_releases(connection, api.tenant_id, api.api_id, limit=_SEARCHED):
            before = release.before
            was_current = release.after.revision == api.current_revision
            if was_current and before is not None and before.revision != api.current_revision:
                return before.revision
        raise Conflict(f"API '{api.api_id}' has had no other revision that answered", code="nothing_to_roll_back")


class PromotionReleases:
    """Makes a promotion in the registry a release of the APIs that are bound to the stage."""

    def __init__(self, *, clock: Clock, audit: AuditLog) -> None:
        self._clock = clock
        self._audit = audit

    def after_move(self, connection: Connection, principal: Principal, version: Version) -> None:
        """Write the releases, in the transaction that moved the version."""
        if version.stage not in (Stage.PRODUCTION, Stage.STAGING):
            return
        for api in store.apis_of_tenant(connection, version.tenant_id):
            if api.current_revision is None:
                continue
            revision = release_store.find_revision(connection, api.tenant_id, api.api_id, api.current_revision)
            if revision is None or not _is_bound(revision.target, version):
                continue
            release = next_release(
                connection,
                principal,
                api,
                release_id=f"promotion-{uuid4().hex[:12]}",
                cause=ReleaseCause.PROMOTION,
                notes=f"version {version.version} of '{version.model_name}' went to {version.stage}",
                after=answering(revision.number, revision.target, version),
                at=self._clock.now(),
            )
            record_release(connection, self._audit, principal, release)


def next_release(
    connection: Connection,
    principal: Principal,
    api: Api,
    *,
    release_id: str,
    cause: ReleaseCause,
    notes: str,
    after: Answering,
    at: datetime,
) -> Release:
    """Write the next release of an API."""
    latest = release_store.latest_releases(connection, api.tenant_id, api.api_id, limit=1)
    release = Release(
        release_id=release_id,
        tenant_id=api.tenant_id,
        api_id=api.api_id,
        number=latest[0].number + 1 if latest else 1,
        cause=cause,
        notes=notes,
        before=latest[0].after if latest else None,
        after=after,
        created_by=principal.subject,
        created_at=at,
    )
    release_store.add_release(connection, release)
    return release


def record_release(connection: Connection, audit: AuditLog, principal: Principal, release: Release) -> None:
    """Write the audit entry of a release."""
    audit.record(
        connection,
        principal=principal,
        action="release.rolled_back" if release.cause is ReleaseCause.ROLLBACK else "release.created",
        subject=release.subject,
        reason=release.notes,
        before=None if release.before is None else release.before.to_json(),
        after={**release.after.to_json(), "cause": release.cause},
    )


def answering(number: int, target: Target, version: Version) -> Answering:
    """What answers, with what was measured of it."""
    return Answering(
        revision=number,
        target=target,
        model_name=version.model_name,
        version=version.version,
        metrics=version.metrics,
    )


def _is_bound(target: Target, version: Version) -> bool:
    if target.model_name != version.model_name or target.version is not None:
        return False
    return target.stage is version.stage or (target.stage is None and version.stage is Stage.PRODUCTION)
