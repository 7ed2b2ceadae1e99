"""Alembic's entry. The connection is handed in by `Database.migrate`; there is no offline mode."""

from alembic import context

from modelyard.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
