"""Whether a job's script may run now. Asked by the tracking server's process."""

from modelyard.jobs.running import RunningJobs
from modelyard.tracking_access.domain import TrainingJob
from modelyard.training.kinds import Phase


class TrainingState:
    """The tracking server's port `TrainingJobs`, on the jobs that run."""

    def __init__(self, jobs: RunningJobs) -> None:
        self._jobs = jobs

    def find(self, job_id: str) -> TrainingJob | None:
        """The job, if it trains now.

        Raises:
            Unavailable: the database does not answer.
        """
        job = self._jobs.find(job_id)
        if job is None or job.phase != Phase.TRAINING:
            return None
        return TrainingJob(tenant_id=job.tenant_id, model_name=job.model_name)
