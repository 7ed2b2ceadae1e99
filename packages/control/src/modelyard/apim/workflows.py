"""A push as a durable job: Azure takes minutes for an API, and a control plane may be killed meanwhile.

A round looks at what Azure has and makes what differs so; the job ends when a round has nothing to do. So a round that
was cut off goes on where it was, and what a release changed of names (the current revision bears the API's own) is
settled by the next.
"""

from dataclasses import asdict, dataclass
from typing import Any

from modelyard.apim.kinds import PUSH, Phase
from modelyard.apim.service import AzureGateway, PushOptions, refuse_other_plan, refuse_unsupported
from modelyard.errors import Conflict
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.states import JobStatus
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.principals import Principal

_ROUNDS = 4
"""A first one, one for what a release changed, one that finds nothing to do, and one to spare."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """Pushes of the one tenant whose gateway has a service."""

    jobs: JobService
    gateway: AzureGateway

    @property
    def work(self) -> JobWork:
        """What a push does. One that fails leaves what it has made; the next goes on from there."""
        return JobWork(PUSH, self.push, lambda _: None)

    def begin(self, principal: Principal, options: PushOptions, *, expected_plan: str | None) -> Job:
        """A job that pushes. While one is under way: that one.

        Raises:
            Invalid: code `apim_unsupported`.
            Conflict: code `apim_plan_changed`.
            NotFound: code `apim_not_configured`.
        """
        for status in (JobStatus.RUNNING, JobStatus.QUEUED):
            under_way = self.jobs.page(principal, kind=PUSH, status=status, limit=1).items
            if under_way:
                return under_way[0]
        plan = self.gateway.plan(principal, options)
        refuse_unsupported(plan.refusals)
        refuse_other_plan(plan, expected_plan)
        return self.jobs.create(principal, kind=PUSH, model_name="", request=asdict(options), experiment_name=None)

    def find(self, principal: Principal, job_id: str) -> Job:
        """One of these jobs.

        Raises:
            NotFound: code `job_not_found`.
        """
        return self.jobs.get(principal, job_id, kinds=(PUSH,))

    def push(self, steps: JobSteps) -> Result:
        """Round after round until nothing differs: gives what was changed."""
        changed: list[str] = []
        for number in range(1, _ROUNDS + 1):
            steps.enter(Phase.PUSHING, changed=changed)
            made = steps.run(f"round {number}", lambda: self._round(steps.job))["changed"]
            if not made:
                return {"changed": changed}
            changed = [*changed, *(each for each in made if each not in changed)]
        raise Conflict(
            f"Azure does not keep what was written: {', '.join(made)} differ after {_ROUNDS} rounds",
            code="apim_drift_remains",
        )

    def _round(self, job: Job) -> dict[str, Any]:
        log = self.jobs.log(job.job_id)
        made = self.gateway.make_round(
            owner_of(job), PushOptions(**job.request), say=lambda line: log.write(AFTER_RUN, line)
        )
        return {"changed": list(made)}
