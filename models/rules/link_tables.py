"""Whether a file of links is a table, by its first line.

A table says so: its first line names columns. What only looks like one is refused as a
whole, for read as addresses its lines would become wrong links. Commas and semicolons
may stand in an address, so a line of words between them is a table only where the lines
after it are the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import regex

from models.errors import LineInvalidError
from models.rules.csv_lines import Lines, read_record

COLUMNS: Final = (
    *("url", "slug", "title", "domain", "starts_at", "expires_at", "disabled"),
    *("password", "protected"),
)
_SEPARATORS: Final = ",;\t"
_LOOKED_AT: Final = 20  # lines that tell a table from addresses with commas
_ADDRESS: Final = regex.compile(r"https?://", regex.IGNORECASE)
_WORD: Final = regex.compile(r"[\w-]*")
_LETTER: Final = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Table:
    """How the lines of a CSV file are read."""

    columns: Sequence[str]
    separator: str


def table_of(first: bytes, rest: Lines) -> Table | None:
    """Return the table that the first line begins, None if it is an address or a comment.

    Raises:
        LineInvalidError: it is neither: a table of something else, or one without names.
    """
    text = first.decode(errors="replace")
    if text.lstrip().startswith("#"):
        return None
    is_foreign = False
    for separator in _SEPARATORS:
        try:
            record = read_record(first, rest, separator)
        except LineInvalidError:
            continue
        names = [cell.strip().lower() for cell in record.cells]
        if "url" in names:
            return Table(names, separator)
        rest.give_back(record.lines[1:])
        if _has_values(record.cells, text) or _has_words(record.cells, separator, rest):
            raise LineInvalidError(reason="no_header")
        is_foreign |= len(names) > 1 or names[0] in COLUMNS
    if is_foreign and "://" not in text:
        raise LineInvalidError(reason="no_url")
    return None


def _has_values(cells: Sequence[str], text: str) -> bool:
    """Tell whether a line holds an address and other values, or an address in quotes."""
    addresses = [number for number, cell in enumerate(cells) if begins_address(cell)]
    if not addresses or has_space(cells[addresses[0]]):
        return False
    others = cells[addresses[0] + 1 :]
    return (
        addresses[0] > 0
        or text.lstrip().startswith('"')
        or "\t" in text.strip()
        or any(cell.startswith(" ") or has_space(cell) for cell in others)
    )


def _has_words(cells: Sequence[str], separator: str, rest: Lines) -> bool:
    """Tell whether an address and words are on this line and, as many, on the next ones."""
    if not _is_address_and_words(cells):
        return False
    ahead = list(islice(rest, _LOOKED_AT))
    rest.give_back(ahead)
    alike = list(_split(ahead, separator))
    return bool(alike) and all(
        len(each) == len(cells) and _is_address_and_words(each) for each in alike
    )


def _split(lines: Sequence[bytes], separator: str) -> Iterator[Sequence[str]]:
    return (line.decode(errors="replace").split(separator) for line in lines if line.strip())


def _is_address_and_words(cells: Sequence[str]) -> bool:
    return (
        len(cells) > 1
        and begins_address(cells[0])
        and all(_WORD.fullmatch(cell) for cell in cells[1:])
        and any(_LETTER.search(cell) for cell in cells[1:])
    )


def begins_address(text: str) -> bool:
    """Tell whether a text is an address as far as it begins."""
    return _ADDRESS.match(text.lstrip()) is not None


def has_space(text: str) -> bool:
    """Tell whether there is white space inside a text."""
    return len(text.split()) > 1
