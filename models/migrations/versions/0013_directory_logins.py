"""The name that people type for the directory, by which they prove anew who they are."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add a column with a default; older code neither needs nor minds it."""
    op.add_column("identity", sa.Column("login", sa.String(254), nullable=False, server_default=""))
