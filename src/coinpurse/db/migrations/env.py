"""Alembic's entry: runs the revisions on the connection that `db.migrate.upgrade` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="coinpurse",
    transaction_per_migration=False,
)
context.run_migrations()
