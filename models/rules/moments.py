"""Moments as the raw SQL of both engines wants them."""

from datetime import UTC, datetime


def to_sql(moment: datetime, *, sqlite: bool) -> datetime | str:
    """Return an aware moment as an argument of a statement.

    SQLite: the text the ORM writes, in UTC, which sorts as the moments do.
    PostgreSQL: the value itself.
    """
    utc = moment.astimezone(UTC)
    return utc.isoformat(" ") if sqlite else utc


def from_sql(value: datetime | str | None) -> datetime | None:
    """Return the aware moment of a column that the ORM or to_sql filled."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
