"""Whose a run is, is looked up: by its files, and by who has jobs that use its experiment."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_EXPERIMENT = {
    "sqlite": "json_extract(request, '$.experiment_name')",
    "postgresql": "request ->> 'experiment_name'",
}


def upgrade() -> None:
    op.add_column("jobs", sa.Column("experiment_name", sa.Text(), nullable=True))
    # Every earlier job has trained into an experiment of the very name that was asked for.
    told = _EXPERIMENT[op.get_bind().dialect.name]
    op.execute(sa.text(f"UPDATE jobs SET experiment_name = {told} WHERE kind IN ('training', 'one_click')"))  # noqa: S608  # Constants.
    op.execute(sa.text("UPDATE jobs SET experiment_name = model_name WHERE kind = 'registration'"))
    op.create_index("ix_jobs_experiment_name", "jobs", ["experiment_name", "tenant_id"])
    op.create_index("ix_versions_artifact_uri", "versions", ["artifact_uri"], postgresql_using="hash")
