"""A deployment, and what to do for it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from modelyard.deployments.states import DeploymentStatus, DesiredState
from modelyard.errors import Conflict, Invalid
from modelyard.naming import validate_namespace
from modelyard.ports.target import DEFAULT_RESOURCES, Autoscaling, Resources, ServerObservation, ServerSpec, ServerState

FAILED_TO_START = "no replica could start"
MAX_REPLICAS = 64
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version that serves, or shall, or did."""

    deployment_id: str
    tenant_id: str
    namespace: str
    model_name: str
    version: int
    target: str
    replicas: int
    resources: Resources
    """Of each replica."""
    autoscaling: Autoscaling | None
    """Between which numbers of replicas the target chooses; `replicas` is then where it began."""
    generation: int
    """Of the servers that serve: 1, and another one with each version that takes its predecessor's place."""
    desired_state: DesiredState
    status: DeploymentStatus
    reason: str | None
    url: str | None
    ready_replicas: int
    job_id: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    image_digest: str | None = None
    """Of the image of its version that it is pinned to; the newest one without it."""

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"deployments/{self.deployment_id}"


def resources_to_json(resources: Resources) -> dict[str, float | int]:
    """What is asked for, by name."""
    given = {"cpu": resources.cpu, "memory_bytes": resources.memory_bytes, "gpus": resources.gpus}
    return {name: value for name, value in given.items() if value is not None}


def resources_of_json(content: Mapping[str, float | int] | None) -> Resources:
    """The same, read."""
    given = content or {}
    memory, gpus = given.get("memory_bytes"), given.get("gpus")
    return Resources(
        cpu=given.get("cpu"),
        memory_bytes=None if memory is None else int(memory),
        gpus=None if gpus is None else int(gpus),
    )


@dataclass(frozen=True, slots=True)
class AutoscalingChange:
    """That a deployment shall have these bounds, or none."""

    autoscaling: Autoscaling | None


@dataclass(frozen=True, slots=True)
class PinChange:
    """That a deployment shall be pinned to the image of this digest, or to none."""

    digest: str | None


def autoscaling_to_json(autoscaling: Autoscaling | None) -> dict[str, int] | None:
    """The bounds, by name."""
    return None if autoscaling is None else asdict(autoscaling)


def autoscaling_of_json(content: Mapping[str, int] | None) -> Autoscaling | None:
    """The same, read."""
    return None if content is None else Autoscaling(**content)


def checked_autoscaling(autoscaling: Autoscaling | None) -> None:
    """Raises:
    Invalid: code `autoscaling_invalid`.
    """
    if autoscaling is None:
        return
    least, most = autoscaling.min_replicas, autoscaling.max_replicas
    if not 1 <= least <= most <= MAX_REPLICAS:
        raise Invalid(
            f"autoscaling: expected 1 <= min_replicas <= max_replicas <= {MAX_REPLICAS}, got {least} and {most}",
            code="autoscaling_invalid",
            field="autoscaling",
        )


def refuse_autoscaled(deployment: Deployment) -> None:
    """Nobody scales what an autoscaler scales.

    Raises:
        Conflict: code `deployment_autoscaled`.
    """
    if deployment.autoscaling is not None:
        bounds = f"between {deployment.autoscaling.min_replicas} and {deployment.autoscaling.max_replicas}"
        raise Conflict(
            f"replicas: an autoscaler chooses those of deployment '{deployment.deployment_id}', {bounds}; change its "
            "bounds, or end it (autoscaling)",
            code="deployment_autoscaled",
            field="replicas",
        )


def refuse_other_resources(deployment: Deployment, asked: Resources) -> None:
    """A deployment keeps the resources that it was made with.

    Raises:
        Conflict: code `resources_fixed`.
    """
    if asked not in (DEFAULT_RESOURCES, deployment.resources):
        raise Conflict(
            f"resources: deployment '{deployment.deployment_id}' keeps those that it was made with; make another one "
            "(another), or undeploy it first",
            code="resources_fixed",
            field="resources",
        )


