"""What roll-outs are decided by: the registry, the deployments, the request for production, and what was measured."""

from typing import Protocol

from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus, DesiredState
from modelyard.errors import NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.jobs.states import JobStatus
from modelyard.ports.clock import Clock
from modelyard.principals import Principal, Role
from modelyard.promotion.service import PromotionService
from modelyard.promotion.states import RequestStatus
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.rollouts.domain import Facts, Rollout
from modelyard.rollouts.measures import Measured, Progress, findings
from modelyard.rollouts.states import RolloutStatus


class Meter(Protocol):
    """Measures versions of a model, at the gateway and at the model servers."""

    def measure(self, rollout: Rollout) -> Measured:
        """What is counted of both versions by now. What cannot be asked is left out; it never raises, and takes seconds
        at most."""


class Watching:
    """Gathers facts. It changes nothing."""

    def __init__(
        self,
        *,
        clock: Clock,
        registry: RegistryService,
        deployments: DeploymentService,
        jobs: JobService,
        promotion: PromotionService,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._deployments = deployments
        self._jobs = jobs
        self._promotion = promotion

    def facts(self, rollout: Rollout, progress: Progress) -> Facts:
        """What is known now."""
        owner = owner_of(rollout)
        running = self.deployed(rollout, rollout.candidate)
        is_ready = any(one.status is DeploymentStatus.READY for one in running)
        return Facts(
            now=self._clock.now(),
            production=self._production(owner, rollout),
            candidate_is_ready=is_ready,
            candidate_failure=None if is_ready else self._failure(rollout, running),
            candidate_stage=self._stage(owner, rollout),
            former_is_deployed=bool(self.deployed(rollout, rollout.former)),
            request=self._request(rollout),
            findings=findings(progress, rollout.plan),
        )

    def deployed(self, rollout: Rollout, version: int) -> list[Deployment]:
        """The deployments that serve one of its versions, or shall; oldest first."""
        return [
            one
            for one in self._deployments.left(owner_of(rollout), rollout.model_name, version)
            if one.version == version and one.desired_state is DesiredState.RUNNING
        ]

    def job(self, rollout: Rollout) -> Job | None:
        """The job that deploys the candidate. It is found by its key too: whoever made it may have been killed before
        that was written down."""
        if rollout.job_id is None:
            return self._jobs.of_key(rollout.tenant_id, rollout.rollout_id)
        try:
            return self._jobs.get(owner_of(rollout), rollout.job_id)
        except NotFound:
            return None

    def _production(self, owner: Principal, rollout: Rollout) -> int | None:
        try:
            return self._registry.model(owner, rollout.model_name).production_version
        except NotFound:
            return None

    def _stage(self, owner: Principal, rollout: Rollout) -> Stage | None:
        try:
            return self._registry.version(owner, rollout.model_name, rollout.candidate).stage
        except NotFound:
            return None

    def _failure(self, rollout: Rollout, running: list[Deployment]) -> str | None:
        if rollout.status is RolloutStatus.PENDING:
            return self._failure_of_job(rollout, is_deployed=bool(running))
        if not running:
            return "it is not deployed any more"
        return next((one.reason for one in running if one.reason), f"its deployment is {running[0].status}")

    def _failure_of_job(self, rollout: Rollout, *, is_deployed: bool) -> str | None:
        job = self.job(rollout)
        if job is None:
            return None
        if job.status is JobStatus.SUCCEEDED:
            return None if is_deployed else "it is not deployed any more"
        if job.status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
            return None
        return f"the job '{job.job_id}' that deploys it {job.status}" + (f": {job.error.message}" if job.error else "")

    def _request(self, rollout: Rollout) -> RequestStatus | None:
        if rollout.request_id is None:
            return None
        try:
            return self._promotion.get(owner_of(rollout), rollout.model_name, rollout.request_id).status
        except NotFound:
            return None


def owner_of(rollout: Rollout) -> Principal:
    """Who started it; what it does besides is done in this name."""
    return Principal(tenant_id=rollout.tenant_id, subject=rollout.created_by, role=Role.DEVELOPER)
