"""Where a signature begins at the end of what somebody wrote.

Three ways are known: the two dashes of plain mail (RFC 3676 section 4.3), the line that a
phone adds, and the words of leave-taking in Russian and in English with a few short lines
after them. Whatever is longer or asks something is text.
"""

import re
from collections.abc import Sequence
from typing import Final

_MOST_AFTER_DASHES: Final = 20  # lines
_MOST_AFTER_LEAVE: Final = 10  # lines that are not empty
_MAX_LINE: Final = 120  # characters
_DASHES: Final = re.compile(r"(?:--|—|__)[ \u00a0]?\s*")
_PHONE: Final = re.compile(
    r"(?:sent (?:from|via|with) \S.{0,60}|get outlook for .{1,80}"
    r"|отправлено (?:с|из|через) .{1,60}|отправлено мобильной .{1,60}|послано с .{1,60}"
    r"|(?:получите|скачать|скачайте|загрузите) outlook (?:для|на) .{1,80})",
    re.IGNORECASE,
)
_LEAVE: Final = re.compile(
    r"(?:с (?:глубоким |искренним |большим )?уважением|с наилучшими пожеланиями"
    r"|всего (?:наи)?(?:доброго|лучшего)|всех благ|best wishes|cheers"
    r"|(?:(?:kind|best|warm|with best|with kind) )?regards"
    r"|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly))"
    r"\s*[,.!]?\s*(?:\S.{0,60})?",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(r"\?|\bпросим\b|\bпрошу\b|\bplease\b", re.IGNORECASE)


def signature_start(lines: Sequence[str], *, may_be_all: bool = False) -> int:
    """Return the index of the first line of the signature, len(lines) if there is none.

    Args:
        lines: of a text, or of what stands below a quotation.
        may_be_all: whether nothing but a signature may be there.
    """
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = _dashes(lines, end)
    if start == end:
        phone = end - 1 if end and _is(_PHONE, lines[end - 1]) else end
        start = _leave(lines, phone)
    if start == end:
        return len(lines)
    while start > 0 and not lines[start - 1].strip():
        start -= 1
    return start if may_be_all or any(line.strip() for line in lines[:start]) else len(lines)


def _dashes(lines: Sequence[str], end: int) -> int:
    """Return where the two dashes are, `end` if nowhere near it."""
    for start in range(end - 2, max(-1, end - 2 - _MOST_AFTER_DASHES), -1):
        if _DASHES.fullmatch(lines[start].rstrip("\r\n")):
            return start
    return end


def _leave(lines: Sequence[str], end: int) -> int:
    """Return where leave is taken, `end` if it is not."""
    filled = 0
    for start in range(end - 1, -1, -1):
        line = lines[start].strip()
        if _is(_LEAVE, line):
            return start
        filled += bool(line)
        if filled > _MOST_AFTER_LEAVE or len(line) > _MAX_LINE or _ASKS.search(line):
            return end
    return end


def _is(pattern: re.Pattern[str], line: str) -> bool:
    return len(line) <= _MAX_LINE and pattern.fullmatch(line.strip()) is not None
