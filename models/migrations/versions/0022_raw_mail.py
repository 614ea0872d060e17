"""Mail as it came."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make a table that older code does not know."""
    op.create_table(
        "raw_mail",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("identity", sa.String(64), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("mailbox", sa.String(300), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("message_id", sa.String(300)),
        sa.Column("sender_email", sa.String(254)),
        sa.Column("origin", sa.String(16)),
        sa.Column("sign", sa.String(16)),
        sa.Column("is_from_other_address", sa.Boolean, nullable=False),
        sa.Column("faults", sa.Text, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("ticket_id", sa.BigInteger, sa.ForeignKey("ticket.id", ondelete="SET NULL")),
        sa.Column(
            "ticket_message_id",
            sa.BigInteger,
            sa.ForeignKey("ticket_message.id", ondelete="SET NULL"),
        ),
    )
    for column in ("due_at", "message_id", "sender_email", "ticket_id", "ticket_message_id"):
        op.create_index(f"ix_raw_mail_{column}", "raw_mail", [column])
