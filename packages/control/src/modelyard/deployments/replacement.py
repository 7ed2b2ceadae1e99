"""The replacement of a deployment's version by another one at the same address, and what to do for it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modelyard.deployments.domain import FAILED_TO_START, Deployment, matches_spec
from modelyard.deployments.states import ReplacementStatus
from modelyard.ports.target import ServerObservation, ServerSpec, ServerState


@dataclass(frozen=True, slots=True)
class Replacement:
    """One change of the version that a deployment serves."""

    replacement_id: str
    deployment_id: str
    from_version: int
    version: int
    generation: int
    """Of its servers; never used twice in a deployment."""
    status: ReplacementStatus
    reason: str | None
    """Why it was given up."""
    job_id: str
    created_by: str
    created_at: datetime
    updated_at: datetime


class Step(StrEnum):
    """What the reconciler does next for a replacement whose servers shall start."""

    WAIT = "wait"
    APPLY = "apply"
    SWITCH = "switch"
    GIVE_UP = "give_up"


def next_step(deployment: Deployment, observed: ServerObservation, desired: ServerSpec | None) -> Step:
    """From the servers of the replacement's generation to what to do next."""
    if observed.state is ServerState.ABSENT:
        return Step.APPLY
    if observed.state is ServerState.FAILED:
        return Step.GIVE_UP
    if not matches_spec(observed, desired):
        return Step.APPLY
    ready = sum(replica.state == ServerState.READY for replica in observed.replicas)
    wanted = deployment.replicas if observed.scaled_by is None else len(observed.replicas)
    return Step.SWITCH if observed.state is ServerState.READY and ready == wanted else Step.WAIT


def failure(replacement: Replacement, observed: ServerObservation) -> str:
    """Why its servers do not start, and what serves instead."""
    exits = [replica.last_exit for replica in observed.replicas if replica.last_exit]
    reason = observed.reason or (exits[-1] if exits else FAILED_TO_START)
    return f"{reason.rstrip('.')}; version {replacement.from_version} goes on serving"
