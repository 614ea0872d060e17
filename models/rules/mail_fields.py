"""The header of a mail or of one of its parts, as bytes.

Source: RFC 5322 section 2.2, read as widely as mail programs write: any line ends, a
forgotten empty line before the text, a line of a folded header that lost its space.
Nothing here takes more time than the length of what it reads.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.rules.mail_faults import FaultNote, MailFault, note

MAX_HEADER_BYTES: Final = 262_144  # of one header, all fields together; the rest is skipped
MAX_FIELDS: Final = 2_000
MAX_VALUE_BYTES: Final = 32_768  # of one field
_END: Final = re.compile(rb"\r\n\r?\n|\n\r?\n|\r\r(?!\n)")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_LEADING: Final = re.compile(rb"(?:\r\n|\n|\r)*")
_FIELD: Final = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
# A broken line is followed by more of the header only if such a field comes: in a text,
# "Note: please call" looks like a field as well.
_USUAL: Final = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|x-[a-z0-9-]+"
    rb"|reply-to|in-reply-to|references|return-path|dkim-signature|auto-submitted)[ \t]*:",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MailFields:
    """Fields in their order; names in lower case, values unfolded."""

    fields: tuple[tuple[str, bytes], ...] = ()

    def first(self, name: str) -> bytes | None:
        """Return the first value of a field, None without one."""
        return next(self.every(name), None)

    def every(self, name: str) -> Iterator[bytes]:
        """Return all values of a field."""
        return (value for known, value in self.fields if known == name)

    def word(self, name: str) -> str:
        """Return the first value in lower case without comments or parameters, "" if none."""
        value = (self.first(name) or b"").decode("ascii", "replace")
        return re.split(r"[;(]", value, maxsplit=1)[0].strip().lower()

    def __contains__(self, name: object) -> bool:
        return any(known == name for known, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Header:
    """A header that was read, and where the body after it begins."""

    fields: MailFields
    body_start: int
    faults: tuple[FaultNote, ...] = ()


def read_header(raw: bytes, start: int, end: int, *, is_whole_mail: bool = False) -> Header:
    """Read the fields that begin at `start`.

    Args:
        raw: the mail.
        start: of the header.
        end: of the mail or of the part.
        is_whole_mail: empty lines above it are skipped; above a part, one ends its header.
    """
    found_start = _LEADING.match(raw, start, end)
    if found_start is not None and found_start.end() > start:
        if not is_whole_mail:
            first_line = _LINE_END.match(raw, start, end)
            return Header(MailFields(), first_line.end() if first_line else start)
        start = found_start.end()
    found = _END.search(raw, start, end)
    header_end, body_start = (found.start(), found.end()) if found else (end, end)
    bound = min(header_end, start + MAX_HEADER_BYTES)
    reader = _Reader()
    kept = reader.read(raw[start:bound])
    if kept is not None:
        body_start = start + kept
    faults = [note(fault) for fault in sorted(reader.faults)]
    if bound < header_end and kept is None:
        faults.append(note(MailFault.HEADERS_TOO_BIG))
    return Header(MailFields(tuple(reader.done())), body_start, tuple(faults))


class _Reader:
    """Collects fields line by line."""

    def __init__(self) -> None:
        self.faults: set[MailFault] = set()
        self._fields: list[tuple[str, list[bytes]]] = []

    def read(self, block: bytes) -> int | None:
        """Take the lines of a header; return where the text begins if one came too early."""
        place = 0
        lines = block.splitlines(keepends=True)
        last = max((at for at, line in enumerate(lines) if _USUAL.match(line)), default=-1)
        for number, line in enumerate(lines):
            is_kept = self._take(line, is_first=number == 0)
            if not is_kept and number > last:
                return place
            if not is_kept:
                self.faults.add(MailFault.HEADER_LINE_BROKEN)
                self._continue(line)
            place += len(line)
        return None

    def done(self) -> Iterator[tuple[str, bytes]]:
        """Return the fields."""
        for name, lines in self._fields:
            yield name, b" ".join(filter(None, lines))[:MAX_VALUE_BYTES]

    def _take(self, line: bytes, *, is_first: bool) -> bool:
        if line[:1] in b" \t" and self._fields:
            self._continue(line)
            return True
        if is_first and line.startswith((b"From ", b">From ")):  # of a mailbox file
            return True
        found = _FIELD.match(line)
        if found is None:
            return not line.strip() and bool(self._fields)
        if len(self._fields) >= MAX_FIELDS:
            self.faults.add(MailFault.HEADERS_TOO_BIG)
        else:
            name = found[1].decode("ascii").lower()
            self._fields.append((name, [found[2].strip()]))
        return True

    def _continue(self, line: bytes) -> None:
        if self._fields:
            self._fields[-1][1].append(line.strip())
