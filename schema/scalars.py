"""Scalars of the contract: how each is written on the wire and read back.

Strawberry maps Python types to these definitions through `SCALARS`. A parser
raises ValueError; the executor turns that into an error that names the variable.
"""

import re
from datetime import UTC, date, datetime
from typing import Final, NewType
from zoneinfo import available_timezones

import strawberry
from strawberry.types.scalar import ScalarDefinition

from models.texts import LOCALES

Count = NewType("Count", int)
Url = NewType("Url", str)
TimeZone = NewType("TimeZone", str)
Locale = NewType("Locale", str)

MAX_COUNT: Final = 2**53 - 1  # the largest whole number that JavaScript keeps exact
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME_ZONES: Final = frozenset(available_timezones())


class ScalarInvalidError(ValueError):
    """A value that a scalar does not take, in words for whoever sent it."""


def format_instant(value: datetime) -> str:
    """Write an aware moment in UTC with exactly three digits of a second."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_instant(value: object) -> datetime:
    """Read RFC 3339 with any offset; the result is in UTC."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ScalarInvalidError("expected an RFC 3339 instant such as 2026-11-22T03:04:05.678Z")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise ScalarInvalidError("the instant is out of range") from error


def parse_day(value: object) -> date:
    """Read a calendar day such as 2026-11-22."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ScalarInvalidError("expected a day such as 2026-11-22")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ScalarInvalidError("there is no such day") from error


def parse_count(value: object) -> int:
    """Read a whole number between 0 and MAX_COUNT."""
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise ScalarInvalidError(f"expected a whole number between 0 and {MAX_COUNT}")
    return value


def parse_text(value: object) -> str:
    """Read a string as it is; what it must look like is a rule of the use case."""
    if not isinstance(value, str):
        raise ScalarInvalidError("expected a string")
    return value


def parse_time_zone(value: object) -> str:
    """Read a name of the IANA time zone database."""
    if not isinstance(value, str) or value not in _TIME_ZONES:
        raise ScalarInvalidError("expected an IANA time zone such as Europe/Moscow")
    return value


def parse_locale(value: object) -> str:
    """Read the tag of a language that the interface speaks."""
    if not isinstance(value, str) or value not in LOCALES:
        raise ScalarInvalidError(f"expected one of {', '.join(LOCALES)}")
    return value


SCALARS: Final[dict[object, ScalarDefinition]] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339 instant, always in UTC, millisecond precision: "
        "2026-11-22T03:04:05.678Z. Other offsets are understood in input.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=format_instant,
        parse_value=parse_instant,
    ),
    date: strawberry.scalar(
        name="Date",
        description="Calendar day without a time zone: 2026-11-22.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=date.isoformat,
        parse_value=parse_day,
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="IANA time zone name: Europe/Moscow.",
        specified_by_url="https://www.iana.org/time-zones",
        parse_value=parse_time_zone,
    ),
    Url: strawberry.scalar(
        name="URL",
        description="Absolute http(s) URL in WHATWG serialised form.",
        specified_by_url="https://url.spec.whatwg.org/",
        parse_value=parse_text,
    ),
    Count: strawberry.scalar(
        name="Count",
        description="Non-negative whole number sent as a JSON number, up to 9007199254740991.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        parse_value=parse_count,
    ),
    Locale: strawberry.scalar(
        name="Locale",
        description="BCP 47 tag of an interface language: ru, en.",
        specified_by_url="https://www.rfc-editor.org/info/bcp47",
        parse_value=parse_locale,
    ),
}
