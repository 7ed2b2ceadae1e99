"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that deploys is at, by the contract's names."""

    BUILDING = "building"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"


class UndeployPhase(StrEnum):
    """What a job that undeploys is at."""

    UNDEPLOYING = "undeploying"


DEPLOYMENT = JobKind("deployment", tuple(Phase))
UNDEPLOYMENT = JobKind("undeployment", tuple(UndeployPhase), takes_space=False)
