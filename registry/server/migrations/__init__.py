"""How a database comes to have the tables of ``registry.server.schema``; Alembic reads this folder."""
