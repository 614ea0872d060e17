"""Indexes of the audit log: what waits for its place in the chain, and each filter by time."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Put other indexes in the place of those of 0007, which no version ever used."""
    for name in ("position", "actor", "subject", "action"):
        op.drop_index(f"ix_audit_entry_{name}", "audit_entry")
    for name, columns in {
        "actor_at": ["actor_id", "at", "id"],
        "subject_at": ["subject_type", "subject_id", "at", "id"],
        "action_at": ["action", "at", "id"],
        "address_at": ["address", "at", "id"],
    }.items():
        op.create_index(f"ix_audit_entry_{name}", "audit_entry", columns)
    waiting = sa.text("seq IS NULL")
    op.create_index(
        "ix_audit_entry_waiting",
        "audit_entry",
        ["position", "id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
