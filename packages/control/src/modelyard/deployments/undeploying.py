"""The job that undeploys a version: it asks each deployment to go, and waits until all are gone."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.deployments.domain import Deployment
from modelyard.deployments.kinds import UNDEPLOYMENT, UndeployPhase
from modelyard.deployments.service import DeploymentService
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.domain import Version

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Undeploying:
    """What the steps of it need."""

    jobs: JobService
    deployments: DeploymentService
    clock: Clock

    @property
    def work(self) -> JobWork:
        """What the job does. One that is cancelled has asked already, and takes nothing back."""
        return JobWork(UNDEPLOYMENT, self.undeploy, lambda _: None)

    def begin(
        self, principal: Principal, version: Version, deployments: Sequence[Deployment], *, idempotency_key: str | None
    ) -> Job:
        """A job that undeploys a version from these deployments."""
        ids = [one.deployment_id for one in deployments]
        return self.jobs.create(
            principal,
            kind=UNDEPLOYMENT,
            model_name=version.model_name,
            request={"version": version.version, "deployments": ids},
            experiment_name=None,
            idempotency_key=idempotency_key,
        )

    def undeploy(self, steps: JobSteps) -> Result:
        """Gives how many deployments went."""
        job = steps.job
        steps.enter(UndeployPhase.UNDEPLOYING, model_version=job.request["version"])
        steps.run("undeploy", lambda: self._undeploy(job))
        return {"undeployed": len(job.request["deployments"])}

    def _undeploy(self, job: Job) -> Result:
        owner, version, ids = owner_of(job), job.request["version"], set(job.request["deployments"])
        asked: set[str] = set()
        while left := [one for one in self._left(job) if one.deployment_id in ids]:
            for deployment in left:
                if deployment.deployment_id not in asked:
                    self.jobs.log(job.job_id).write(AFTER_RUN, f"undeploying '{deployment.deployment_id}'")
                    self.deployments.leave(owner, deployment.deployment_id, version, reason=f"job '{job.job_id}'")
                    asked.add(deployment.deployment_id)
            self.jobs.raise_if_cancelled(job.job_id)
            self.clock.sleep(_POLL_SECONDS)
        return {}

    def _left(self, job: Job) -> Sequence[Deployment]:
        return self.deployments.left(owner_of(job), job.model_name, job.request["version"])
