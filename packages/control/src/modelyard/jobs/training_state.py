"""Whether a job's script may run now. Asked by the tracking server's process, which needs nothing else of jobs."""

from dataclasses import dataclass

from modelyard.db import Database
from modelyard.jobs import store
from modelyard.jobs.states import JobStatus, Phase


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A job that trains."""

    tenant_id: str
    model_name: str


class TrainingState:
    """Asks the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, job_id: str) -> TrainingJob | None:
        """The job, if it trains now.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._database.read() as connection:
            job = store.find(connection, job_id)
        if job is None or job.status is not JobStatus.RUNNING or job.phase is not Phase.TRAINING:
            return None
        return TrainingJob(tenant_id=job.tenant_id, model_name=job.model_name)
