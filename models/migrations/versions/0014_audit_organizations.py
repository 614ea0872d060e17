"""Entries of the audit log know which organization their actor belonged to."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add a column that older entries leave empty, because their hashes are made without it."""
    op.add_column("audit_entry", sa.Column("organization_id", sa.BigInteger))
    op.create_index(
        "ix_audit_entry_organization_at", "audit_entry", ["organization_id", "at", "id"]
    )
