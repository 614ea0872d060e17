"""Lines of a file that can be given back, and records of CSV that begin at one of them.

A record may run over several lines where a value in quotes holds line breaks. A quote
that is never closed must not swallow the rest of the file: a record that has not ended
after 100 lines is given back, but for its first line. Source: RFC 4180.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from models.errors import LineInvalidError

MAX_RECORD_LINES: Final = 100
_BOM: Final = b"\xef\xbb\xbf"


class Lines(Iterator[bytes]):
    """Raw lines without their ends.

    Attributes:
        number: of the line that came last, from 1; 0 before the first.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.number = 0
        self._lines = iter(lines)
        self._ahead: deque[bytes] = deque()

    def __next__(self) -> bytes:
        """Return the next line."""
        line = self._ahead.popleft() if self._ahead else self._read()
        self.number += 1
        return line

    def _read(self) -> bytes:
        line = next(self._lines)
        return (line if self.number else line.removeprefix(_BOM)).rstrip(b"\r\n")

    def give_back(self, lines: Sequence[bytes]) -> None:
        """Let the last lines come once more."""
        self._ahead.extendleft(reversed(lines))
        self.number -= len(lines)


class Record(NamedTuple):
    """One record: its values, and the raw lines it was read from, of which the first was given."""

    cells: Sequence[str]
    lines: Sequence[bytes]


def read_record(first: bytes, rest: Lines, separator: str) -> Record:
    """Read the record that begins with a line; bytes that are no text are U+FFFD in it.

    Raises:
        LineInvalidError: a quote is out of place, or never closed; nothing was taken
            from `rest`.
    """
    taken: list[bytes] = []

    def texts() -> Iterator[str]:
        for line in chain([first], islice(rest, MAX_RECORD_LINES - 1)):
            taken.append(line)
            yield line.decode(errors="replace") + "\n"

    try:
        cells = next(csv.reader(texts(), strict=True, delimiter=separator))
    except csv.Error:
        rest.give_back(taken[1:])
        raise LineInvalidError(reason="quotes") from None
    return Record(cells, taken)
