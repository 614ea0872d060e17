"""A link may ask its visitors for a password."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add a column that stays empty for links without a password.

    Older code does not ask for passwords, so none is set before all machines are upgraded
    (docs/runbooks/upgrade.md).
    """
    op.add_column("link", sa.Column("password_hash", sa.String(255)))
