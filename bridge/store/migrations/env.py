"""Alembic's environment: the connection is handed in by `bridge.store.migrate`, which owns the transaction."""

from alembic import context

from bridge.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
