"""Letters that are asked for by somebody who may have an account."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add a table; older code does not know it."""
    op.create_table(
        "letter_order",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
    )
