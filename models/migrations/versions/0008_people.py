"""Revisions of people, roles and organizations, and one open invitation for an address."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_OPEN = "accepted_at IS NULL AND revoked_at IS NULL"


def upgrade() -> None:
    """Add the columns and the indexes; older code neither needs nor minds them."""
    for table in ("app_user", "role", "organization"):
        column = sa.Column("revision", sa.Integer, nullable=False, server_default="1")
        op.add_column(table, column)
    # NULL equals nothing in an index, so those of no organization have one of their own.
    for name, columns, condition in (
        ("ix_invitation_open", ["email", "organization_id"], f"{_OPEN}"),
        ("ix_invitation_open_alone", ["email"], f"{_OPEN} AND organization_id IS NULL"),
    ):
        where = sa.text(condition)
        op.create_index(
            name,
            "invitation",
            columns,
            unique=True,
            postgresql_where=where,
            sqlite_where=where,
        )
    op.create_index("ix_invitation_organization_id", "invitation", ["organization_id", "id"])
