"""The life of a job, as a table."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}

FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)


class Phase(StrEnum):
    """What a running job is at; those of training and deploying are the contract's names."""

    TRAINING = "training"
    REGISTERING = "registering"
    BUILDING = "building"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    UNDEPLOYING = "undeploying"
    REMOVING_IMAGES = "removing_images"
    REMOVING_VERSIONS = "removing_versions"
    REMOVING_RUNS = "removing_runs"
    DELETED = "deleted"
    IMPORTING = "importing"
