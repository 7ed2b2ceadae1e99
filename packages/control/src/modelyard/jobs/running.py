"""Which jobs run now, and at what phase: for a process that needs nothing else of jobs."""

from dataclasses import dataclass

from modelyard.db import Database
from modelyard.jobs import store


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that runs."""

    tenant_id: str
    model_name: str
    phase: str | None


class RunningJobs:
    """Asks the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, job_id: str) -> RunningJob | None:
        """The job, if it runs now.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._database.read() as connection:
            row = store.find_running(connection, job_id)
        return None if row is None else RunningJob(*row)
