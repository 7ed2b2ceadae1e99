"""What a caller may do with deployments, over the service, the jobs and the target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from modelyard.deployments.domain import (
    AutoscalingChange,
    Deployment,
    PinChange,
    checked_deployment,
    checked_place,
    refuse_other_resources,
)
from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.deployments.pinning import Pinning
from modelyard.deployments.replacement import Replacement
from modelyard.deployments.replica_watch import ReplicaWatch
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DesiredState
from modelyard.deployments.targets import Targets, placement
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.ports.log import LogPart
from modelyard.ports.target import DEFAULT_RESOURCES, Autoscaling, KeepsLogs, ReplicaObservation, Resources
from modelyard.principals import Principal
from modelyard.registry.domain import Version, refuse_deleting
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentCommand:
    """What a caller asks for; the fields are those of the API."""

    model_name: str
    version: int | None
    replicas: int | None
    namespace: str | None
    target: str | None = None
    resources: Resources = DEFAULT_RESOURCES
    autoscaling: Autoscaling | None = None
    another: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that was made, and what it will come to."""

    job: Job
    deployment_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ServerLog:
    """The log of one generation of a deployment's servers, wherever its target keeps it."""

    target: KeepsLogs
    deployment_id: str
    generation: int

    def size(self) -> int:
        """How many bytes are there now."""
        return self.target.log_size(self.deployment_id, self.generation)

    def read(self, offset: int) -> LogPart:
        """The part from an offset on."""
        return self.target.read_log(self.deployment_id, self.generation, offset)