class Action(StrEnum):
    """What the reconciler asks of the target."""

    NONE = "none"
    APPLY = "apply"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and how the deployment stands now."""

    action: Action
    status: DeploymentStatus
    reason: str | None


def decide(deployment: Deployment, observed: ServerObservation, desired: ServerSpec | None) -> Decision:
    """From the desired and the observed state to the next action. `desired` is None while nothing can be applied."""
    if deployment.desired_state is DesiredState.STOPPED:
        return _leaving(deployment, observed)
    if observed.state is ServerState.ABSENT:
        return _absent(deployment)
    action = Action.NONE if matches_spec(observed, desired) else Action.APPLY
    return Decision(action, _running_status(deployment.status, observed.state), _reason(observed))


def matches_spec(observed: ServerObservation, desired: ServerSpec | None) -> bool:
    """Whether this spec was applied to a server, and it has the number of replicas that it should have."""
    if desired is None:
        return True
    has_replicas = observed.scaled_by is not None or len(observed.replicas) in (0, desired.replicas)
    return observed.fingerprint == desired.fingerprint and has_replicas


def _leaving(deployment: Deployment, observed: ServerObservation) -> Decision:
    if observed.state is not ServerState.ABSENT:
        return Decision(Action.REMOVE, DeploymentStatus.DRAINING, deployment.reason)
    if deployment.status is DeploymentStatus.DRAINING:
        return Decision(Action.NONE, DeploymentStatus.STOPPED, deployment.reason)
    return Decision(Action.NONE, DeploymentStatus.DRAINING, deployment.reason)


def _absent(deployment: Deployment) -> Decision:
    if deployment.status in (DeploymentStatus.PENDING, DeploymentStatus.STARTING):
        return Decision(Action.APPLY, DeploymentStatus.STARTING, None)
    if deployment.status is DeploymentStatus.FAILED:
        return Decision(Action.APPLY, DeploymentStatus.FAILED, deployment.reason)
    return Decision(Action.APPLY, DeploymentStatus.DEGRADED, "its server is gone and is being started again")


def _running_status(status: DeploymentStatus, state: ServerState) -> DeploymentStatus:
    was_never_ready = status in (DeploymentStatus.PENDING, DeploymentStatus.STARTING)
    match state:
        case ServerState.READY:
            return DeploymentStatus.READY if status is not DeploymentStatus.PENDING else DeploymentStatus.STARTING
        case ServerState.FAILED:
            return DeploymentStatus.FAILED
        case _ if was_never_ready:
            return DeploymentStatus.STARTING
        case _ if status is DeploymentStatus.FAILED and state is ServerState.STARTING:
            return DeploymentStatus.FAILED
        case _:
            return DeploymentStatus.DEGRADED


def _reason(observed: ServerObservation) -> str | None:
    if observed.state is ServerState.READY:
        return None if observed.scaled_by is None else observed.reason
    return (
        observed.reason or _last_exit(observed) or (FAILED_TO_START if observed.state is ServerState.FAILED else None)
    )


def _last_exit(observed: ServerObservation) -> str | None:
    exits: Sequence[str] = [replica.last_exit for replica in observed.replicas if replica.last_exit]
    return exits[-1] if exits else None


def reason_of_unconfigured(target: str) -> str:
    """The reason of a deployment whose target the operator does not name any more."""
    return f"the target '{target}' is not configured (MODELYARD_TARGETS): nothing is known of it"


def checked_deployment(*, replicas: int | None, namespace: str | None) -> dict[str, object]:
    """What a job needs to know of a deployment."""
    if replicas is not None and not 1 <= replicas <= MAX_REPLICAS:
        raise Invalid(
            f"replicas: expected a number from 1 to {MAX_REPLICAS}, got {replicas}",
            code="replicas_invalid",
            field="replicas",
        )
    if namespace is not None:
        validate_namespace(namespace)
    return {"replicas": replicas, "namespace": namespace or DEFAULT_NAMESPACE}


def checked_place(*, another: bool, replace: bool) -> dict[str, object]:
    """What a job needs to know of the deployments that are there."""
    if another and replace:
        raise Invalid(
            "another: a deployment takes the place of one that serves (replace), or is another one beside it; got both",
            code="place_contradictory",
            field="another",
        )
    return {"another": another, "replace": replace}
