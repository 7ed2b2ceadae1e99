"""The verbs on deployments. It writes down what shall be; the reconciler makes it so."""

from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments import replacement_store, store
from modelyard.deployments.domain import (
    Deployment,
    autoscaling_to_json,
    reason_of_unconfigured,
)
from modelyard.deployments.locking import lock_visible, visible
from modelyard.deployments.port_book import PortBook
from modelyard.deployments.records import Records, system_principal
from modelyard.deployments.replacement import Replacement
from modelyard.deployments.replacing import Replacements
from modelyard.deployments.scaling import Scaling
from modelyard.deployments.states import TRANSITIONS, DeploymentStatus, DesiredState
from modelyard.deployments.targets import Targets
from modelyard.errors import Conflict
from modelyard.paging import Page
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.ports.target import DEFAULT_RESOURCES, Autoscaling, Resources
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.traffic.service import refuse_last_of_share

__all__ = ["DeploymentService", "system_principal"]

logger = structlog.get_logger()


class DeploymentService:
    """All deployments of all tenants."""

    def __init__(
        self, *, database: Database, clock: Clock, audit: AuditLog, registry: RegistryService, targets: Targets
    ) -> None:
        self._database = database
        self._clock = clock
        self._records = Records(audit)
        self._registry = registry
        self._targets = targets
        self.ports = PortBook(database=database, clock=clock)
        self.scaling = Scaling(database=database, clock=clock, records=self._records, targets=targets)
        self.replacements = Replacements(database=database, clock=clock, records=self._records, registry=registry)

    def create(
        self,
        principal: Principal,
        version: Version,
        *,
        replicas: int,
        namespace: str,
        job_id: str,
        target: str | None = None,
        resources: Resources = DEFAULT_RESOURCES,
        autoscaling: Autoscaling | None = None,
        is_another: bool = True,
    ) -> Deployment:
        """Write down that a version shall serve. The second call for the same job gives the deployment of the first.

        Unless it shall be another one, a deployment of the version that serves in the namespace, and in the target if
        one is named, is given as it is.

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
            target=target or self._targets.default,
            replicas=replicas,
            resources=resources,
            autoscaling=autoscaling,
            generation=1,
            desired_state=DesiredState.RUNNING,
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
            quotas = lock_quotas(connection, principal.tenant_id)
            serving = (
                None if is_another else self.serving_within(connection, principal, version, namespace, target=target)
            )
            if serving is not None:
                return serving
            if store.add(connection, deployment):
                # The settings may have changed since the request.
                self._targets.check(deployment.target, resources, namespace=namespace)
                # A deletion holds the tenant's row too when it begins: so either it sees this one, or this one sees it.
                self._registry.get_not_deleting(connection, principal, version.model_name, version.version)
                quotas.check(Resource.REPLICAS, lambda: store.count_replicas(connection, principal.tenant_id))
                wanted: dict[str, Any] = {"replicas": replicas, "namespace": namespace, "target": deployment.target}
                wanted |= {} if autoscaling is None else {"autoscaling": autoscaling_to_json(autoscaling)}
                self._records.write(connection, principal, "deployment.created", deployment, after=wanted)
                return deployment
            earlier = store.find_of_job(connection, job_id)
        if earlier is None:
            raise AssertionError("only a deployment of the same job keeps one from being added")
        return earlier

    def serving(
        self, principal: Principal, version: Version, namespace: str, *, target: str | None = None
    ) -> Deployment | None:
        """The oldest deployment of a version in a namespace, and in a target if one is named, that serves or will."""
        with self._database.read() as connection:
            return self.serving_within(connection, principal, version, namespace, target=target)

    @staticmethod
    def serving_within(
        connection: Connection, principal: Principal, version: Version, namespace: str, *, target: str | None
    ) -> Deployment | None:
        """The same, in the caller's transaction."""
        wanted = store.desired_running(
            connection,
            principal.tenant_id,
            model_name=version.model_name,
            namespace=namespace,
            target=target,
            version=version.version,
        )
        return next((one for one in wanted if one.status is not DeploymentStatus.FAILED), None)

    def replaceable(
        self, principal: Principal, model_name: str, namespace: str, *, target: str | None = None
    ) -> Deployment | None:
        """The deployment of a model in a namespace, and in a target if one is named, whose version a new one replaces.

        None where there is none.

        Raises:
            Conflict: code `deployment_ambiguous`; the message names them.
        """
        with self._database.read() as connection:
            found = store.desired_running(
                connection, principal.tenant_id, model_name=model_name, namespace=namespace, target=target
            )
        if len(found) > 1:
            named = ", ".join(f"'{one.deployment_id}' (version {one.version})" for one in found)
            raise Conflict(
                f"model '{model_name}' has several deployments in namespace '{namespace}': {named}; name the one whose "
                "version shall be replaced",
                code="deployment_ambiguous",
            )
        return found[0] if found else None

    def reserve_replacement(
        self, connection: Connection, principal: Principal, deployment_id: str, version: int, *, job_id: str
    ) -> None:
        """Begin the replacement of a deployment's version, in the caller's transaction.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: as `Replacements.reserve`, or code `deployment_divided`: a split of the model's requests names the
                version, and it is deployed nowhere else.
        """
        deployment = lock_visible(connection, principal, deployment_id)
        if version != deployment.version:
            refuse_last_of_divided(connection, deployment)
        self.replacements.reserve(connection, principal, deployment, version, job_id=job_id)

    def replace(self, principal: Principal, deployment_id: str, version: int, *, job_id: str) -> None:
        """The same, in a transaction of its own."""
        with self._database.write() as connection:
            lock_quotas(connection, principal.tenant_id)
            self.reserve_replacement(connection, principal, deployment_id, version, job_id=job_id)

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
            return visible(store.find(connection, deployment_id), principal, deployment_id)

    def page(
        self,
        principal: Principal,
        *,
        model_name: str | None = None,
        namespace: str | None = None,
        target: str | None = None,
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
                target=target,
                status=status,
                limit=limit,
                cursor=cursor,
            )

    def count_by_status(self, principal: Principal) -> dict[str, int]:
        """How many deployments are in each status."""
        with self._database.read() as connection:
            return store.count_by_status(connection, principal.tenant_id)

    def describe_running(self, connection: Connection, tenant_id: str) -> str | None:
        """How many replicas of a tenant's deployments shall run, as a phrase, or None. In the caller's transaction."""
        count = store.count_replicas(connection, tenant_id)
        return f"{count} replicas deployed" if count else None

    def undeploy(self, principal: Principal, deployment_id: str, *, reason: str = "") -> Deployment:
        """Write down that it shall go: it drains, then stops. Again: nothing more happens.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: code `target_not_configured`.
        """
        with self._database.write() as connection:
            return self.undeploy_within(connection, principal, deployment_id, reason=reason)

    def undeploy_within(
        self, connection: Connection, principal: Principal, deployment_id: str, *, reason: str
    ) -> Deployment:
        """The same, in the caller's transaction."""
        deployment = lock_visible(connection, principal, deployment_id)
        if deployment.desired_state is DesiredState.RUNNING:
            self._targets.refuse_unconfigured(deployment)
            store.change(connection, deployment_id, desired_state=DesiredState.STOPPED, updated_at=self._clock.now())
            self.replacements.end_within(connection, principal, deployment, reason="the deployment was undeployed")
            self._records.write(connection, principal, "deployment.undeploy_requested", deployment, reason=reason)
        return lock_visible(connection, principal, deployment_id)

    def leave(self, principal: Principal, deployment_id: str, number: int | None, *, reason: str) -> None:
        """Take a version out of a deployment: undeploy it, or end the replacement that would bring it there."""
        with self._database.write() as connection:
            deployment = lock_visible(connection, principal, deployment_id)
            if number not in {None, deployment.version}:
                self.replacements.end_within(connection, principal, deployment, reason=reason)
                return
        self.undeploy(principal, deployment_id, reason=reason)

    def of_version(
        self, connection: Connection, principal: Principal, model_name: str, number: int | None
    ) -> list[Deployment]:
        """The deployments of a version, or of all versions of a model, that are not stopped; oldest first.

        Those that a replacement under way shall bring to it are among them. In the caller's transaction.
        """
        coming = replacement_store.aiming_at(connection, principal.tenant_id, model_name, number)
        every = store.of_version(connection, principal.tenant_id, model_name, None)
        return [one for one in every if number in {None, one.version} or one.deployment_id in coming]

    def left(self, principal: Principal, model_name: str, number: int | None) -> list[Deployment]:
        """The same, now."""
        with self._database.read() as connection:
            return self.of_version(connection, principal, model_name, number)

    # What the reconciler calls.

    def running(self, target: str) -> list[Deployment]:
        """Every deployment in a target that is not stopped, of all tenants."""
        with self._database.read() as connection:
            return store.not_stopped(connection, target)

    def every_wanted(self) -> list[Deployment]:
        """Every deployment whose desired state is running, of all tenants and targets, by its id."""
        with self._database.read() as connection:
            return store.wanted(connection)

    def replacing(self) -> frozenset[str]:
        """The ids of all deployments at whose address servers of two versions may be."""
        with self._database.read() as connection:
            return replacement_store.sharing_addresses(connection)

    def refuse_last_of_divided(self, deployment: Deployment) -> None:
        """Refuse to take away the last deployment of a version that a split of its model's requests names.

        Raises:
            Conflict: code `deployment_divided`.
        """
        with self._database.read() as connection:
            refuse_last_of_divided(connection, deployment)

    def note_unconfigured_targets(self) -> None:
        """Give deployments in targets that are not configured a reason that says so. Their status stays as it was."""
        with self._database.read() as connection:
            names = store.targets_of_not_stopped(connection)
            left = [one for name in names - set(self._targets) for one in store.not_stopped(connection, name)]
        for deployment in left:
            reason = reason_of_unconfigured(deployment.target)
            logger.warning("target not configured", deployment_id=deployment.deployment_id, target=deployment.target)
            self.note(
                deployment, status=deployment.status, reason=reason, url=None, ready_replicas=deployment.ready_replicas
            )

    def current(self, deployment_id: str) -> tuple[Deployment, Replacement | None] | None:
        """A deployment and the replacement of its version that is under way, as of one moment."""
        with self._database.read() as connection:
            deployment = store.find(connection, deployment_id)
            if deployment is None:
                return None
            return deployment, replacement_store.under_way(connection, deployment_id)

    def note(
        self,
        known: Deployment,
        *,
        status: DeploymentStatus,
        reason: str | None,
        url: str | None,
        ready_replicas: int,
    ) -> None:
        """Write down what was seen of a deployment that was read a moment ago. Nothing changed: nothing is written."""
        reason = None if reason is None else plain_text(reason)
        seen: dict[str, Any] = {"reason": reason, "url": url or known.url, "ready_replicas": ready_replicas}
        if known.status is status and all(getattr(known, name) == value for name, value in seen.items()):
            return
        with self._database.write() as connection:
            deployment = store.lock(connection, known.deployment_id)
            if deployment is None:
                return
            if deployment.status is not status:
                self._move(connection, deployment, status, reason)
            if status is DeploymentStatus.STOPPED:
                self.ports.release(connection, known.deployment_id)
            store.change(connection, known.deployment_id, updated_at=self._clock.now(), **seen)

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
        self._records.write(
            connection,
            system_principal(deployment.tenant_id),
            f"deployment.{status}",
            deployment,
            reason=reason or "",
            before={"status": deployment.status},
            after={"status": status},
        )


def refuse_last_of_divided(connection: Connection, deployment: Deployment) -> None:
    """See the method of that name."""
    every = store.of_version(connection, deployment.tenant_id, deployment.model_name, deployment.version)
    running = {one.deployment_id for one in every if one.desired_state is DesiredState.RUNNING}
    if running <= {deployment.deployment_id}:
        refuse_last_of_share(connection, deployment.tenant_id, deployment.model_name, deployment.version)


def ready_versions(connection: Connection, tenant_id: str, model_name: str) -> frozenset[int]:
    """The versions of a model that a deployment serves now, in the caller's transaction."""
    every = store.of_version(connection, tenant_id, model_name, None)
    return frozenset(one.version for one in every if one.status is DeploymentStatus.READY)
