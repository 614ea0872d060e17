"""Pages of a sorted list: opaque keyset cursors, and the window a caller asks for."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeAlias, TypeVar

import orjson

from models.errors import CursorInvalidError, ValueInvalidError

Row = TypeVar("Row")
SortKey: TypeAlias = str | int | None  # what a row is sorted by; None sorts as the least value

MAX_PAGE_ROWS: Final = 100
_MAX_CURSOR_LENGTH: Final = 1024  # characters; the longest real one has about 400
_MAX_ID: Final = 2**63 - 1


class SortDirection(StrEnum):
    """Order of a sorted list."""

    ASC = "ASC"
    DESC = "DESC"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWindow:
    """Which rows of a list: the first N after a cursor, or the last N before one.

    Exactly one of `first` and `last` is given, 0 to MAX_PAGE_ROWS; 0 asks only
    whether there are more. Either may be bounded by both cursors.
    """

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def check(self) -> int:
        """Return the number of rows wanted.

        Raises:
            ValueInvalidError: none or both of first and last, or out of range.
        """
        if (self.first is None) == (self.last is None):
            raise ValueInvalidError(path=("first",), reason="first_or_last")
        name, rows = ("first", self.first) if self.last is None else ("last", self.last)
        if rows is None or not 0 <= rows <= MAX_PAGE_ROWS:
            raise ValueInvalidError(path=(name,), reason="page_rows", maximum=MAX_PAGE_ROWS)
        return rows


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in the order of the list, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


def encode_cursor(order: str, key: SortKey, row_id: int) -> str:
    """Return the place of one row in a list; `order` names the list's sort field."""
    return urlsafe_b64encode(orjson.dumps([order, key, row_id])).rstrip(b"=").decode()


def decode_cursor(cursor: str, *, order: str, path: tuple[str, ...]) -> tuple[SortKey, int]:
    """Return sort key and row id of a cursor that encode_cursor made for the same order.

    Args:
        cursor: as a caller sent it.
        order: name of the list's sort field.
        path: input field to blame.

    Raises:
        CursorInvalidError: damaged, or of another list.
    """
    try:
        if len(cursor) > _MAX_CURSOR_LENGTH:
            raise CursorInvalidError(path=path)
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts: object = orjson.loads(urlsafe_b64decode(padded))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise CursorInvalidError(path=path) from None
    match parts:
        case [str(name), (str() | int() | None) as key, int(row_id)] if (
            name == order
            and 0 <= row_id <= _MAX_ID
            and not isinstance(key, bool)
            and not isinstance(row_id, bool)
        ):
            return key, row_id
        case _:
            raise CursorInvalidError(path=path)
