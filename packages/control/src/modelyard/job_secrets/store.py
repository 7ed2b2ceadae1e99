"""Reads and writes sealed secrets."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from modelyard.job_secrets.tables import job_secrets


def add(connection: Connection, job_id: str, sealed: Mapping[str, bytes]) -> None:
    """Keep a job's secrets."""
    rows = [{"job_id": job_id, "name": name, "sealed": value} for name, value in sealed.items()]
    if rows:
        connection.execute(insert(job_secrets), rows)


def find(connection: Connection, job_id: str) -> dict[str, bytes]:
    """A job's secrets, by name."""
    query = select(job_secrets.c.name, job_secrets.c.sealed).where(job_secrets.c.job_id == job_id)
    return {row.name: row.sealed for row in connection.execute(query)}


def remove(connection: Connection, job_id: str) -> None:
    """Forget a job's secrets."""
    connection.execute(delete(job_secrets).where(job_secrets.c.job_id == job_id))
