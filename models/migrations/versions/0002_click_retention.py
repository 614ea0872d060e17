"""Since when single clicks are complete, and which spools are gone for good."""

import sqlalchemy as sa
from alembic import op

from models.migrations import MOMENT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add both columns; older code neither reads nor needs them."""
    op.add_column(
        "installation",
        sa.Column("clicks_kept_since_us", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.add_column("spool_position", sa.Column("finished_at", MOMENT))
