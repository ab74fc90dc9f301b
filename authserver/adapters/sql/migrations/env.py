"""Run by Alembic, over the connection and inside the transaction that `migration.upgrade` gives it."""

from alembic import context

from authserver.adapters.sql.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
