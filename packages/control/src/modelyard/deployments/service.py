"""The verbs on deployments. It writes down what shall be; the reconciler makes it so."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access.domain import Principal, Role
from modelyard.access.limits import hold_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments import store
from modelyard.deployments.domain import Deployment
from modelyard.deployments.states import TRANSITIONS, DeploymentStatus
from modelyard.errors import Conflict, NotFound
from modelyard.paging import Page
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

SYSTEM = "modelyard"
"""Who the audit log names when nobody asked for a change."""


class DeploymentService:
    """All deployments of all tenants."""

    def __init__(
        self, *, database: Database, clock: Clock, audit: AuditLog, registry: RegistryService, target: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry
        self._target = target

    def create(
        self, principal: Principal, version: Version, *, replicas: int, namespace: str, job_id: str
    ) -> Deployment:
        """Write down that a version shall serve. The second call for the same job gives the deployment of the first.

        Raises:
            Conflict: code `quota_exceeded`, or `version_deleting`.
        """
        now = self._clock.now()
        deployment = Deployment(
            deployment_id=f"dep-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            namespace=namespace,
            model_name=version.model_name,
            version=version.version,
            target=self._target,
            replicas=replicas,
            is_wanted=True,
            status=DeploymentStatus.PENDING,
            reason=None,
            url=None,
            ready_replicas=0,
            job_id=job_id,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
        )
        with self._database.write() as connection:
            quotas = hold_quotas(connection, principal.tenant_id)
            if store.add(connection, deployment):
                # A deletion holds the tenant's row too when it begins: so either it sees this one, or this one sees it.
                self._registry.staying_within(connection, principal, version.model_name, version.version)
                quotas.check(Resource.REPLICAS, lambda: store.count_replicas(connection, principal.tenant_id))
                wanted = {"replicas": replicas, "namespace": namespace}
                self._record(connection, principal, "deployment.created", deployment, after=wanted)
                return deployment
            earlier = store.find_of_job(connection, job_id)
        if earlier is None:
            raise AssertionError("only a deployment of the same job keeps one from being added")
        return earlier

    def of_job(self, job_id: str) -> Deployment | None:
        """The deployment that this job made, if it has."""
        with self._database.read() as connection:
            return store.find_of_job(connection, job_id)

    def get(self, principal: Principal, deployment_id: str) -> Deployment:
        """A deployment of the caller's tenant.

        Raises:
            NotFound: code `deployment_not_found`.
        """
        with self._database.read() as connection:
            return _visible(store.find(connection, deployment_id), principal, deployment_id)

    def page(
        self,
        principal: Principal,
        *,
        model_name: str | None = None,
        namespace: str | None = None,
        status: DeploymentStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Deployment]:
        """Deployments of the caller's tenant, newest first; without a status those that are not stopped."""
        with self._database.read() as connection:
            return store.page(
                connection,
                principal.tenant_id,
                model_name=model_name,
                namespace=namespace,
                status=status,
                limit=limit,
                cursor=cursor,
            )

    def count_by_status(self, principal: Principal) -> dict[str, int]:
        """How many deployments are in each status."""
        with self._database.read() as connection:
            return store.count_by_status(connection, principal.tenant_id)

    def wanted_within(self, connection: Connection, tenant_id: str) -> str | None:
        """What of a tenant's deployments shall run, in words, read in the caller's transaction."""
        count = store.count_replicas(connection, tenant_id)
        return f"{count} replicas deployed" if count else None

    def scale(self, principal: Principal, deployment_id: str, replicas: int) -> Deployment:
        """Set how many replicas shall run.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: code `deployment_leaving`, when it is being undeployed or was, or `quota_exceeded`.
        """
        with self._database.write() as connection:
            quotas = hold_quotas(connection, principal.tenant_id)
            before = self._locked(connection, principal, deployment_id)
            if not before.is_wanted:
                raise Conflict(
                    f"deployment '{deployment_id}' is being undeployed or was: it cannot be scaled",
                    code="deployment_leaving",
                )
            store.change(connection, deployment_id, replicas=replicas, updated_at=self._clock.now())
            if replicas > before.replicas:
                quotas.check(Resource.REPLICAS, lambda: store.count_replicas(connection, principal.tenant_id))
            self._record(
                connection,
                principal,
                "deployment.scaled",
                before,
                before={"replicas": before.replicas},
                after={"replicas": replicas},
            )
            return self._locked(connection, principal, deployment_id)

    def undeploy(self, principal: Principal, deployment_id: str, *, reason: str = "") -> Deployment:
        """Write down that it shall go: it drains, then stops. Again: nothing more happens.

        Raises:
            NotFound: code `deployment_not_found`.
        """
        with self._database.write() as connection:
            deployment = self._locked(connection, principal, deployment_id)
            if deployment.is_wanted:
                store.change(connection, deployment_id, is_wanted=False, updated_at=self._clock.now())
                self._record(connection, principal, "deployment.undeploy_requested", deployment, reason=reason)
            return self._locked(connection, principal, deployment_id)

    def of_version(
        self, connection: Connection, principal: Principal, model_name: str, number: int | None
    ) -> list[Deployment]:
        """The deployments of a version, or of all versions of a model, that are not stopped; oldest first.

        In the caller's transaction.
        """
        return store.of_version(connection, principal.tenant_id, model_name, number)

    def left(self, principal: Principal, model_name: str, number: int | None) -> list[Deployment]:
        """The same, now."""
        with self._database.read() as connection:
            return self.of_version(connection, principal, model_name, number)

    # What the reconciler calls.

    def running(self) -> list[Deployment]:
        """Every deployment in this target that is not stopped, of all tenants."""
        with self._database.read() as connection:
            return store.not_stopped(connection, self._target)

    def note(
        self,
        deployment_id: str,
        *,
        status: DeploymentStatus,
        reason: str | None,
        url: str | None,
        ready_replicas: int,
    ) -> None:
        """Write down what was seen. Nothing is written when nothing changed."""
        reason = None if reason is None else plain_text(reason)
        with self._database.write() as connection:
            deployment = store.lock(connection, deployment_id)
            if deployment is None:
                return
            seen: dict[str, Any] = {
                "reason": reason,
                "url": url or deployment.url,
                "ready_replicas": ready_replicas,
            }
            if deployment.status is not status:
                self._move(connection, deployment, status, reason)
            elif all(getattr(deployment, name) == value for name, value in seen.items()):
                return
            store.change(connection, deployment_id, updated_at=self._clock.now(), **seen)

    def _move(
        self, connection: Connection, deployment: Deployment, status: DeploymentStatus, reason: str | None
    ) -> None:
        """The one place where a deployment's status changes."""
        if status not in TRANSITIONS[deployment.status]:
            raise Conflict(
                f"deployment '{deployment.deployment_id}' cannot go from {deployment.status} to {status}",
                code="deployment_transition_refused",
            )
        store.change(connection, deployment.deployment_id, status=status)
        self._record(
            connection,
            system_principal(deployment.tenant_id),
            f"deployment.{status}",
            deployment,
            reason=reason or "",
            before={"status": deployment.status},
            after={"status": status},
        )

    @staticmethod
    def _locked(connection: Connection, principal: Principal, deployment_id: str) -> Deployment:
        return _visible(store.lock(connection, deployment_id), principal, deployment_id)

    def _record(
        self,
        connection: Connection,
        principal: Principal,
        action: str,
        deployment: Deployment,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        self._audit.record(
            connection,
            principal=principal,
            action=action,
            subject=deployment.subject,
            reason=reason,
            before=before,
            after={**(after or {}), "model": f"models/{deployment.model_name}/versions/{deployment.version}"},
        )


def system_principal(tenant_id: str) -> Principal:
    """Who acts when nobody asked."""
    return Principal(tenant_id=tenant_id, subject=SYSTEM, role=Role.DEVELOPER)


def _visible(deployment: Deployment | None, principal: Principal, deployment_id: str) -> Deployment:
    if deployment is None or deployment.tenant_id != principal.tenant_id:
        raise NotFound(f"there is no deployment '{deployment_id}'", code="deployment_not_found")
    return deployment
