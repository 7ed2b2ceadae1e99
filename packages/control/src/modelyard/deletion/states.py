"""The life of a version beyond its stage: whether it is there, is being deleted, or only its tombstone is left."""

from enum import StrEnum


class VersionState(StrEnum):
    """How much of a version is there."""

    ACTIVE = "active"
    DELETING = "deleting"
    DELETED = "deleted"
    RESTORING = "restoring"
    PURGING = "purging"
    PURGED = "purged"


TRANSITIONS: dict[VersionState, frozenset[VersionState]] = {
    VersionState.ACTIVE: frozenset({VersionState.DELETING}),
    # Back to active when something stops the job, or somebody does, before the tombstone stands.
    VersionState.DELETING: frozenset({VersionState.ACTIVE, VersionState.DELETED}),
    VersionState.DELETED: frozenset({VersionState.RESTORING, VersionState.PURGING}),
    VersionState.RESTORING: frozenset({VersionState.ACTIVE}),
    VersionState.PURGING: frozenset({VersionState.PURGED}),
    VersionState.PURGED: frozenset(),
}
