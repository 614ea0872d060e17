"""What an IMAP server answers, as imaplib hands it over.

Nothing here fails on a line that makes no sense: what can be read is returned. Source: RFC
3501 section 7 (responses), RFC 4551 section 3.5 (what may stand behind the numbers of a search).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, TypeAlias

import regex

from models.rules.imap_words import MONTHS

# A part that ends with a literal comes with that literal, the last part of an answer alone.
Parts: TypeAlias = Sequence[bytes | tuple[bytes, bytes] | None]

_MOST_DIGITS: Final = 20  # of 64 bits
_TOKEN: Final = regex.compile(
    rb'\s*(?:(?P<bracket>[()])|"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<literal>~?\{\d+\+?\})$'
    rb'|(?P<atom>[^\s()"\[]+(?:\[[^\]]*+\](?:<\d+>)?)?)|(?P<junk>.))',
    regex.DOTALL,
)
_MOMENT: Final = regex.compile(
    rb"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)


def fetched(parts: Parts, *, uid: int) -> Mapping[str, bytes]:
    """Return the items that a FETCH told of one message, by their names in capitals.

    What servers tell unasked of other messages, or of this one in further answers, may
    stand among them. `BODY[]<0>` is called `BODY[]`. NIL, and lists such as FLAGS, are left out.

    Args:
        parts: of all answers.
        uid: of the message; answers without a UID belong to nobody.
    """
    found: dict[str, bytes] = {}
    for answer in _answers(parts):
        items = _items(answer)
        if items.get("UID") == b"%d" % uid:
            found |= items
    return found


def searched(lines: Sequence[bytes | None]) -> list[int]:
    """Return the numbers of all lines of a search, in their order and each once."""
    found: set[int] = set()
    for line in lines:
        numbers = (line or b"").partition(b"(")[0].split()
        found.update(number for number in map(_number, numbers) if number is not None)
    return sorted(found)


def number_of(lines: Sequence[bytes | None]) -> int | None:
    """Return the number in the last line, as of UIDVALIDITY; None where there is none."""
    return _number((lines[-1] if lines else None) or b"")


def moment_of(text: bytes) -> datetime | None:
    """Return an INTERNALDATE in UTC; None where it is none."""
    match = _MOMENT.match(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == b"-" else 1)
    try:
        local = datetime(
            int(year),
            MONTHS.index(month.decode("ascii").capitalize()) + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=timezone(ahead),
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else None


def _answers(parts: Parts) -> Iterator[list[tuple[bytes, bytes]]]:
    answer: list[tuple[bytes, bytes]] = []
    for part in parts:
        if isinstance(part, tuple):
            answer.append(part)
        else:
            yield [*answer, (part or b"", b"")]
            answer = []


def _items(answer: Sequence[tuple[bytes, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    depth, name = 0, b""
    for token, value in _tokens(answer):
        if token == b"(":
            depth += 1
        elif token == b")":
            depth -= 1
            name = b"" if depth == 1 else name  # a list was the value of the name before it
        elif depth == 1 and not name:
            name = token
        elif depth == 1:
            if token or value is not None:
                found[_plain(name)] = token if value is None else value
            name = b""
    return found


def _tokens(answer: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield brackets and atoms, and values of strings with an empty token."""
    for text, literal in answer:
        at = 0
        while token := _TOKEN.match(text, at):
            at = token.end()
            if token["junk"]:
                continue
            if token["literal"]:
                yield b"", literal
            elif token["quoted"] is not None:
                yield b"", regex.sub(rb"\\(.)", rb"\1", token["quoted"], flags=regex.DOTALL)
            else:
                is_nothing = token["atom"] is not None and token["atom"].upper() == b"NIL"
                yield (b"" if is_nothing else token["bracket"] or token["atom"]), None


def _plain(name: bytes) -> str:
    return name.partition(b"<")[0].decode("ascii", "replace").upper()