class DeploymentVerbs:
    """Making, scaling, looking at and undeploying deployments.

    Args:
        bound_apis: the ids of APIs of the gateway that lead to a deployment.
    """

    def __init__(
        self,
        *,
        deployments: DeploymentService,
        jobs: JobService,
        registry: RegistryService,
        targets: Targets,
        watch: ReplicaWatch,
        bound_apis: Callable[[Deployment], Sequence[str]],
        pinning: Pinning,
    ) -> None:
        self.deployments = deployments
        self._jobs = jobs
        self._registry = registry
        self._targets = targets
        self._watch = watch
        self._bound_apis = bound_apis
        self._pinning = pinning

    def deploy(self, principal: Principal, request: DeploymentCommand, *, idempotency_key: str | None) -> Accepted:
        """A job that builds a version, and deploys it as requested.

        Raises:
            NotFound: there is no such model or version.
            Invalid: a field is not what it should be, or two contradict each other.
            Conflict: code `version_deleting`, or as `replace`.
        """
        found = self._registry.version(principal, request.model_name, request.version)
        refuse_deleting(found)
        wanted = checked_deployment(replicas=request.replicas, namespace=request.namespace)
        self._targets.check(request.target, DEFAULT_RESOURCES)
        wanted |= placement(request.target, request.resources, request.autoscaling)
        placed = wanted | checked_place(another=request.another, replace=request.replace)
        asked = {"version": request.version, **placed}
        namespace = str(wanted["namespace"])
        if request.replace:
            replaced = self.deployments.replaceable(principal, request.model_name, namespace, target=request.target)
            if replaced is not None and replaced.version != found.version:
                refuse_other_resources(replaced, request.resources)
                self._targets.check_autoscaling(replaced.target, request.autoscaling)
                return self._replace(
                    principal, replaced, found, wanted=placed, asked=asked, idempotency_key=idempotency_key
                )
        serving = (
            None if request.another else self.deployments.serving(principal, found, namespace, target=request.target)
        )
        if serving is None:
            self._targets.check(request.target, request.resources, namespace=namespace)
        else:
            refuse_other_resources(serving, request.resources)
        self._targets.check_autoscaling(request.target if serving is None else serving.target, request.autoscaling)
        job = self._jobs.create(
            principal,
            kind=DEPLOYMENT,
            model_name=request.model_name,
            request={"version": found.version, **placed},
            asked=asked,
            idempotency_key=idempotency_key,
            experiment_name=None,
        )
        if serving is None:
            return Accepted(job, None, f"the deployment of '{job.model_name}' was accepted")
        return Accepted(
            job,
            serving.deployment_id,
            f"version {found.version} of '{job.model_name}' already serves in namespace '{namespace}' as "
            f"'{serving.deployment_id}', which is the same deployment",
        )

    def change(
        self,
        principal: Principal,
        deployment_id: str,
        *,
        replicas: int | None,
        version: int | None,
        autoscaling: AutoscalingChange | None = None,
    ) -> Deployment:
        """Set how many replicas shall run or who chooses that, or which version shall take the place of the one that
        serves.

        Raises:
            NotFound: there is no such deployment or version.
            Invalid: code `change_empty`, when nothing is given, `change_contradictory`, or a field is not what it
                should be.
            Conflict: code `deployment_leaving`, `deployment_replacing`, `version_deleting` or `quota_exceeded`.
        """
        wanted = checked_deployment(replicas=replicas, namespace=None)
        if replicas is None and version is None and autoscaling is None:
            raise Invalid("expected replicas, or a version, got neither", code="change_empty", field="replicas")
        if autoscaling is not None:
            _refuse_beside_autoscaling(autoscaling, replicas=replicas, version=version)
            changed = self.deployments.scaling.autoscale(principal, deployment_id, autoscaling.autoscaling)
            return changed if replicas is None else self.deployments.scaling.scale(principal, deployment_id, replicas)
        if version is not None:
            deployment = self.deployments.get(principal, deployment_id)
            found = self._registry.version(principal, deployment.model_name, version)
            refuse_deleting(found)
            if found.version != deployment.version:
                placed = wanted | {"namespace": deployment.namespace}
                self._replace(principal, deployment, found, wanted=placed, asked=placed, idempotency_key=None)
                return self.deployments.get(principal, deployment_id)
            self.deployments.replacements.refuse_under_way(deployment)
        if replicas is not None:
            return self.deployments.scaling.scale(principal, deployment_id, replicas)
        return self.deployments.get(principal, deployment_id)

    def pin(self, principal: Principal, deployment_id: str, change: PinChange, *, alone: bool) -> Deployment:
        """Pin a deployment to an image of its version, or let it go.

        Raises:
            Invalid: code `change_contradictory`, when something else is asked for too; and as `Pinning.pin`.
            NotFound, Conflict: as `Pinning.pin`.
        """
        if not alone:
            raise Invalid("image: expected it alone, got it with others", code="change_contradictory", field="image")
        return self._pinning.pin(principal, deployment_id, change.digest)

    def _replace(
        self,
        principal: Principal,
        deployment: Deployment,
        version: Version,
        *,
        wanted: Mapping[str, object],
        asked: Mapping[str, object],
        idempotency_key: str | None,
    ) -> Accepted:
        """The job that replaces the version; with it, in one transaction, the deployment is taken."""

        def reserve(connection: Connection, job: Job) -> None:
            self.deployments.reserve_replacement(
                connection, principal, deployment.deployment_id, version.version, job_id=job.job_id
            )

        job = self._jobs.create(
            principal,
            kind=DEPLOYMENT,
            model_name=deployment.model_name,
            request={"version": version.version, **wanted},
            asked=asked,
            idempotency_key=idempotency_key,
            alongside=reserve,
            experiment_name=None,
        )
        message = (
            f"version {version.version} takes the place of version {deployment.version} in '{deployment.deployment_id}'"
        )
        return Accepted(job, deployment.deployment_id, message)

    def undeploy(self, principal: Principal, deployment_id: str, *, forces: bool) -> Deployment:
        """Write down that it shall go.

        Args:
            forces: also when APIs lead to it, which answer 503 then, and when a split names its version, whose part
                the first other one gets then.

        Raises:
            NotFound: code `deployment_not_found`.
            Conflict: code `deployment_bound` or `deployment_divided`; the sentence names what leads to it. Or
                `target_not_configured`.
        """
        if not forces:
            self.refuse_bound(self.deployments.get(principal, deployment_id))
        return self.deployments.undeploy(principal, deployment_id, reason="asked for")

    def refuse_bound(self, deployment: Deployment) -> None:
        """Refuse to take a deployment away that APIs lead to, or the last one of a version that gets a part of its
        model's requests.

        Raises:
            Conflict: code `deployment_bound` or `deployment_divided`.
        """
        bound = self._bound_apis(deployment)
        if bound and deployment.desired_state is DesiredState.RUNNING:
            named = ", ".join(f"'{each}'" for each in bound)
            raise Conflict(
                f"the current revision of the API {named} leads to deployment '{deployment.deployment_id}': release "
                "another revision, delete or retire the API, or undeploy it with force",
                code="deployment_bound",
            )
        if deployment.desired_state is DesiredState.RUNNING:
            self.deployments.refuse_last_of_divided(deployment)

    def with_details(
        self, deployments: Sequence[Deployment]
    ) -> Sequence[tuple[Deployment, Replacement | None, Sequence[ReplicaObservation]]]:
        """Each with the last replacement of its version, and its replicas as the target sees them now.

        There are no replicas where the target does not answer in time.
        """
        seen = self._watch.replicas(deployments)
        replacements = self.deployments.replacements.latest([one.deployment_id for one in deployments])
        return [(one, replacements.get(one.deployment_id), seen.get(one.deployment_id, ())) for one in deployments]

    def log(self, deployment: Deployment, generation: int) -> ServerLog:
        """The log of one generation of servers.

        Raises:
            NotFound: code `log_not_kept`.
        """
        target: object = self._targets.find(deployment.target)
        if not isinstance(target, KeepsLogs):
            raise NotFound(f"the target '{deployment.target}' keeps no logs of servers", code="log_not_kept")
        return ServerLog(target, deployment.deployment_id, generation)


def _refuse_beside_autoscaling(change: AutoscalingChange, *, replicas: int | None, version: int | None) -> None:
    """An autoscaler chooses the replicas that somebody asks for in the same breath; a version is a job of its own."""
    others = [name for name, value in (("replicas", replicas), ("version", version)) if value is not None]
    if change.autoscaling is None and version is None:
        return
    if others:
        raise Invalid(
            f"autoscaling: expected it alone, or null with replicas, got it with {' and '.join(others)}",
            code="change_contradictory",
            field="autoscaling",
        )
