"""Letters about an account that somebody signed in to, asked for before they are made."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add a column that may be empty; older code neither needs nor minds it."""
    op.add_column("letter_order", sa.Column("user_id", KEY))
