"""Plain text of mails as Markdown that shows exactly this text: nobody formats by accident.

Quotation marks at the beginning of lines are kept as what they are, quotations.
Source: CommonMark 0.31, sections 2.4 (backslash escapes) and 5.1 (block quotes).
"""

import re
from collections.abc import Iterator
from typing import Final

_INLINE: Final = re.compile(r"([\\`*_\[\]<>&~!|])")
_FIRST: Final = re.compile(r"([#+=:-])|(\d{1,9})([.)])")
_QUOTE: Final = re.compile(r"(?:>[ \u00a0]?){1,20}")
_ELLIPSIS: Final = "…"


def as_markdown(text: str, *, length: int) -> str:
    """Return Markdown of at most `length` characters; a longer text ends with an ellipsis.

    Args:
        text: of several lines, as models.rules.visible_text leaves it.
        length: 10 or more.
    """
    lines: list[str] = []
    room = length - 2
    for line in _lines(text.strip("\n")):
        if len(line) + 1 > room:
            lines.extend(("", _ELLIPSIS) if room > 1 else (_ELLIPSIS,))
            break
        lines.append(line)
        room -= len(line) + 1
    return "\n".join(lines)


def _lines(text: str) -> Iterator[str]:
    depth = 0
    for line in text.split("\n"):
        quote = _QUOTE.match(line)
        marks = quote[0].count(">") if quote else 0
        if marks < depth and line.strip():
            yield ""  # else a line without a mark would go on with the quotation
        depth = marks
        said = _escaped(line[quote.end() :] if quote else line)
        yield f"{'>' * marks} {said}".rstrip() if marks else said


def _escaped(line: str) -> str:
    """Escape what Markdown would read as its own; spaces before the text stay spaces."""
    plain = line.lstrip(" \t")
    indent = line[: len(line) - len(plain)].replace("\t", "    ")
    said = _INLINE.sub(r"\\\1", plain.rstrip())
    first = _FIRST.match(said)
    if first is not None:
        number = first[2] or ""
        said = f"{number}\\{said[len(number) :]}"
    return "\u00a0" * len(indent) + said
