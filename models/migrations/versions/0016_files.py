"""Files that people send, and their contents."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make two tables that older code does not know."""
    op.create_table(
        "blob",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("scan_status", sa.String(16), nullable=False),
        sa.Column("scan_verdict", sa.String(200), nullable=False),
        sa.Column("scan_attempts", sa.Integer, nullable=False),
        sa.Column("scan_due_at", MOMENT),
        sa.Column("scanned_at", MOMENT),
    )
    op.create_index("ix_blob_scan_due_at", "blob", ["scan_due_at"])
    op.create_table(
        "stored_file",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column(
            "blob_id", sa.BigInteger, sa.ForeignKey("blob.id", ondelete="RESTRICT"), nullable=False
        ),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("uploader_id", sa.BigInteger, sa.ForeignKey("app_user.id", ondelete="SET NULL")),
        sa.Column(
            "organization_id",
            sa.BigInteger,
            sa.ForeignKey("organization.id", ondelete="RESTRICT"),
        ),
        sa.Column("owner_kind", sa.String(32)),
        sa.Column("owner_id", sa.BigInteger),
        sa.Column("expires_at", MOMENT),
    )
    op.create_index("ix_stored_file_blob_id", "stored_file", ["blob_id"])
    op.create_index("ix_stored_file_uploader_id", "stored_file", ["uploader_id", "id"])
    op.create_index("ix_stored_file_owner_kind", "stored_file", ["owner_kind", "owner_id"])
    op.create_index("ix_stored_file_expires_at", "stored_file", ["expires_at"])
