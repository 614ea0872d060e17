"""Addresses that people type into a text as they are: of the web, and of mail."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import regex

from models.rules.safe_html import safe_link

_BARE: Final = regex.compile(
    r"""(?<![\w.+-])(?:https?://[^\s<>"|`]++|[\w.+-]++@[\w-]++(?:\.[\w-]++)++)""",
    regex.IGNORECASE,
)
_BEHIND: Final = ".,;:!?*_~'»”’…"  # belongs to the sentence, not to the address
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_MAX_LENGTH: Final = 2_000


class Piece(NamedTuple):
    """A part of a text; `link` is None where it is no address."""

    text: str
    link: str | None


def pieces(text: str) -> Iterator[Piece]:
    """Yield the whole text in parts, those that are addresses with what they lead to."""
    at = 0
    for found in _BARE.finditer(text):
        said = _without_sentence(found[0])
        link = safe_link(said if "://" in said else f"mailto:{said}")
        if link is None or len(said) > _MAX_LENGTH:
            continue
        if found.start() > at:
            yield Piece(text[at : found.start()], None)
        yield Piece(said, link)
        at = found.start() + len(said)
    if at < len(text):
        yield Piece(text[at:], None)


def _without_sentence(said: str) -> str:
    """Return an address without the marks that end its sentence; pairs of brackets stay."""
    opened = {mark: said.count(mark) for pair in _PAIRS.items() for mark in pair}
    end = len(said)
    while end:
        last = said[end - 1]
        if last in _PAIRS and opened[last] > opened[_PAIRS[last]]:
            opened[last] -= 1
        elif last not in _BEHIND:
            break
        end -= 1
    return said[:end]
