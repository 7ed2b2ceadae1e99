"""Replaces the version that a deployment serves: writes down what shall be, and what came of it.

A deployment has one replacement under way at most; the database keeps the second one out. Until the servers of the new
version are ready, the deployment is at its earlier version in every respect.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.deployments import replacement_store as store
from modelyard.deployments.domain import Deployment
from modelyard.deployments.records import Records, system_principal
from modelyard.deployments.replacement import Replacement
from modelyard.deployments.states import REPLACEMENT_TRANSITIONS, DesiredState, ReplacementStatus
from modelyard.deployments.store import change as change_deployment
from modelyard.deployments.store import lock as lock_deployment
from modelyard.errors import Conflict
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService


class Replacements:
    """All replacements of all tenants."""

    def __init__(self, *, database: Database, clock: Clock, records: Records, registry: RegistryService) -> None:
        self._database = database
        self._clock = clock
        self._records = records
        self._registry = registry

    def reserve(
        self, connection: Connection, principal: Principal, deployment: Deployment, version: int, *, job_id: str
    ) -> None:
        """Begin one, in the caller's transaction, which holds the deployment. Again for the same job: nothing to do.

        Raises:
            Conflict: code `deployment_leaving`, `deployment_replacing`, `version_already_serves` or `version_deleting`.
        """
        if deployment.desired_state is DesiredState.STOPPED:
            raise Conflict(
                f"deployment '{deployment.deployment_id}' is being undeployed or was: its version cannot be replaced",
                code="deployment_leaving",
            )
        if store.of_job(connection, job_id) is not None:
            return
        now = self._clock.now()
        replacement = Replacement(
            replacement_id=f"rep-{uuid4().hex}",
            deployment_id=deployment.deployment_id,
            from_version=deployment.version,
            version=version,
            generation=store.last_generation(connection, deployment.deployment_id) + 1,
            status=ReplacementStatus.BUILDING,
            reason=None,
            job_id=job_id,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
        )
        self._registry.get_not_deleting(connection, principal, deployment.model_name, version)
        if not store.add(connection, replacement):
            raise self._busy(connection, deployment)
        if version == deployment.version:
            raise Conflict(
                f"deployment '{deployment.deployment_id}' serves version {version} already",
                code="version_already_serves",
            )
        after = {"version": version, "generation": replacement.generation, "job": job_id}
        before = {"version": deployment.version}
        self._records.write(
            connection, principal, "deployment.replace_requested", deployment, before=before, after=after
        )

    def of_job(self, job_id: str) -> Replacement | None:
        """The one that this job made."""
        with self._database.read() as connection:
            return store.of_job(connection, job_id)

    def latest(self, deployment_ids: Collection[str]) -> Mapping[str, Replacement]:
        """The newest one of each of these deployments that has any."""
        with self._database.read() as connection:
            return store.latest(connection, deployment_ids)

    def refuse_under_way(self, deployment: Deployment) -> None:
        """Raise Conflict (code `deployment_replacing`) while one of this deployment is under way."""
        with self._database.read() as connection:
            if store.under_way(connection, deployment.deployment_id) is not None:
                raise self._busy(connection, deployment)

    def start(self, job_id: str) -> None:
        """Let its servers be started. When it is further already: nothing to do."""
        with self._database.write() as connection:
            found = store.of_job(connection, job_id)
            if found is not None and found.status is ReplacementStatus.BUILDING:
                self._move(connection, found, ReplacementStatus.STARTING)

    def switch(self, replacement: Replacement) -> None:
        """Bring the deployment to its version. When it was given up meanwhile: nothing to do."""
        with self._database.write() as connection:
            deployment = lock_deployment(connection, replacement.deployment_id)
            found = store.of_job(connection, replacement.job_id)
            if deployment is None or found is None or found.status is not ReplacementStatus.STARTING:
                return
            self._move(connection, found, ReplacementStatus.DRAINING)
            at = {"version": found.version, "generation": found.generation}
            now = self._clock.now()
            change_deployment(connection, deployment.deployment_id, updated_at=now, image_digest=None, **at)
            self._records.write(
                connection,
                system_principal(deployment.tenant_id),
                "deployment.replaced",
                replace(deployment, version=found.version),
                before={"version": deployment.version, "generation": deployment.generation},
                after=at,
            )

    def finish(self, replacement: Replacement) -> None:
        """Note that nothing of the earlier version is left. Again: nothing to do."""
        with self._database.write() as connection:
            found = store.of_job(connection, replacement.job_id)
            if found is not None and found.status is ReplacementStatus.DRAINING:
                self._move(connection, found, ReplacementStatus.DONE)

    def give_up(self, job_id: str, reason: str) -> Replacement | None:
        """End the job's replacement, unless the deployment is at its version already; how it stands then."""
        with self._database.write() as connection:
            found = store.of_job(connection, job_id)
            deployment = None if found is None else lock_deployment(connection, found.deployment_id)
            if deployment is None:
                return found
            found = store.of_job(connection, job_id)
            if found is not None and ReplacementStatus.FAILED in REPLACEMENT_TRANSITIONS[found.status]:
                self._fail(connection, system_principal(deployment.tenant_id), deployment, found, reason=reason)
            return store.of_job(connection, job_id)

    def end_within(self, connection: Connection, principal: Principal, deployment: Deployment, *, reason: str) -> None:
        """End the one that is under way, if there is one, in a transaction that holds the deployment."""
        found = store.under_way(connection, deployment.deployment_id)
        if found is None:
            return
        if found.status is ReplacementStatus.DRAINING:
            self._move(connection, found, ReplacementStatus.DONE)
            return
        self._fail(connection, principal, deployment, found, reason=reason)

    def _fail(
        self,
        connection: Connection,
        principal: Principal,
        deployment: Deployment,
        replacement: Replacement,
        *,
        reason: str,
    ) -> None:
        reason = plain_text(reason)
        self._move(connection, replacement, ReplacementStatus.FAILED, reason=reason)
        after = {"version": replacement.version, "generation": replacement.generation}
        self._records.write(connection, principal, "deployment.replace_failed", deployment, reason=reason, after=after)

    def _move(self, connection: Connection, replacement: Replacement, status: ReplacementStatus, **values: Any) -> None:
        """The one place where a replacement's status changes."""
        if status not in REPLACEMENT_TRANSITIONS[replacement.status]:
            raise Conflict(
                f"a replacement that is {replacement.status} cannot become {status}",
                code="replacement_transition_refused",
            )
        store.change(connection, replacement.replacement_id, status=status, updated_at=self._clock.now(), **values)

    @staticmethod
    def _busy(connection: Connection, deployment: Deployment) -> Conflict:
        other = store.under_way(connection, deployment.deployment_id)
        by_whom = f" by version {other.version} (job '{other.job_id}')" if other else ""
        return Conflict(
            f"version {deployment.version} of deployment '{deployment.deployment_id}' is being replaced{by_whom}: "
            "wait for that job's end, or cancel it",
            code="deployment_replacing",
        )
