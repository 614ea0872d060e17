"""A key knows which key made it, and ends with it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add a column that keys made before leave empty; older code neither needs nor minds it."""
    op.add_column("api_key", sa.Column("made_by_key_id", sa.BigInteger))
    op.create_index("ix_api_key_made_by_key_id", "api_key", ["made_by_key_id"])
