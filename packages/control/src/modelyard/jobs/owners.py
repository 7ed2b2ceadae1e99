"""Whose the jobs are that made a run or a model: what the registry asks for. Read in the caller's transaction."""

from collections.abc import Collection

from sqlalchemy import Connection

from modelyard.jobs import store


class JobOwners:
    """The registry's port `JobOwners`, on the rows of all jobs."""

    def tenants_of(self, connection: Connection, job_ids: Collection[str]) -> set[str]:
        """Whose these jobs are, as far as they are any."""
        return store.tenants_of(connection, job_ids)

    def unfinished_of(self, connection: Connection, job_ids: Collection[str]) -> set[str]:
        """Those of these jobs that have not ended."""
        return store.unfinished_of(connection, job_ids)

    def tenants_using(self, connection: Connection, experiment_names: Collection[str]) -> set[str]:
        """Who has jobs that train into one of these experiments, or store there."""
        return store.tenants_using(connection, experiment_names)
