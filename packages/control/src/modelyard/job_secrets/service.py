"""Keeps the secrets of jobs for their runs. No answer of ours has one: only the workflow reads them."""

from collections.abc import Mapping

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Invalid
from modelyard.job_secrets import store
from modelyard.job_secrets.sealing import Seal
from modelyard.jobs.domain import Job


class JobSecrets:
    """Secrets of all jobs that have not ended. All control planes of one database need the same key."""

    def __init__(self, *, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def keep(self, connection: Connection, job: Job, secrets: Mapping[str, str]) -> None:
        """Seal a new job's secrets, in the transaction that makes the job."""
        sealed = {name: self._seal.close(job.job_id, name, value) for name, value in secrets.items()}
        store.add(connection, job.job_id, sealed)

    def digests(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """A digest by which two requests with other secrets differ, and shows none of them."""
        return {name: self._seal.digest(name, value) for name, value in sorted(secrets.items())}

    def of(self, job: Job) -> dict[str, str]:
        """A job's secrets, for its run.

        Raises:
            Invalid: code `secrets_unreadable`, when they were sealed with another key.
        """
        with self._database.read() as connection:
            sealed = store.find(connection, job.job_id)
        opened = {name: self._seal.open(job.job_id, name, value) for name, value in sealed.items()}
        if lost := sorted(name for name, value in opened.items() if value is None):
            raise Invalid(
                f"secrets: {', '.join(lost)} cannot be decrypted: the key of this control plane is another one "
                "(MODELYARD_SECRETS_KEY)",
                code="secrets_unreadable",
                field="secrets",
            )
        return {name: value for name, value in opened.items() if value is not None}

    def forget(self, connection: Connection, job: Job) -> None:
        """Remove the secrets of a job that ends, in the transaction that ends it."""
        store.remove(connection, job.job_id)
