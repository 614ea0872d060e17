"""Moments as numbers, and as the raw SQL of both engines wants them."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


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
