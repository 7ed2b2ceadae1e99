"""Gives models their beginning and versions their numbers: each in one transaction, with all that goes with it.

It fetches nothing; what a version is made of was looked at before. A number is used once, whatever comes of it (law 2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict
from modelyard.outbox.service import Outbox
from modelyard.plain import plain_json, plain_text
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.deletion_store import deleting_model, is_living_model
from modelyard.registry.domain import Model, NewVersion, Version
from modelyard.registry.ownership import lock_source
from modelyard.registry.search_index.rows import index_model
from modelyard.registry.stages import MIRROR_TOPIC

AfterRegistration = Callable[[Connection, Version], Version]
"""What follows a registration in its own transaction; gives the version as it is afterwards."""


@dataclass(frozen=True, slots=True)
class ExternalRegistration:
    """An earlier registration of the version in MLflow."""

    model_description: str = ""
    """For a model that is made by this."""
    model_tags: Mapping[str, str] = field(default_factory=dict)
    mirror_name: str | None = None
    """What MLflow calls that model, where it was found there."""
    note: Callable[[Connection, Version], None] = lambda _connection, _version: None
    """Writes where it was found, in the transaction that makes the version; what it raises undoes both."""


class RunClaims(Protocol):
    """What deletions have claimed of runs, experiments and files, so that no version is made of what goes."""

    def lock_for_registration(
        self, connection: Connection, *, run_id: str | None, experiment_name: str | None, model_uri: str
    ) -> None:
        """Let no run go until the transaction ends, and refuse to build on one that goes or went.

        Raises:
            Conflict: code `run_deleted`, `files_purged` or `experiment_deleting`.
        """


class VersionCreation:
    """The only place where models and versions come into being."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        outbox: Outbox,
        claims: RunClaims,
        after_registration: AfterRegistration,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._outbox = outbox
        self._claims = claims
        self._after_registration = after_registration

    def add(self, principal: Principal, new: NewVersion, external: ExternalRegistration) -> Version:
        """Give a new version the next number of its model, which begins if it is not there.

        Raises:
            Conflict: code `model_deleting`, `quota_exceeded`, or as `RunClaims.lock_for_registration`.
            NotFound: as `lock_source`.
        """
        now = self._clock.now()
        tenant_id = principal.tenant_id
        with self._database.write() as connection:
            quotas = lock_quotas(connection, tenant_id)
            is_new = self._lock_model(connection, tenant_id, new.model_name, external, at=now)
            if new.job_id is not None and (earlier := store.find_version_of_job(connection, new.job_id)) is not None:
                return earlier
            lock_source(
                connection, tenant_id, model_uri=new.model_uri, run_id=new.run_id, artifact_uri=new.artifact_uri
            )
            self._claims.lock_for_registration(
                connection, run_id=new.run_id, experiment_name=new.experiment_name, model_uri=new.model_uri
            )
            self._begin_model(connection, principal, new.model_name, external, is_new=is_new, at=now)
            number = store.allot_version(connection, tenant_id, new.model_name, at=now)
            store.add_version(connection, tenant_id, number, new, at=now, created_by=principal.subject)
            version = store.find_version(connection, tenant_id, new.model_name, number)
            if version is None:
                raise AssertionError("the version was just made")
            quotas.check(Resource.MODELS, lambda: store.count_models(connection, tenant_id))
            quotas.check(Resource.VERSIONS, lambda: store.count_versions(connection, tenant_id))
            self._audit.record(
                connection,
                principal=principal,
                action="version.registered",
                subject=version.subject,
                after={"stage": version.stage, "manifest": version.manifest_digest, "run_id": version.run_id},
            )
            external.note(connection, version)
            self._outbox.put(
                connection,
                tenant_id=tenant_id,
                topic=MIRROR_TOPIC,
                payload={"tenant_id": tenant_id, "model_name": new.model_name, "version": number},
            )
            return self._after_registration(connection, version)

    def create_model(self, principal: Principal, name: str, *, description: str, tags: Mapping[str, str]) -> Model:
        """Make a model without versions. A deleted name may be reused; numbering continues.

        Raises:
            Conflict: code `model_exists`, or `quota_exceeded`.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            if is_living_model(connection, principal.tenant_id, name):
                raise Conflict(f"there is a model '{name}' already", code="model_exists", field="name")
            store.add_model(connection, principal.tenant_id, name, at=now)
            store.begin_model(connection, principal.tenant_id, name, at=now, description=description, tags=tags)
            quotas.check(Resource.MODELS, lambda: store.count_models(connection, principal.tenant_id))
            self._record_model(connection, principal, name)
            model = store.find_model(connection, principal.tenant_id, name)
        if model is None:
            raise AssertionError("the model was just made")
        return model

    @staticmethod
    def _lock_model(
        connection: Connection, tenant_id: str, name: str, external: ExternalRegistration, *, at: datetime
    ) -> bool:
        """Insert the model if there was none, and let nobody else number its versions until the transaction ends."""
        description, tags = plain_text(external.model_description), plain_json(external.model_tags)
        is_new = store.add_model(
            connection, tenant_id, name, description=description, tags=tags, mirror_name=external.mirror_name, at=at
        )
        store.touch_model(connection, tenant_id, name, at=at)
        if (job_id := deleting_model(connection, tenant_id, name)) is not None:
            raise Conflict(
                f"model '{name}' is being deleted by job '{job_id}': it takes no new version", code="model_deleting"
            )
        return is_new

    def _begin_model(
        self,
        connection: Connection,
        principal: Principal,
        name: str,
        external: ExternalRegistration,
        *,
        is_new: bool,
        at: datetime,
    ) -> None:
        """What a model begins with, if it does. It takes the lock of the audit's chain: the last one of everybody."""
        description, tags = plain_text(external.model_description), plain_json(external.model_tags)
        if is_new:
            index_model(connection, principal.tenant_id, name, tags=tags, owners=[])
        elif is_living_model(connection, principal.tenant_id, name):
            return
        else:
            store.begin_model(connection, principal.tenant_id, name, at=at, description=description, tags=tags)
        self._record_model(connection, principal, name)

    def _record_model(self, connection: Connection, principal: Principal, name: str) -> None:
        subject, after = f"models/{name}", {"name": name}
        self._audit.record(connection, principal=principal, action="model.created", subject=subject, after=after)
