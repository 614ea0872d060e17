"""Up to which moment each machine's clicks are in the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; older code neither reads nor needs it."""
    op.create_table(
        "click_progress",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("complete_to_us", sa.BigInteger, nullable=False),
    )
