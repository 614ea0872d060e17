"""Service terms: calendars and policies with their versions, clocks and their logs."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0019"
down_revision = "0018"

_NAME = sa.String(200)
_ENUM = sa.String(16)
_LONG_ENUM = sa.String(24)


def upgrade() -> None:
    """Make tables that older code does not know."""
    _calendars()
    _policies()
    _clocks()


def _calendars() -> None:
    op.create_table(
        "service_calendar",
        *_record(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "service_calendar_version",
        _id(),
        sa.Column("created_at", MOMENT, nullable=False),
        _needed("calendar_id", "service_calendar", "RESTRICT"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        _author(),
        sa.UniqueConstraint("calendar_id", "number"),
    )


def _policies() -> None:
    op.create_table(
        "service_policy",
        *_record(),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("archived_at", MOMENT),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    only_default = sa.text("is_default AND archived_at IS NULL")
    op.create_index(
        "ux_service_policy_default",
        "service_policy",
        ["is_default"],
        unique=True,
        postgresql_where=only_default,
        sqlite_where=only_default,
    )
    op.create_table(
        "service_policy_version",
        _id(),
        sa.Column("created_at", MOMENT, nullable=False),
        _needed("policy_id", "service_policy", "RESTRICT"),
        sa.Column("number", sa.Integer, nullable=False),
        _needed("calendar_id", "service_calendar", "RESTRICT"),
        sa.Column("conditions", sa.Text, nullable=False),
        sa.Column("budgets", sa.Text, nullable=False),
        sa.Column("warn_at", sa.Text, nullable=False),
        _author(),
        sa.UniqueConstraint("policy_id", "number"),
    )
    _index("service_policy_version", "calendar_id")
    op.create_table(
        "service_terms_state",
        _id(),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("holidays", sa.String(64), nullable=False),
    )


def _clocks() -> None:
    op.create_table(
        "service_clock",
        *_record(),
        _needed("ticket_id", "ticket", "CASCADE"),
        sa.Column("kind", _ENUM, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("policy_id", sa.BigInteger, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("calendar_id", sa.BigInteger, nullable=False),
        sa.Column("calendar_version", sa.Integer, nullable=False),
        sa.Column("budget_s", sa.BigInteger, nullable=False),
        sa.Column("warn_at", sa.Text, nullable=False),
        sa.Column("consumed_s", sa.BigInteger, nullable=False),
        sa.Column("running_since_s", sa.BigInteger),
        sa.Column("paused_for", _LONG_ENUM),
        sa.Column("met_at_s", sa.BigInteger),
        sa.Column("breached_at_s", sa.BigInteger),
        sa.Column("late_by_s", sa.BigInteger),
        sa.Column("warned", sa.Text, nullable=False),
        sa.Column("deadline_s", sa.BigInteger),
        sa.Column("look_at_s", sa.BigInteger),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("ticket_id", "kind", "round"),
    )
    _index("service_clock", "look_at_s")
    _index("service_clock", "deadline_s", "ticket_id")
    not_met = sa.text("met_at_s IS NULL")
    op.create_index(
        "ix_service_clock_not_met",
        "service_clock",
        ["generation", "ticket_id"],
        postgresql_where=not_met,
        sqlite_where=not_met,
    )
    op.create_table(
        "service_clock_entry",
        _id(),
        sa.Column("created_at", MOMENT, nullable=False),
        _needed("clock_id", "service_clock", "CASCADE"),
        sa.Column("kind", _ENUM, nullable=False),
        sa.Column("at_s", sa.BigInteger, nullable=False),
        sa.Column("consumed_s", sa.BigInteger, nullable=False),
        sa.Column("percent", sa.Integer),
        sa.Column("late_by_s", sa.BigInteger),
        sa.Column("paused_for", _LONG_ENUM),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("old_terms", sa.Text),
    )
    _index("service_clock_entry", "clock_id", "id")
    _index("service_clock_entry", "kind", "at_s")


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


def _needed(name: str, table: str, when_deleted: str) -> sa.Column[int]:
    foreign = sa.ForeignKey(f"{table}.id", ondelete=when_deleted)
    return sa.Column(name, KEY, foreign, nullable=False)


def _author() -> sa.Column[int]:
    return sa.Column("author_id", KEY, sa.ForeignKey("app_user.id", ondelete="SET NULL"))
