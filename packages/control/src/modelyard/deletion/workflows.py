"""The steps of a deletion, in an order in which nothing is left that points to something that is gone.

What refers to a version goes before it (deployments, images), and what it was made of goes after it (the registered
version in MLflow, the run, the experiment). The tombstone is the point of no return: before it the version comes back
whole when the job stops; after it only removing is left. Files and records go for good with the purge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from modelyard.deletion.domain import DeleteMode
from modelyard.deletion.images import Images
from modelyard.deletion.kinds import DELETION, Phase
from modelyard.deletion.service import DeletionService, subject_of
from modelyard.deployments.service import DeploymentService
from modelyard.errors import Unavailable
from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.mirror.service import MirrorService
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.registry.domain import Version

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Deleting:
    """What the steps of a deletion need."""

    jobs: JobService
    deletions: DeletionService
    deployments: DeploymentService
    images: Sequence[Images]
    mirror: MirrorService
    tracking: Tracking
    clock: Clock
    registry_wait: timedelta
    """After which a deletion does without a registry that does not answer."""

    @property
    def work(self) -> JobWork:
        """What a deletion does."""
        return JobWork(DELETION, self.delete, self.deletions.give_up)

    def delete(self, steps: JobSteps) -> Result:
        """From the request to what can be purged: gives how much of each thing went."""
        job = steps.job
        steps.enter(Phase.UNDEPLOYING)
        undeployed = steps.run("undeploy", lambda: self._undeploy(job))
        steps.enter(Phase.REMOVING_IMAGES, **undeployed)
        unbuilt = steps.run("images", lambda: self._remove_images(job))
        steps.enter(Phase.REMOVING_VERSIONS, **unbuilt)
        deleted = self._delete_versions(steps)
        steps.enter(Phase.REMOVING_RUNS, **deleted)
        removed: Result = {}
        if job.request["mode"] != DeleteMode.NOTHING:
            steps.run("registered versions", lambda: self._forget(job))
            runs = steps.run("runs", lambda: self._delete_runs(job))
            experiments = steps.run("experiments", lambda: self._delete_experiments(job))
            removed = {**runs, **experiments}
        steps.enter(Phase.DELETED, **removed)
        return {**undeployed, **unbuilt, **deleted, **removed}

    def _undeploy(self, job: Job) -> Result:
        """Ask each deployment to go, and wait until none is left."""
        owner, subject = owner_of(job), subject_of(job)
        asked: set[str] = set()
        while left := self.deployments.left(owner, subject.model_name, subject.version):
            for deployment in left:
                if deployment.deployment_id not in asked:
                    self._say(job, f"undeploying '{deployment.deployment_id}'")
                    reason = f"job '{job.job_id}' deletes {subject.title}"
                    self.deployments.leave(owner, deployment.deployment_id, subject.version, reason=reason)
                    asked.add(deployment.deployment_id)
            self.jobs.raise_if_cancelled(job.job_id)
            self.clock.sleep(_POLL_SECONDS)
        return {"undeployed": len(asked)}

    def _remove_images(self, job: Job) -> Result:
        count = 0
        for version in self.deletions.marked(job):
            for place in self.images:
                for image in place.built(version):
                    self._say(job, f"removing image {image.name}")
                    count += 1
                for name in self._remove_from(place, version, job):
                    self._say(job, f"image {name} may be left in its registry")
        return {"images": count}

    def _remove_from(self, place: Images, version: Version, job: Job) -> Sequence[str]:
        """Until the time is over, what does not answer is waited for; the names of what may be left there."""
        is_over = self.clock.now() - job.created_at >= self.registry_wait
        try:
            return place.remove(version, leaves_unreachable=is_over)
        except Unavailable as away:
            self._say(job, f"waiting: {away.message}")
            raise

    def _delete_versions(self, steps: JobSteps) -> Result:
        """A batch is a step and a transaction; from the first one on nothing stops the job but who cancels it."""
        number = 1
        while True:
            name = "tombstones" if number == 1 else f"tombstones {number}"
            deleted = steps.run(name, lambda: self._delete_batch(steps.job))
            if not deleted["left"]:
                return {"versions": deleted["versions"]}
            number += 1

    def _delete_batch(self, job: Job) -> Result:
        left, count = self.deletions.delete_batch(job), self.deletions.count_deleted(job)
        self._say(job, f"deleted {count} version{'' if count == 1 else 's'}; a number is never used again")
        return {"versions": count, "left": left}

    def _forget(self, job: Job) -> Result:
        for tombstone in self.deletions.tombstones(job):
            self.mirror.show(tombstone.tenant_id, tombstone.model_name, tombstone.version)
        return {}

    def _delete_runs(self, job: Job) -> Result:
        runs = {one.removed_run_id for one in self.deletions.tombstones(job) if one.removed_run_id is not None}
        for run_id in sorted(runs):
            self._say(job, f"deleting run {run_id}")
            self.tracking.delete_run(run_id)
        return {"runs": len(runs)}

    def _delete_experiments(self, job: Job) -> Result:
        """Those of the removed runs, if nothing else is alive in them."""
        removed: dict[str, str | None] = {}
        for tombstone in self.deletions.tombstones(job):
            if tombstone.claimed_experiment is None or tombstone.run_id is None:
                continue
            name = tombstone.claimed_experiment
            if name not in removed:
                removed[name] = self._delete_experiment(job, name, tombstone.run_id)
            self.deletions.settle_experiment(tombstone, removed[name])
        return {"experiments": len([one for one in removed.values() if one is not None])}

    def _delete_experiment(self, job: Job, name: str, run_id: str) -> str | None:
        experiment_id = self.tracking.experiment_of(run_id)
        if experiment_id is None:
            return None
        if (reason := self.tracking.alive_in_experiment(experiment_id)) is not None:
            self._say(job, f"experiment '{name}' stays: {reason}")
            return None
        self._say(job, f"deleting experiment '{name}'")
        self.tracking.delete_experiment(experiment_id)
        return experiment_id

    def _say(self, job: Job, line: str) -> None:
        self.jobs.log(job.job_id).write(AFTER_RUN, line)
