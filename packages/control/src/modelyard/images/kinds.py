"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that makes an image is at."""

    BUILDING = "building"
    PUSHING = "pushing"


IMAGE = JobKind("image", tuple(Phase))
