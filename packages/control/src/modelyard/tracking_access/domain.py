"""Who calls the tracking server. Pure."""

from dataclasses import dataclass
from typing import Protocol

from modelyard.tracker_names import mirror_name, model_of_mirror

PLATFORM_TAGS = "modelyard."
"""What the names of tags begin with that nobody but the platform writes."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A job that trains."""

    tenant_id: str
    model_name: str


class TrainingJobs(Protocol):
    """Whose script may run now."""

    def find(self, job_id: str) -> TrainingJob | None:
        """The job, if it trains now.

        Raises:
            Unavailable: that cannot be known now.
        """


@dataclass(frozen=True, slots=True)
class RunGrant:
    """What a run's token opens: the runs and models that it makes itself, for its job's model."""

    job_id: str
    run_key: str
    """The job and the attempt."""
    model_name: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who reads what is a tenant's, and may write there or not."""

    tenant_id: str
    subject: str
    may_write: bool = False
    is_operator: bool = False
    """May do what no rule speaks of: traces, prompts, gateways."""
    sees_all: bool = False
    """Whether it sees every tenant's."""
    grant: RunGrant | None = None
    """Of a run: it writes what is its own only."""

    def sees(self, tracker_name: str) -> bool:
        """Whether an experiment or a registered model of this name is the tenant's."""
        return self.sees_all or model_of_mirror(tracker_name)[0] == self.tenant_id

    def in_tracker(self, name: str) -> str:
        """What the caller means by a name: a script calls its experiment and its model as its author does."""
        if self.grant is None or self.sees(name):
            return name
        return mirror_name(self.tenant_id, name)


@dataclass(frozen=True, slots=True)
class TrackedThing:
    """What decides over access to a run or a logged model: neither changes in its life."""

    experiment_id: str
    job_id: str | None
    """Of what a job's run made."""
