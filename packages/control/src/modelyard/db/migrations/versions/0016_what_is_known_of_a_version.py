"""A version tells measured metrics from claimed ones, what the platform knows of it from tags, and typed parameters.

A run belongs to one job, by a table of its own. Tags in the platform's or the tracker's name leave `tags`, and what a
search looks up of them. Of a script's digest only that of a version with a job is kept: a run could write the tag.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_SCRIPT_TAG = "modelyard.script_sha256"
_PLATFORM = ("modelyard.", "mlflow.")
_BATCH = 1000
_KEY = ("tenant_id", "model_name", "version")

_versions = sa.table(
    "versions",
    *(sa.column(name) for name in (*_KEY, "run_id", "job_id", "script_sha256")),
    *(sa.column(name, Json) for name in ("tags", "metrics", "claimed_metrics", "parameters")),
)
_version_tags = sa.table("version_tags", sa.column("tenant_id"), sa.column("digest"))
_search_sets = sa.table("search_sets", sa.column("tenant_id"), sa.column("digest"))


def upgrade() -> None:
    for name in ("claimed_metrics", "provenance"):
        op.add_column("versions", sa.Column(name, Json, nullable=False, server_default="{}"))
    op.add_column("versions", sa.Column("script_sha256", sa.String(length=64)))
    op.create_index("ix_versions_script_sha256", "versions", ["tenant_id", "script_sha256"])
    op.create_table(
        "job_runs",
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("metrics", Json, nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("models", Json, nullable=False),
        sa.Column("lock_digest", sa.String(length=64)),
        sa.Column("script_sha256", sa.String(length=64)),
        sa.Column("provenance", Json, nullable=False),
        sa.Column("bound_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_job_runs")),
    )
    op.create_index("ix_job_runs_job_id", "job_runs", ["job_id"])
    connection = op.get_bind()
    gone: set[tuple[str, str]] = set()
    for row in _rows(connection):
        if changes := _changes(row, gone):
            key = sa.and_(*(_versions.c[name] == row[name] for name in _KEY))
            connection.execute(sa.update(_versions).where(key).values(**changes))
    for tenant_id, digest in sorted(gone):
        for table in (_version_tags, _search_sets):
            connection.execute(sa.delete(table).where(table.c.tenant_id == tenant_id, table.c.digest == digest))


def _rows(connection: sa.Connection) -> Iterator[Any]:
    """All versions, some at a time, so that they can be written meanwhile."""
    columns = [_versions.c[name] for name in _KEY]
    query = sa.select(_versions).order_by(*columns).limit(_BATCH)
    rows = connection.execute(query).mappings().all()
    while rows:
        yield from rows
        after = sa.tuple_(*columns) > sa.tuple_(*(rows[-1][name] for name in _KEY))
        rows = connection.execute(query.where(after)).mappings().all()


def _changes(row: Any, gone: set[tuple[str, str]]) -> dict[str, Any]:
    """What changes of a row; notes the tags that nobody finds versions by any more."""
    changes: dict[str, Any] = {}
    if row["run_id"] is None and row["metrics"]:
        changes["claimed_metrics"] = row["metrics"]
    parameters = {name: _value(text) for name, text in row["parameters"].items()}
    if parameters != row["parameters"]:
        changes["parameters"] = parameters
    tags = {key: value for key, value in row["tags"].items() if not key.startswith(_PLATFORM)}
    if tags != row["tags"]:
        changes["tags"] = tags
        gone.update((row["tenant_id"], _digest(key, row["tags"][key])) for key in row["tags"].keys() - tags.keys())
    if row["job_id"] is not None and len(script := row["tags"].get(_SCRIPT_TAG, "")) == 64:
        changes["script_sha256"] = script
    return changes


def _digest(key: str, value: str) -> str:
    return hashlib.sha256(f"{len(key)}:{key}{value}".encode(errors="surrogatepass")).hexdigest()[:32]


def _value(text: Any) -> Any:
    """As the parameters of new versions are read: a value only where it is written as this very text."""
    if text in ("True", "False"):
        return text == "True"
    if not isinstance(text, str) or len(text) > 30 or not text.isascii():
        return text
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if abs(value) < 2**53 and str(value) == text:
            return value
    return text
