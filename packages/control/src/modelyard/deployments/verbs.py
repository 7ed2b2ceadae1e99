"""What a caller may do with deployments, over the service, the jobs and the target."""

from collections.abc import Sequence

from modelyard.access.domain import Principal
from modelyard.deployments.domain import Deployment
from modelyard.deployments.replica_watch import ReplicaWatch
from modelyard.deployments.service import DeploymentService
from modelyard.jobs.domain import Job, JobKind
from modelyard.jobs.service import JobService
from modelyard.ports.target import ReplicaObservation, Target
from modelyard.registry.domain import refuse_leaving
from modelyard.registry.service import RegistryService
from modelyard.training.service import checked_deployment

_CHUNK = 256 * 1024


class DeploymentVerbs:
    """Making, scaling and looking at deployments."""

    def __init__(
        self,
        *,
        deployments: DeploymentService,
        jobs: JobService,
        registry: RegistryService,
        target: Target,
        watch: ReplicaWatch,
    ) -> None:
        self.deployments = deployments
        self._jobs = jobs
        self._registry = registry
        self._target = target
        self._watch = watch

    def deploy(
        self,
        principal: Principal,
        *,
        model_name: str,
        version: int | None,
        replicas: int,
        namespace: str | None,
        idempotency_key: str | None,
    ) -> Job:
        """A job that builds and deploys a version.

        Raises:
            NotFound: there is no such model or version.
            Invalid: `replicas` or `namespace` is not what it should be.
            Conflict: code `version_deleting`.
        """
        found = self._registry.version(principal, model_name, version)
        refuse_leaving(found)
        wanted = checked_deployment(replicas=replicas, namespace=namespace)
        return self._jobs.create(
            principal,
            kind=JobKind.DEPLOYMENT,
            model_name=model_name,
            request={"version": found.version, **wanted},
            asked={"version": version, **wanted},
            idempotency_key=idempotency_key,
        )

    def scale(self, principal: Principal, deployment_id: str, replicas: int) -> Deployment:
        """Set how many replicas shall run."""
        checked_deployment(replicas=replicas, namespace=None)
        return self.deployments.scale(principal, deployment_id, replicas)

    def with_replicas(
        self, deployments: Sequence[Deployment]
    ) -> Sequence[tuple[Deployment, Sequence[ReplicaObservation]]]:
        """Each with its replicas as the target sees them now; none where it does not answer in time."""
        seen = self._watch.replicas(deployments)
        return [(one, seen.get(one.deployment_id, ())) for one in deployments]

    def read_log(self, deployment_id: str, offset: int) -> bytes:
        """Up to 256 KiB of the model server's log from `offset` on; empty at the end of what is there."""
        path = self._target.log_path(deployment_id)
        if path is None or not path.exists() or path.stat().st_size <= offset:
            return b""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_CHUNK)
