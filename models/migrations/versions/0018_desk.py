"""The support desk: tickets, what is said about them, and what they are sorted by."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0018"
down_revision = "0017"

_EMAIL = sa.String(254)
_NAME = sa.String(200)
_ENUM = sa.String(16)
_LONG_ENUM = sa.String(32)
_STATUS = sa.String(24)
# Lists of what is still to be done stay fast, however many tickets were closed since.
_ACTIVE = sa.text(
    "status IN ('NEW', 'OPEN', 'WAITING_FOR_CUSTOMER', 'WAITING_INTERNAL', 'SCHEDULED')"
    " AND deleted_at IS NULL"
)


def upgrade() -> None:
    """Make tables that older code does not know."""
    _sorting()
    _tickets()
    _around_tickets()
    _conversation()


def _sorting() -> None:
    op.create_table(
        "ticket_category",
        *_record(),
        sa.Column("parent_id", KEY, sa.ForeignKey("ticket_category.id", ondelete="RESTRICT")),
        sa.Column("name_ru", _NAME, nullable=False),
        sa.Column("name_en", _NAME, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("archived_at", MOMENT),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_ticket_category_parent_id", "ticket_category", ["parent_id"])
    op.create_table(
        "ticket_queue",
        *_record(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("line", _ENUM, nullable=False),
        sa.Column("archived_at", MOMENT),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "ticket_queue_member",
        _id(),
        _parent("queue_id", "ticket_queue"),
        _parent("user_id", "app_user"),
        sa.UniqueConstraint("queue_id", "user_id"),
    )
    op.create_index("ix_ticket_queue_member_user_id", "ticket_queue_member", ["user_id"])
    op.create_table(
        "ticket_field",
        *_record(),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", _LONG_ENUM),
        sa.Column("type", _ENUM, nullable=False),
        sa.Column("label_ru", _NAME, nullable=False),
        sa.Column("label_en", _NAME, nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("is_required", sa.Boolean, nullable=False),
        sa.Column("is_for_customers", sa.Boolean, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("archived_at", MOMENT),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _tickets() -> None:
    op.create_table(
        "ticket",
        *_record(),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("kind", _LONG_ENUM, nullable=False),
        sa.Column("severity", _ENUM),
        sa.Column("effect", _ENUM),
        sa.Column("impact", _ENUM),
        sa.Column("workaround", _ENUM),
        sa.Column("status", _STATUS, nullable=False),
        sa.Column("line", _ENUM, nullable=False),
        sa.Column("channel", _ENUM, nullable=False),
        sa.Column("locale", sa.String(24), nullable=False),
        _other("requester_id", "app_user", "SET NULL"),
        sa.Column("requester_email", _EMAIL),
        sa.Column("requester_name", _NAME),
        _other("organization_id", "organization", "RESTRICT"),
        sa.Column("installation", sa.String(200)),
        sa.Column("module", sa.String(120)),
        _other("category_id", "ticket_category", "RESTRICT"),
        _other("queue_id", "ticket_queue", "RESTRICT"),
        _other("assignee_id", "app_user", "SET NULL"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reopen_count", sa.Integer, nullable=False),
        sa.Column("bounce_count", sa.Integer, nullable=False),
        sa.Column("snoozed_until", MOMENT),
        sa.Column("resolution", _STATUS),
        sa.Column("resolution_note", sa.Text),
        sa.Column("resolved_at", MOMENT),
        sa.Column("closed_at", MOMENT),
        sa.Column("deleted_at", MOMENT),
        _other("merged_into_id", "ticket", "RESTRICT"),
        sa.Column("status_before", _STATUS),
        sa.Column("first_answered_at", MOMENT),
        sa.Column("customer_wrote_at", MOMENT),
        sa.Column("staff_wrote_at", MOMENT),
    )
    _index("ticket", "created_at", "id")
    _index("ticket", "updated_at", "id")
    for column in ("status", "queue_id", "assignee_id", "requester_id", "organization_id"):
        _index("ticket", column, "updated_at", "id")
    _index("ticket", "requester_email", "id")
    _index("ticket", "category_id", "id")
    # The numbers beside the folders are counted in the index alone.
    _index("ticket", "deleted_at", "status", "assignee_id")
    # Nearly all are NULL, and by that SQLite would think that the index finds nothing.
    merged = sa.text("merged_into_id IS NOT NULL")
    op.create_index(
        "ix_ticket_merged_into_id",
        "ticket",
        ["merged_into_id"],
        postgresql_where=merged,
        sqlite_where=merged,
    )
    _index("ticket", "status", "snoozed_until")
    _index("ticket", "status", "resolved_at")
    for name, columns in (
        ("all", ["updated_at", "id"]),
        ("queue", ["queue_id", "updated_at", "id"]),
        ("assignee", ["assignee_id", "updated_at", "id"]),
    ):
        op.create_index(
            f"ix_ticket_active_{name}",
            "ticket",
            columns,
            postgresql_where=_ACTIVE,
            sqlite_where=_ACTIVE,
        )


def _around_tickets() -> None:
    op.create_table(
        "ticket_counter",
        _id(),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ticket_follower",
        _id(),
        _parent("ticket_id", "ticket"),
        _parent("user_id", "app_user"),
        sa.UniqueConstraint("ticket_id", "user_id"),
    )
    _index("ticket_follower", "user_id", "ticket_id")
    op.create_table(
        "ticket_tag",
        _id(),
        _parent("ticket_id", "ticket"),
        sa.Column("name", sa.String(64), nullable=False),
        sa.UniqueConstraint("ticket_id", "name"),
    )
    _index("ticket_tag", "name", "ticket_id")
    op.create_table(
        "ticket_link",
        _id(),
        _parent("ticket_id", "ticket"),
        _parent("other_id", "ticket"),
        sa.Column("kind", _ENUM, nullable=False),
        sa.UniqueConstraint("ticket_id", "other_id", "kind"),
    )
    _index("ticket_link", "other_id")
    op.create_table(
        "ticket_field_value",
        _id(),
        _parent("ticket_id", "ticket"),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.UniqueConstraint("ticket_id", "key"),
    )


def _conversation() -> None:
    op.create_table(
        "ticket_message",
        *_record(),
        _parent("ticket_id", "ticket"),
        sa.Column("visibility", _ENUM, nullable=False),
        _other("author_id", "app_user", "SET NULL"),
        sa.Column("author_email", _EMAIL),
        sa.Column("author_name", _NAME),
        sa.Column("is_from_staff", sa.Boolean, nullable=False),
        sa.Column("is_automatic", sa.Boolean, nullable=False),
        sa.Column("channel", _ENUM, nullable=False),
        sa.Column("body_markdown", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("taken_back_at", MOMENT),
        sa.Column("ticket_revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "ticket_event",
        _id(),
        sa.Column("created_at", MOMENT, nullable=False),
        _parent("ticket_id", "ticket"),
        sa.Column("kind", _LONG_ENUM, nullable=False),
        _other("author_id", "app_user", "SET NULL"),
        sa.Column("is_from_staff", sa.Boolean, nullable=False),
        sa.Column("is_for_customer", sa.Boolean, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("taken_back_at", MOMENT),
    )
    for table in ("ticket_message", "ticket_event"):
        _index(table, "ticket_id", "due_at", "id")
        _index(table, "author_id", "id")
    _index("ticket_message", "author_email", "id")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _id() -> sa.Column[int]:
    return sa.Column("id", KEY, primary_key=True, autoincrement=False)


def _record() -> tuple[sa.Column[int], sa.Column[object], sa.Column[object]]:
    return (
        _id(),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )


def _parent(name: str, table: str) -> sa.Column[int]:
    return sa.Column(name, KEY, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False)


def _other(name: str, table: str, when_deleted: str) -> sa.Column[int]:
    return sa.Column(name, KEY, sa.ForeignKey(f"{table}.id", ondelete=when_deleted))
