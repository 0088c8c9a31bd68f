"""Alembic's door: run by ``Database.set_up`` on its own connection, inside its transaction."""

from alembic import context

from alerts.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
