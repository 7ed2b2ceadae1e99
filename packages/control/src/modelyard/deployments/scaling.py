"""How many replicas of a deployment shall run, and who chooses that."""

from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.db import Database
from modelyard.deployments import store
from modelyard.deployments.domain import Deployment, autoscaling_to_json, refuse_autoscaled
from modelyard.deployments.locking import lock_changeable, lock_visible, visible
from modelyard.deployments.records import Records
from modelyard.deployments.targets import Targets
from modelyard.ports.clock import Clock
from modelyard.ports.target import Autoscaling
from modelyard.principals import Principal


class Scaling:
    """Of all deployments of all tenants, within their quotas."""

    def __init__(self, *, database: Database, clock: Clock, records: Records, targets: Targets) -> None:
        self._database = database
        self._clock = clock
        self._records = records
        self._targets = targets

    def scale(self, principal: Principal, deployment_id: str, replicas: int) -> Deployment:
        """Set how many replicas shall run.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: code `deployment_leaving`, when it is being undeployed or was, `deployment_autoscaled`,
                `target_not_configured` or `quota_exceeded`.
        """
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            before = lock_changeable(connection, principal, deployment_id, targets=self._targets)
            refuse_autoscaled(before)
            store.change(connection, deployment_id, replicas=replicas, updated_at=self._clock.now())
            if replicas > before.replicas:
                quotas.check(Resource.REPLICAS, lambda: store.count_replicas(connection, principal.tenant_id))
            self._records.write(
                connection,
                principal,
                "deployment.scaled",
                before,
                before={"replicas": before.replicas},
                after={"replicas": replicas},
            )
            return lock_visible(connection, principal, deployment_id)

    def autoscale(self, principal: Principal, deployment_id: str, autoscaling: Autoscaling | None) -> Deployment:
        """Let the target choose the number of replicas within bounds; None: the number that is asked for holds again.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: as `scale`.
            Invalid, Unavailable: as `Targets.check_autoscaling`.
        """
        with self._database.read() as connection:
            known = visible(store.find(connection, deployment_id), principal, deployment_id)
        self._targets.check_autoscaling(known.target, autoscaling)
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            before = lock_changeable(connection, principal, deployment_id, targets=self._targets)
            if before.autoscaling == autoscaling:
                return before
            content = autoscaling_to_json(autoscaling)
            store.change(connection, deployment_id, autoscaling=content, updated_at=self._clock.now())
            quotas.check(Resource.REPLICAS, lambda: store.count_replicas(connection, principal.tenant_id))
            self._records.write(
                connection,
                principal,
                "deployment.autoscaled",
                before,
                before={"autoscaling": autoscaling_to_json(before.autoscaling)},
                after={"autoscaling": content},
            )
            return lock_visible(connection, principal, deployment_id)
