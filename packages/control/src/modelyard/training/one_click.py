"""One click: a job that trains and registers, and then deploys what it has registered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from modelyard.jobs.domain import Job
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.training.kinds import ONE_CLICK
from modelyard.training.workflows import Training


class BuildAndDeploy(Protocol):
    """The steps from a version to an answering address."""

    def __call__(self, steps: JobSteps, *, version: int) -> Result:
        """Gives what is known of the deployment in the end."""


@dataclass(frozen=True, slots=True)
class OneClick:
    """Training, and the steps of a deployment."""

    training: Training
    build_and_deploy: BuildAndDeploy
    undeploy: Callable[[Job], None]
    """Takes away the deployment of a job that did not succeed."""

    @property
    def work(self) -> JobWork:
        """What a one-click job does."""
        return JobWork(ONE_CLICK, self.run, self.give_up)

    def run(self, steps: JobSteps) -> Result:
        """From script to answering address."""
        registered = self.training.train_and_register(steps)
        deployed = self.build_and_deploy(steps, version=registered["model_version"])
        return {**registered, **deployed}

    def give_up(self, job: Job) -> None:
        """End what runs, and take away what was deployed."""
        self.training.stop(job)
        self.undeploy(job)
