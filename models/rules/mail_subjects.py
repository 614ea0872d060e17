"""Subjects: marks of answering and forwarding, and the number of a ticket in brackets.

Programs add "Re:" in their own language, with counters, again and again; one is kept.
"""

import re
from dataclasses import dataclass
from typing import Final

from models.rules.encoded_words import one_line

MAX_SUBJECT_LENGTH: Final = 250  # characters of ours, with mark and tag
_MOST_MARKS: Final = 20
_REPLY: Final = r"re|aw|sv|antw|odp|vs|отв|ответ|на|rif|回复|答复"
_FORWARD: Final = r"fwd|fw|wg|tr|rv|пересл|пер|перенапр|пд|переслать|转发"
_MARK: Final = re.compile(
    rf"\s*(?:(?P<reply>{_REPLY})|(?P<forward>{_FORWARD}))(?:\[\d{{1,3}}\]|\(\d{{1,3}}\)|\d{{0,2}})?"
    r"\s?[:：]\s*",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"\s*\[#([0-9]{1,18})\]")
_MAX_TAGS: Final = 5


@dataclass(frozen=True, slots=True)
class MailSubject:
    """A subject taken apart.

    Attributes:
        plain: without marks and tags, one line; "" if nothing is left.
        is_reply: it had a mark of answering.
        is_forward: the first of its marks says that the mail forwards another.
        numbers: of tickets it names, in their order. Anyone can write one.
    """

    plain: str
    is_reply: bool
    is_forward: bool
    numbers: tuple[int, ...]


def read_subject(subject: str) -> MailSubject:
    """Take a subject apart."""
    line = one_line(subject)
    numbers = tuple(dict.fromkeys(int(found) for found in _TAG.findall(line)))
    rest = _TAG.sub(" ", line)
    marks: list[bool] = []
    while len(marks) < _MOST_MARKS and (found := _MARK.match(rest)):
        marks.append(found["forward"] is not None)
        rest = rest[found.end() :]
    return MailSubject(
        plain=" ".join(rest.split()),
        is_reply=False in marks,
        is_forward=bool(marks) and marks[0],
        numbers=numbers[:_MAX_TAGS],
    )


def answer_subject(subject: str, *, number: int) -> str:
    """Return the subject of an answer: "Re:" once, and the number of the ticket at its end."""
    return _tagged(f"Re: {read_subject(subject).plain}".strip(), number)


def notice_subject(subject: str, *, number: int) -> str:
    """Return the subject of a mail that answers none: the number at its end."""
    return _tagged(read_subject(subject).plain, number)


def _tagged(subject: str, number: int) -> str:
    tag = f"[#{number}]"
    room = MAX_SUBJECT_LENGTH - len(tag) - 1
    kept = subject if len(subject) <= room else f"{subject[: room - 1].rstrip()}…"
    return f"{kept} {tag}".strip()
