"""Queries of models and versions. A method that takes a `connection` runs in the caller's transaction; `lock_model`
locks a row."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.paging import Page
from modelyard.principals import Principal
from modelyard.registry import store
from modelyard.registry.deletion_store import is_deleted
from modelyard.registry.domain import (
    MAX_VERSION,
    Manifest,
    Model,
    Version,
    model_not_found,
    refuse_deleting,
    version_not_found,
)
from modelyard.registry.name_store import find_labelled, find_mirrored, names_of
from modelyard.registry.search.bitmap_search import SlotNames
from modelyard.registry.search.filters import (
    EVERY_MODEL,
    EVERY_VERSION,
    NEWEST_FIRST,
    ModelFilter,
    ModelOrder,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.search.pages import page_of_models, page_of_versions, versions_from
from modelyard.registry.states import Stage
from modelyard.tracker_names import mirror_name


class RegistryLookups:
    """Models and versions of all tenants, as they are."""

    def __init__(self, *, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._slots = SlotNames()

    def version_of(self, tenant_id: str, model_name: str, model_uri: str) -> Version | None:
        """The newest version of a model that was made of this logged model."""
        with self._database.read() as connection:
            return store.find_version_of(connection, tenant_id, model_name, model_uri)

    def version_of_job(self, job_id: str) -> Version | None:
        """The version that a job registered."""
        with self._database.read() as connection:
            return store.find_version_of_job(connection, job_id)

    def version(self, principal: Principal, model_name: str, number: int | None = None) -> Version:
        """One version of a model; the newest without a number.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        with self._database.read() as connection:
            if number is None:
                number = self._model(connection, principal, model_name).latest_version
            version = None
            if number is not None and 0 < number <= MAX_VERSION:
                version = store.find_version(connection, principal.tenant_id, model_name, number)
        if version is None:
            raise version_not_found(model_name, number)
        return version

    def version_within(self, connection: Connection, principal: Principal, model_name: str, number: int) -> Version:
        """One version, read in the caller's transaction.

        Raises:
            NotFound: code `version_not_found`.
        """
        version = store.find_version(connection, principal.tenant_id, model_name, number)
        if version is None:
            raise version_not_found(model_name, number)
        return version

    def find_versions(
        self, principal: Principal, model_name: str, numbers: Sequence[int], *, connection: Connection | None = None
    ) -> dict[int, Version]:
        """These versions by number; absent ones are skipped. Without a `connection` it reads in its own transaction."""
        if connection is None:
            with self._database.read() as own_connection:
                return self.find_versions(principal, model_name, numbers, connection=own_connection)
        found = store.find_versions(connection, principal.tenant_id, model_name, numbers)
        return {version.version: version for version in found}

    def get_not_deleting(self, connection: Connection, principal: Principal, model_name: str, number: int) -> Version:
        """One version with which something new may begin, read in the caller's transaction.

        Raises:
            NotFound: code `version_not_found`.
            Conflict: code `version_deleting`.
        """
        version = self.version_within(connection, principal, model_name, number)
        refuse_deleting(version)
        return version

    def former_production(self, connection: Connection, principal: Principal, model_name: str) -> Version | None:
        """The archived version that left production last, by the audit log."""
        prefix = f"models/{model_name}/versions/"
        for entry in self._audit.latest(
            connection, principal.tenant_id, action=f"version.{Stage.ARCHIVED}", subject_prefix=prefix
        ):
            if entry.before is None or entry.before.get("stage") != Stage.PRODUCTION:
                continue
            number = int(entry.subject.removeprefix(prefix))
            version = store.find_version(connection, principal.tenant_id, model_name, number)
            if version is not None and version.stage is Stage.ARCHIVED:
                return version
        return None

    def versions(self, principal: Principal, model_name: str) -> list[Version]:
        """All versions of a model, newest first.

        Raises:
            NotFound: code `model_not_found`.
        """
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return store.versions_of(connection, principal.tenant_id, model_name)

    def manifest(self, version: Version) -> Manifest:
        """The files of a version as they were when it was registered."""
        with self._database.read() as connection:
            return store.manifest(connection, version)

    def model(self, principal: Principal, model_name: str) -> Model:
        """One model.

        Raises:
            NotFound: code `model_not_found`.
        """
        with self._database.read() as connection:
            return self._model(connection, principal, model_name)

    def lock_model(self, connection: Connection, principal: Principal, model_name: str) -> Model:
        """One model, which nobody else changes until the caller's transaction ends.

        Raises:
            NotFound: code `model_not_found`.
        """
        store.lock_model(connection, principal.tenant_id, model_name)
        return self._model(connection, principal, model_name)

    def page_of_versions(
        self,
        principal: Principal,
        model_name: str,
        which: VersionFilter = EVERY_VERSION,
        *,
        order: VersionOrder = NEWEST_FIRST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Versions of a model that meet the filter.

        Raises:
            NotFound: code `model_not_found`.
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return page_of_versions(
                connection, principal.tenant_id, model_name, which, order=order, limit=limit, cursor=cursor
            )

    def require_versions(self, principal: Principal, model_name: str, numbers: Iterable[int]) -> list[Version]:
        """These versions of a model, as they are at one moment.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        with self._database.read() as connection:
            self._model(connection, principal, model_name)
            return [self.version_within(connection, principal, model_name, number) for number in numbers]

    def versions_from(
        self,
        principal: Principal,
        *,
        run_id: str | None = None,
        job_id: str | None = None,
        script_sha256: str | None = None,
        limit: int,
    ) -> list[Version]:
        """Versions of any model that came of a run, a job or a script, newest first."""
        with self._database.read() as connection:
            return versions_from(
                connection,
                principal.tenant_id,
                run_id=run_id,
                job_id=job_id,
                script_sha256=script_sha256,
                limit=limit,
            )

    def children_of(self, version: Version, *, limit: int) -> list[Version]:
        """The versions that were retrained by this one's recipe, newest first."""
        with self._database.read() as connection:
            return store.children_of(connection, version.tenant_id, version.model_name, version.version, limit=limit)

    def is_archive_needed(self, tenant_id: str, sha256: str) -> bool:
        """Whether a version that is there was made of an archive of this digest."""
        with self._database.read() as connection:
            return store.is_archive_needed(connection, tenant_id, sha256)

    def models(
        self,
        principal: Principal,
        which: ModelFilter = EVERY_MODEL,
        *,
        order: ModelOrder = ModelOrder.NAME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Model]:
        """Models that meet the filter.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        with self._database.read() as connection:
            return page_of_models(
                connection, self._slots, principal.tenant_id, which, order=order, limit=limit, cursor=cursor
            )

    def count(self, principal: Principal) -> int:
        """How many models the tenant has."""
        with self._database.read() as connection:
            return store.count_models(connection, principal.tenant_id)

    def count_within(self, connection: Connection, tenant_id: str) -> tuple[int, int]:
        """How many models and versions a tenant has, in the caller's transaction."""
        return store.count_models(connection, tenant_id), store.count_versions(connection, tenant_id)

    def is_deleted(self, tenant_id: str, label: str, number: int) -> bool:
        """Whether this version of the model with this label was deleted, and not restored."""
        with self._database.read() as connection:
            model_name = find_labelled(connection, tenant_id, label)
            return model_name is not None and is_deleted(connection, tenant_id, model_name, number)

    def label(self, tenant_id: str, model_name: str) -> str:
        """The label of a model, also of a deleted one.

        Raises:
            NotFound: code `model_not_found`.
        """
        with self._database.read() as connection:
            names = names_of(connection, tenant_id, model_name)
        if names is None:
            raise model_not_found(model_name)
        return names[0]

    def mirror_name(self, tenant_id: str, model_name: str) -> str:
        """What MLflow calls a model, also a deleted one; of one that never was, what it would be called first."""
        with self._database.read() as connection:
            names = names_of(connection, tenant_id, model_name)
        return mirror_name(tenant_id, model_name) if names is None else names[1]

    def was_name_used(self, tenant_id: str, model_name: str) -> bool:
        """Whether there is or was a model of this name."""
        with self._database.read() as connection:
            return names_of(connection, tenant_id, model_name) is not None

    def find_by_mirror_name(self, name: str) -> tuple[str, str] | None:
        """The tenant and the name of the model that MLflow calls so, also of a deleted one."""
        with self._database.read() as connection:
            return find_mirrored(connection, name)

    @staticmethod
    def _model(connection: Connection, principal: Principal, name: str) -> Model:
        model = store.find_model(connection, principal.tenant_id, name)
        if model is None:
            raise model_not_found(name)
        return model
