"""Links whose page is still to be asked for its title."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make a table that older code does not know."""
    op.create_table(
        "link_title_job",
        sa.Column("link_id", KEY, primary_key=True, autoincrement=False),
        sa.Column("host", sa.String(259), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
    )
    op.create_index("ix_link_title_job_due_at", "link_title_job", ["due_at", "host"])
