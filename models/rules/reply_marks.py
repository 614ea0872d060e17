"""Where the mail that is answered begins in an answer, as mail programs mark it.

Three marks are known, in Russian and in English: a line that says who wrote when, over
what is quoted ("14 мая 2024 г., в 10:20, Иван <ivan@a.test> написал(а):"), a copy of the
headers ("From:", "Sent:", "To:", "Subject:"), and a line of dashes with words in it. The
patterns name what all programs have in common, since each version words them anew.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_MAX_LINES: Final = 4  # that such a line is wrapped to
_MAX_LENGTH: Final = 400  # characters
_HEADER_LINES: Final = 15  # that a copy of headers has at most
_ENOUGH_FIELDS: Final = 3
_MONTHS: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|ма[йя]|июн|июл|авг"
    r"|сен|окт|ноя|дек)[a-zа-яё]*\.?"
)
_DATE: Final = re.compile(
    rf"\b\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d\d){{1,2}}\b|\b\d{{4}}[./-]\d\d?[./-]\d\d?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?[ \u00a0-]{_MONTHS},?[ \u00a0-](?:\d\d){{1,2}}\b"
    rf"|\b{_MONTHS}[ \u00a0]\d{{1,2}}(?:st|nd|rd|th)?,?[ \u00a0](?:\d\d){{1,2}}\b",
    re.IGNORECASE,
)
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|писали?|писала|писал\(а\)|написали?|написала|написал\(а\)|пишет)\b",
    re.IGNORECASE,
)
_SAYS: Final = re.compile(
    r"(?:wrote|writes|пишет|писали?|писала|писал\(а\)|написали?|написала|написал\(а\))\s*:\Z",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"[^\s<>\[\]()\"]{1,100}@[^\s<>\[\]()\"]{1,100}")
_OPENING: Final = re.compile(r"(?:on|am|le|в|во)\b|(?:mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)
_DASHES: Final = r"[-_=—*]{3,}"
_ORIGINAL: Final = re.compile(
    rf"\s*{_DASHES}\s*(?:original (?:message|appointment)|reply message|исходное сообщение"
    rf"|исходное письмо|оригинальное сообщение|оригинал сообщения)\s*(?:{_DASHES})?\s*",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"\s*(?:_{10,}|-{3,})\s*")
_FORWARDED: Final = re.compile(
    rf"\s*(?:{_DASHES}\s*)?(?:forwarded message|begin forwarded message|forwarded by [^:]{{1,80}}"
    rf"|пересылаемое сообщение|пересланное сообщение|пересылаемое письмо|переадресованное сообщение"
    rf"|перенаправленное сообщение|начало переадресованного сообщения"
    rf"|начало пересылаемого сообщения)\s*(?::|{_DASHES})\s*",
    re.IGNORECASE,
)
_FIELD: Final = re.compile(
    r"\s{0,3}[*_]{0,2}([A-Za-zА-Яа-яЁё -]{1,20}?)[*_]{0,2}\s?:[*_]{0,2}(?:\s|\Z)"
)
_FIELDS: Final = {
    "from": "from|от|от кого|отправитель|sender",
    "date": "sent|date|отправлено|дата|sent on|дата отправки",
    "to": "to|кому|получатель|recipient",
    "cc": "cc|копия|bcc",
    "subject": "subject|тема",
}
_KINDS: Final = {label: kind for kind, labels in _FIELDS.items() for label in labels.split("|")}
_QUOTED: Final = re.compile(r"\s{0,3}[A-ZА-ЯЁ]{0,2}>")  # The Bat! puts initials first


def is_quoted(line: str) -> bool:
    """Tell whether a line is marked as somebody else's."""
    return _QUOTED.match(line) is not None


def is_forward_mark(line: str) -> bool:
    """Tell whether a line says that a forwarded mail follows."""
    return len(line) <= _MAX_LENGTH and _FORWARDED.fullmatch(line) is not None


def is_original_mark(line: str) -> bool:
    """Tell whether a line of dashes says that the mail follows that is answered."""
    return len(line) <= _MAX_LENGTH and _ORIGINAL.fullmatch(line) is not None


def is_rule(line: str) -> bool:
    """Tell whether a line is the rule that Outlook draws above the headers."""
    return len(line) <= _MAX_LENGTH and _RULE.fullmatch(line) is not None


class Attribution(NamedTuple):
    """The lines that say who wrote when.

    Attributes:
        start: index of the first of them.
        is_sure: they have date and address, as only programs write them.
    """

    start: int
    is_sure: bool


def attribution_ending_at(lines: Sequence[str], end: int) -> Attribution | None:
    """Return the attribution whose last line is at `end`, None if there is none."""
    if len(lines[end]) > _MAX_LENGTH or not lines[end].rstrip().endswith(":"):
        return None
    joined = ""
    for start in range(end, max(-1, end - _MAX_LINES), -1):
        line = lines[start].strip()
        if not line or is_quoted(line) or len(joined) + len(line) > _MAX_LENGTH:
            break
        joined = f"{line} {joined}".strip()
        has_address = _ADDRESS.search(joined) is not None
        if _DATE.search(joined) and (has_address or _WROTE.search(joined)):
            return Attribution(_opened(lines, start), has_address)
    return Attribution(end, is_sure=False) if _SAYS.search(lines[end].rstrip()) else None


def _opened(lines: Sequence[str], start: int) -> int:
    """Return the line before if the first words were wrapped to it: "On Tuesday,"."""
    before = lines[start - 1].strip() if start else ""
    is_part = before.endswith(",") and len(before) <= 20 and _OPENING.match(before)  # noqa: PLR2004
    return start - 1 if is_part else start


def has_headers_at(lines: Sequence[str], start: int) -> bool:
    """Tell whether a copy of headers begins here, with the sender as its first or second."""
    kind = _kind(lines[start])
    if kind not in {"from", "date"}:
        return False
    kinds = {kind}
    for line in lines[start + 1 : start + _HEADER_LINES]:
        found = _kind(line)
        if found is None and not line.strip() and len(kinds) > 1:
            break
        if found is not None:
            kinds.add(found)
    return "from" in kinds and len(kinds) >= _ENOUGH_FIELDS


def _kind(line: str) -> str | None:
    found = _FIELD.match(line)
    return None if found is None else _KINDS.get(found[1].strip().lower())
