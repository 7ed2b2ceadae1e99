"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that trains is at, by the contract's names."""

    TRAINING = "training"
    REGISTERING = "registering"


TRAINING = JobKind("training", tuple(Phase))
ONE_CLICK = JobKind("one_click", (*TRAINING.phases, *DEPLOYMENT.phases))
"""Trains, and then does what a deployment does."""
TRAINING_KINDS = frozenset({TRAINING, ONE_CLICK})
