"""What is new in an answer, apart from what it quotes and from the signature.

Nothing is thrown away: the sections of a text are the text. When in doubt, all of it is
new: answers between the lines of a quotation, forwarded mail, copies of headers in a mail
that answers nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.rules.mail_signatures import signature_start
from models.rules.reply_marks import (
    Attribution,
    attribution_ending_at,
    has_headers_at,
    is_forward_mark,
    is_original_mark,
    is_quoted,
    is_rule,
)


class SectionKind(StrEnum):
    """Whose words a section has."""

    NEW = "NEW"
    QUOTED = "QUOTED"
    SIGNATURE = "SIGNATURE"


@dataclass(frozen=True, slots=True)
class Section:
    """Some lines of a mail, with their ends."""

    kind: SectionKind
    text: str


@dataclass(frozen=True, slots=True)
class TrimmedReply:
    """A text in sections, in their order; together they are the text."""

    sections: tuple[Section, ...]

    @property
    def new(self) -> str:
        """What the sender wrote this time."""
        parts = (part.text for part in self.sections if part.kind is SectionKind.NEW)
        return "\n".join(filter(None, (part.strip("\r\n") for part in parts))).strip()

    @property
    def is_cut(self) -> bool:
        """Whether there is more to see than `new`."""
        return any(part.kind is not SectionKind.NEW for part in self.sections)


@dataclass(frozen=True, slots=True)
class _Quote:
    """Lines from `start` up to `end` are what is answered."""

    start: int
    end: int


def trim_reply(text: str, *, is_reply: bool, is_forward: bool = False) -> TrimmedReply:
    """Take a mail apart.

    Args:
        text: plain text, or what models.rules.html_text made of HTML.
        is_reply: headers or subject say that it answers a mail.
        is_forward: the subject says that it forwards one: all of it is kept.
    """
    lines = text.splitlines(keepends=True)
    quote = None if is_forward else _quote(lines, is_reply=is_reply)
    if quote is None:
        is_whole = is_forward or any(map(is_forward_mark, lines))
        cut = len(lines) if is_whole else signature_start(lines)
        return _joined([(SectionKind.NEW, lines[:cut]), (SectionKind.SIGNATURE, lines[cut:])])
    trimmed = _sections(lines, quote)
    return trimmed if trimmed.new else _joined([(SectionKind.NEW, lines)])


def _sections(lines: Sequence[str], quote: _Quote) -> TrimmedReply:
    before, after = lines[: quote.start], lines[quote.end :]
    below = signature_start(after, may_be_all=_has_text(before))
    above = len(before) if _has_text(after[:below]) else signature_start(before)
    return _joined(
        [
            (SectionKind.NEW, before[:above]),
            (SectionKind.SIGNATURE, before[above:]),
            (SectionKind.QUOTED, lines[quote.start : quote.end]),
            (SectionKind.NEW, after[:below]),
            (SectionKind.SIGNATURE, after[below:]),
        ]
    )


def _joined(parts: Sequence[tuple[SectionKind, Sequence[str]]]) -> TrimmedReply:
    return TrimmedReply(tuple(Section(kind, "".join(part)) for kind, part in parts if part))


def _has_text(lines: Sequence[str]) -> bool:
    return any(line.strip() for line in lines)


def _quote(lines: Sequence[str], *, is_reply: bool) -> _Quote | None:
    """Find what is answered; None when all may be new."""
    for place, line in enumerate(lines):
        if is_forward_mark(line):
            return None
        if is_quoted(line):
            return _unattributed(lines, place) if is_reply else None
        if is_original_mark(line):
            return _Quote(place, len(lines)) if is_reply else None
        if has_headers_at(lines, place):
            return _Quote(_rule_above(lines, place), len(lines)) if is_reply else None
        found = attribution_ending_at(lines, place)
        if found is not None:
            quote = _attributed(lines, found, after=place + 1, is_reply=is_reply)
            if quote is not None:
                return quote
    return None


def _rule_above(lines: Sequence[str], start: int) -> int:
    above = start
    while above and not lines[above - 1].strip():
        above -= 1
    return above - 1 if above and is_rule(lines[above - 1]) else start


def _attributed(
    lines: Sequence[str], found: Attribution, *, after: int, is_reply: bool
) -> _Quote | None:
    first = next((at for at in range(after, len(lines)) if lines[at].strip()), None)
    if first is not None and is_quoted(lines[first]):
        return _run(lines, found.start, first)
    is_original = found.is_sure and is_reply and _has_text(lines[: found.start])
    return _Quote(found.start, len(lines)) if is_original else None


def _unattributed(lines: Sequence[str], first: int) -> _Quote | None:
    """Take a quotation above or below all of the text; one in its middle belongs to it."""
    quote = _run(lines, first, first)
    if quote is None or not _has_text(lines[:first]):
        return quote
    after = lines[quote.end :]
    return None if _has_text(after[: signature_start(after, may_be_all=True)]) else quote


def _run(lines: Sequence[str], start: int, first: int) -> _Quote | None:
    """Take one run of quoted lines; with more of them, the answers stand between."""
    end = first
    for place in range(first, len(lines)):
        if is_quoted(lines[place]):
            end = place + 1
        elif lines[place].strip():
            break
    if any(map(is_quoted, lines[end:])):
        return None
    return _Quote(start, end)
