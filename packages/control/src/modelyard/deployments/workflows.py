"""The steps of a deployment: build the bundle, write down that it shall serve, wait until it does."""

from dataclasses import dataclass

from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import ModelyardError
from modelyard.jobs.domain import Job
from modelyard.jobs.service import AFTER_RUN, JobService, owner_of
from modelyard.jobs.states import Phase
from modelyard.jobs.workflow import JobSteps, Result
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.registry.domain import refuse_leaving
from modelyard.registry.service import RegistryService

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Deploying:
    """What the steps of a deployment need."""

    jobs: JobService
    registry: RegistryService
    packaging: PackagingService
    deployments: DeploymentService
    clock: Clock
    ready_seconds: float

    def build_and_deploy(self, steps: JobSteps, *, version: int) -> Result:
        """From version to answering address: gives `deployment_id`, `deployment_url` and `image`."""
        job = steps.job
        steps.enter(Phase.BUILDING)
        built = steps.run("build", lambda: self._build(job, version))
        steps.enter(Phase.DEPLOYING, **built)
        created = steps.run("deploy", lambda: self._create(job, version))
        steps.enter(Phase.DEPLOYING, **created)
        ready = steps.run("ready", lambda: self._wait(job, created["deployment_id"]))
        steps.enter(Phase.DEPLOYED, **ready)
        return {**built, **created, **ready}

    def give_up(self, job: Job) -> None:
        """Take away the deployment of a job that failed or was cancelled."""
        deployment = self.deployments.of_job(job.job_id)
        if deployment is not None:
            self.deployments.undeploy(owner_of(job), deployment.deployment_id, reason="its job did not succeed")

    def _build(self, job: Job, version: int) -> Result:
        log = self.jobs.log(job.job_id)
        found = self.registry.version(owner_of(job), job.model_name, version)
        refuse_leaving(found)
        bundle = self.packaging.build(found, log=lambda line: log.write(AFTER_RUN, line))
        return {"model_version": version, "image": bundle.reference}

    def _create(self, job: Job, version: int) -> Result:
        deployment = self.deployments.create(
            owner_of(job),
            self.registry.version(owner_of(job), job.model_name, version),
            replicas=job.request["replicas"],
            namespace=job.request["namespace"],
            job_id=job.job_id,
        )
        return {"deployment_id": deployment.deployment_id}

    def _wait(self, job: Job, deployment_id: str) -> Result:
        owner = owner_of(job)
        deadline = self.clock.now().timestamp() + self.ready_seconds
        while True:
            deployment = self.deployments.get(owner, deployment_id)
            if deployment.status is DeploymentStatus.READY and deployment.url is not None:
                self.jobs.log(job.job_id).write(AFTER_RUN, f"serving at {deployment.url}")
                return {"deployment_url": deployment.url}
            if deployment.status is DeploymentStatus.FAILED:
                raise ModelyardError(f"the model server did not start: {deployment.reason}", code="server_failed")
            if not deployment.is_wanted:
                raise ModelyardError("the deployment was undeployed before it was ready", code="undeployed")
            if self.clock.now().timestamp() > deadline:
                raise ModelyardError(
                    f"the model server was not ready within {self.ready_seconds:g} s"
                    + (f": {deployment.reason}" if deployment.reason else ""),
                    code="server_not_ready",
                )
            self.jobs.raise_if_cancelled(job.job_id)
            self.clock.sleep(_POLL_SECONDS)
