"""Rows of leases. The fencing number of a name never goes back.

A row stays for a day after its lease is released, and the first fencing number of a new row is the time.
"""

from sqlalchemy import BigInteger, Column, Index, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata

leases = Table(
    "leases",
    metadata,
    Column("name", String(500), primary_key=True),
    Column("holder", String(40), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Index("ix_leases_holder", "holder"),
    info=VOLATILE,
)
