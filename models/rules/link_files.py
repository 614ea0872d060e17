"""Files of links: one address a line, or CSV with names in its first line.

CSV may have commas, semicolons (Excel, where the comma is the decimal sign) or
tabs between its values, whichever its first line has. Each line stands alone: a
broken one (bytes that are not UTF-8, an open quote) spoils nothing after it. That
costs values with line breaks, which no field of a link may hold. Source for CSV:
RFC 4180; for moments: RFC 3339, or a day, in UTC if no offset is given.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from models.errors import DomainError, LineInvalidError

COLUMNS: Final = ("url", "slug", "title", "domain", "starts_at", "expires_at", "disabled")
_SEPARATORS: Final = ",;\t"
_BOM: Final = b"\xef\xbb\xbf"
_TRUE: Final = frozenset({"1", "true", "yes"})
_FALSE: Final = frozenset({"", "0", "false", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLine:
    """One link to be, as a file has it; None means that the file says nothing."""

    number: int
    url: str
    slug: str | None = None
    title: str | None = None
    host: str | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class _Table:
    """How the lines of a CSV file are read."""

    columns: Sequence[str]
    separator: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no link, and why. Lines are numbered from 1."""

    number: int
    error: DomainError


def read_links(lines: Iterable[bytes], *, from_line: int = 1) -> Iterator[LinkLine | BadLine]:
    """Read a file line by line, from a line on; names of columns are in the first all the same.

    It is CSV when its first line has a column "url"; else every line is an
    address. Empty lines are skipped, and in a list of addresses those that
    start with "#".

    Raises:
        LineInvalidError: the first line names columns, but no "url". Nothing was
            yielded then.
    """
    table: _Table | None = None
    is_first = True
    for number, raw in enumerate(lines, start=1):
        line = (raw.removeprefix(_BOM) if number == 1 else raw).rstrip(b"\r\n")
        if not line.strip():
            continue
        if is_first:
            is_first = False
            table = _header(line)
            if table is not None:
                continue
        if number < from_line:
            continue
        try:
            text = line.decode()
            if table is not None:
                yield _csv_line(number, table.columns, _cells(text, table.separator))
            elif not text.lstrip().startswith("#"):
                yield LinkLine(number=number, url=text)
        except UnicodeDecodeError:
            yield BadLine(number, LineInvalidError(reason="not_utf8"))
        except DomainError as error:
            yield BadLine(number, error)


def _header(line: bytes) -> _Table | None:
    """Return the table that the first line begins, None if it is an address.

    Raises:
        LineInvalidError: it is neither: a table of something else.
    """
    text = line.decode(errors="replace")
    is_foreign = False
    for separator in _SEPARATORS:
        try:
            names = [cell.strip().lower() for cell in _cells(text, separator)]
        except LineInvalidError:
            continue
        if "url" in names:
            return _Table(names, separator)
        is_foreign |= len(names) > 1 or names[0] in COLUMNS
    if is_foreign and "://" not in text and not text.lstrip().startswith("#"):
        raise LineInvalidError(reason="no_url")
    return None


def _cells(text: str, separator: str) -> Sequence[str]:
    try:
        return next(csv.reader([text], strict=True, delimiter=separator))
    except csv.Error:
        raise LineInvalidError(reason="quotes") from None


def _csv_line(number: int, columns: Sequence[str], cells: Sequence[str]) -> LinkLine:
    if len(cells) > len(columns):
        raise LineInvalidError(reason="columns")
    row = dict(zip(columns, cells, strict=False))
    return LinkLine(
        number=number,
        url=row.get("url", ""),
        slug=row.get("slug") or None,
        title=row.get("title") or None,
        host=row.get("domain") or None,
        starts_at=_moment(row.get("starts_at", ""), "starts_at"),
        expires_at=_moment(row.get("expires_at", ""), "expires_at"),
        is_disabled=_flag(row.get("disabled", "")),
    )


def _moment(text: str, column: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineInvalidError(reason="moment", column=column, value=_shown(text)) from None


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise LineInvalidError(reason="flag", column="disabled", value=_shown(text))
    return word in _TRUE


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:40])
