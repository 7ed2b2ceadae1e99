"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that imports is at."""

    IMPORTING = "importing"


IMPORT = JobKind("import", tuple(Phase))
"""Of what was registered in MLflow directly."""
