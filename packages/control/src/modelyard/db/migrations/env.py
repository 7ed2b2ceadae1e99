"""Alembic's entry. The connection is handed in by `Database.migrate`; there is no offline mode."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,  # Only what writes migrations itself compares with the tables, and these know the nouns.
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
