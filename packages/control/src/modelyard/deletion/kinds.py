"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that deletes is at."""

    UNDEPLOYING = "undeploying"
    REMOVING_IMAGES = "removing_images"
    REMOVING_VERSIONS = "removing_versions"
    REMOVING_RUNS = "removing_runs"
    DELETED = "deleted"


DELETION = JobKind("deletion", tuple(Phase), takes_space=False)
