"""Alembic's entry: runs the steps on the connection that api.migrate opened and locked."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
