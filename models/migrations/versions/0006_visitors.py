"""Who followed a link, told apart within a day, and how many they were, for ever."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column that older code leaves empty, and two tables that it does not know."""
    op.add_column("click", sa.Column("visitor", sa.BigInteger))
    op.create_table(
        "click_visitors",
        sa.Column("link_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hours", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sketch", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "visitor_hour",
        sa.Column("hour", KEY, primary_key=True, autoincrement=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
