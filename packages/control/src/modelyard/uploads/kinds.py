"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that registers an upload is at."""

    REGISTERING = "registering"


REGISTRATION = JobKind("registration", tuple(Phase))
