"""Rows of secrets, sealed with a key that is not in the database."""

from sqlalchemy import Column, LargeBinary, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import metadata

job_secrets = Table(
    "job_secrets",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    info=VOLATILE,
)
