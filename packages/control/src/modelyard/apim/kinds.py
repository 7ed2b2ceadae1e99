"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a push is at."""

    PUSHING = "pushing"


PUSH = JobKind("gateway_push", tuple(Phase))
"""Of the gateway's objects to Azure API Management."""
