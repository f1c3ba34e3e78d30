"""What Alembic runs: the connection, and its transaction, come from ``registry.server.upgrade``."""

from alembic import context

from registry.server.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
