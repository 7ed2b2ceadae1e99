"""What the servers of one deployment do, from the objects that the cluster has. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.adapters.target.kubernetes.applied import Applied, applied_of, ownership_of
from modelyard.adapters.target.kubernetes.pods import Pod, generation_of
from modelyard.ports.target import ServerObservation, ServerState

Object = Mapping[str, Any]

_AUTOSCALER = "the autoscaler"


@dataclass(frozen=True, slots=True)
class Found:
    """The objects of one deployment."""

    deployment: Object | None
    service: Object | None
    pods: Sequence[Pod]
    companions: Sequence[Object] = ()
    """Its budget, autoscaler and monitor, as far as there are such, in the order of their kinds."""
    is_foreign: bool = False
    """Whether another installation has a deployment of this id."""

    @property
    def is_there(self) -> bool:
        """Whether anything of it is ours."""
        return self.deployment is not None or self.service is not None or bool(self.pods)

    @property
    def applied(self) -> Applied:
        """What was applied."""
        return Applied() if self.deployment is None else applied_of(annotations(self.deployment))

    @property
    def current(self) -> int:
        """The generation that the Deployment makes pods of; of a half removed one, the last that there was."""
        if self.deployment is not None:
            labels = self.deployment["spec"]["template"]["metadata"].get("labels") or {}
            return generation_of(labels)
        return max((pod.generation for pod in self.pods), default=1)

    @property
    def is_leaving(self) -> bool:
        """Whether its removal was asked for."""
        return self.deployment is not None and "deletionTimestamp" in self.deployment["metadata"]


def annotations(found: Object) -> Mapping[str, str]:
    """Those of an object."""
    given: Mapping[str, str] = found["metadata"].get("annotations") or {}
    return given


def observed(found: Found, url: str | None) -> Mapping[int, ServerObservation]:
    """Every generation of which anything is left."""
    if not found.is_there:
        return {}
    current = found.current
    numbers = {current, *found.applied.servers, *(pod.generation for pod in found.pods)}
    seen = {number: _observed(found, number, url) for number in numbers if number != current}
    return {**seen, current: _current(found, url)}


def _current(found: Found, url: str | None) -> ServerObservation:
    number = found.current
    if found.deployment is None and not found.pods:
        return ServerObservation(ServerState.STARTING, url, "its Deployment is not in the cluster")
    if found.deployment is None or found.is_leaving or found.applied.is_retired(number):
        return _observation(found, number, ServerState.DRAINING, url, None)
    state, reason = _running(found, found.deployment)
    return _observation(found, number, state, url, reason)


def _running(found: Found, deployment: Object) -> tuple[ServerState, str | None]:
    """How the pods of the present generation are, and why they are not ready."""
    wanted, pods = _wanted(deployment), _replicas(found, found.current)
    ready = _reached(deployment, pods)
    if wanted == 0:
        return ServerState.DEGRADED, f"it was scaled to 0 by {_scaler(found)}"
    if ready >= wanted:
        return ServerState.READY, _scaling(found, wanted)
    reason = next((pod.reason for pod in pods if pod.reason is not None and pod.state != "ready"), None)
    reason = reason or _condition(deployment)
    if ready:
        return ServerState.DEGRADED, reason or _scaling(found, wanted)
    has_failed = any(pod.state == "backoff" for pod in pods) or (not pods and reason is not None)
    return ServerState.FAILED if has_failed else ServerState.STARTING, reason


def _observed(found: Found, number: int, url: str | None) -> ServerObservation:
    """A generation whose pods go as those of a later one come, or that was retired."""
    is_kept = number in found.applied.servers and not found.applied.is_retired(number)
    if found.deployment is None or found.is_leaving or not is_kept:
        return _observation(found, number, ServerState.DRAINING, url, None)
    is_whole = _reached(found.deployment, found.pods) >= _wanted(found.deployment)
    return _observation(found, number, ServerState.READY if is_whole else ServerState.DEGRADED, url, None)


def _observation(
    found: Found, number: int, state: ServerState, url: str | None, reason: str | None
) -> ServerObservation:
    server = found.applied.servers.get(number)
    is_as_applied = server is not None and bool(server.fingerprint) and not _was_changed(found, number)
    return ServerObservation(
        state,
        url,
        reason,
        [pod.observed(index) for index, pod in enumerate(_replicas(found, number))],
        server.fingerprint if server is not None and is_as_applied else None,
        _scaler(found),
    )


def _replicas(found: Found, number: int) -> list[Pod]:
    counted = [pod for pod in found.pods if pod.generation == number and pod.is_counted]
    return sorted(counted, key=lambda pod: (pod.created, pod.name))


def _was_changed(found: Found, number: int) -> bool:
    """Whether somebody else has changed its objects since, or taken one away; of an earlier generation, whether the
    later one shall give its place back."""
    if found.deployment is None:
        return False
    if number != found.current:
        return found.applied.is_retired(found.current)
    if found.service is None:
        return True
    return ownership_of(found.deployment, found.service, *found.companions) != found.applied.ownership


def _reached(deployment: Object, pods: Sequence[Pod]) -> int:
    """How many of these pods get requests. One that has just become ready does not: the nodes have yet to hear of it,
    and refuse connections to a Service that has no other pod. It is available when they had `routing_seconds` for it.
    """
    available: int = deployment.get("status", {}).get("availableReplicas", 0)
    return min(available, sum(pod.state == "ready" for pod in pods))


def _wanted(deployment: Object) -> int:
    wanted: int = deployment["spec"].get("replicas", 1)
    return wanted


def _scaler(found: Found) -> str | None:
    """Who else has set the number of replicas."""
    if found.deployment is None or found.applied.ownership is None:
        return None
    if found.applied.is_autoscaled:
        return _AUTOSCALER
    if found.applied.replicas == _wanted(found.deployment):
        return None
    owners = [one["manager"] for one in found.deployment["metadata"].get("managedFields") or () if _owns_replicas(one)]
    others = [f"'{name}'" for name in owners if not name.startswith("modelyard")]
    return " and ".join(others) or "somebody in the cluster"


def _owns_replicas(entry: Object) -> bool:
    return "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})


def _scaling(found: Found, wanted: int) -> str | None:
    scaler = _scaler(found)
    if scaler in {None, _AUTOSCALER}:
        return None
    return f"scaled to {wanted} replicas by {scaler}; {found.applied.replicas} were asked for here"


def _condition(deployment: Object) -> str | None:
    """Why no pod can be made, as when a quota is used up."""
    for one in deployment.get("status", {}).get("conditions") or ():
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            return f"{one['reason']}: {one['message']}"
    return None
