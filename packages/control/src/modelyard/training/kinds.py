"""The kinds of jobs of this noun. Their names and phases stand in the database and on the wire. Pure."""

from enum import StrEnum

from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.jobs.domain import JobKind


class Phase(StrEnum):
    """What a job that trains is at, by the contract's names."""

    TRAINING = "training"
    REGISTERING = "registering"
    COMPARING = "comparing"
    """The new version with the one in production."""
    STAGING = "staging"


TRAINING = JobKind("training", (Phase.TRAINING, Phase.REGISTERING))
ONE_CLICK = JobKind("one_click", (*TRAINING.phases, *DEPLOYMENT.phases))
"""Trains, and then does what a deployment does."""
RETRAINING = JobKind("retraining", tuple(Phase))
"""Trains by the recipe of a version, and then says how the new version stands beside the one in production."""
TRAINING_KINDS = frozenset({TRAINING, ONE_CLICK, RETRAINING})
