"""Files of links: one address a line, or CSV with names in its first line.

CSV may have commas, semicolons (Excel, where the comma is the decimal sign) or
tabs between its values, whichever its first line has. Each record stands alone: a
broken one (bytes that are not UTF-8, an open quote) spoils nothing after it. Sources
for CSV: RFC 4180; for moments: RFC 3339, or a day, in UTC if no offset is given.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from models.errors import DomainError, LineInvalidError
from models.rules.csv_lines import Lines, read_record
from models.rules.link_tables import Table, begins_address, has_space, table_of

_TRUE: Final = frozenset({"1", "true", "yes"})
_FALSE: Final = frozenset({"", "0", "false", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLine:
    """One link to be, from the line where it begins; None means that the file says nothing."""

    number: int
    url: str
    slug: str | None = None
    title: str | None = None
    host: str | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    is_disabled: bool = False
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line, or the record that begins there, that is no link, and why. Counted from 1."""

    number: int
    error: DomainError


def read_links(lines: Iterable[bytes], *, from_line: int = 1) -> Iterator[LinkLine | BadLine]:
    """Read a file line by line, from a line on; names of columns are in the first all the same.

    It is CSV when its first line has a column "url"; else every line is an
    address. Empty lines are skipped, and in a list of addresses those that
    start with "#". What begins before `from_line` is left out whole.

    Raises:
        LineInvalidError: the first line names columns, but no "url", or it has
            several values and names nothing. Nothing was yielded then.
    """
    rest = Lines(lines)
    table: Table | None = None
    is_first = True
    for line in rest:
        if not line.strip():
            continue
        if is_first:
            is_first = False
            table = table_of(line, rest)
            if table is not None:
                continue
        number = rest.number
        link: LinkLine | BadLine | None
        try:
            link = _address(number, line) if table is None else _row(table, line, rest)
        except UnicodeDecodeError:
            link = BadLine(number, LineInvalidError(reason="not_utf8"))
        except DomainError as error:
            link = BadLine(number, error)
        if link is not None and number >= from_line:
            yield link


def _address(number: int, line: bytes) -> LinkLine | None:
    """Read a line of a list of addresses; None for a comment."""
    text = line.decode()
    if text.lstrip().startswith("#"):
        return None
    # In a path it would become %20, and nobody meant that; behind # it is a name on a page.
    if begins_address(text) and has_space(text.partition("#")[0]):
        raise LineInvalidError(reason="space")
    return LinkLine(number=number, url=text)


def _row(table: Table, line: bytes, rest: Lines) -> LinkLine:
    number = rest.number
    record = read_record(line, rest, table.separator)
    b"\n".join(record.lines).decode()
    return _csv_line(number, table.columns, record.cells)


def _csv_line(number: int, columns: Sequence[str], cells: Sequence[str]) -> LinkLine:
    if len(cells) > len(columns):
        raise LineInvalidError(reason="columns")
    row = dict(zip(columns, cells, strict=False))
    password = row.get("password") or None
    # An export says that a link asks for a password, and nobody can read which.
    if _flag(row.get("protected", ""), "protected") and password is None:
        raise LineInvalidError(reason="protected")
    return LinkLine(
        number=number,
        url=row.get("url", ""),
        slug=row.get("slug") or None,
        title=row.get("title") or None,
        host=row.get("domain") or None,
        starts_at=_moment(row.get("starts_at", ""), "starts_at"),
        expires_at=_moment(row.get("expires_at", ""), "expires_at"),
        is_disabled=_flag(row.get("disabled", ""), "disabled"),
        password=password,
    )


def _moment(text: str, column: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineInvalidError(reason="moment", column=column, value=_shown(text)) from None


def _flag(text: str, column: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise LineInvalidError(reason="flag", column=column, value=_shown(text))
    return word in _TRUE


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:40])
