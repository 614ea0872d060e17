"""Pictures inside the text of a mail: which part each "cid:" of its HTML means.

A part is inside only if the text shows it. A picture with an id that nothing shows is an
attachment like any other, since programs give ids to all of them. Source: RFC 2392.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from models.rules.mail_parts import MailPart

_SHOWN: Final = re.compile(r"""\bcid:([^"'<>\s)]{1,300})""", re.IGNORECASE)
_MAX_SHOWN: Final = 5_000


def shown_ids(page: str) -> frozenset[str]:
    """Return the ids that a page shows, in lower case."""
    found: set[str] = set()
    for match in _SHOWN.finditer(page):
        found.add(unquote(html.unescape(match[1])).strip("<>").lower())
        if len(found) >= _MAX_SHOWN:
            break
    return frozenset(found)


def with_inline(parts: Sequence[MailPart], page: str) -> tuple[MailPart, ...]:
    """Return the parts; those that the page shows are marked."""
    shown = shown_ids(page) if page else frozenset[str]()
    return tuple(replace(part, is_inline=part.content_id.lower() in shown) for part in parts)


def picture_places(parts: Sequence[MailPart]) -> Mapping[str, int]:
    """Return for each id in lower case which of the parts it means: the first that has it."""
    places: dict[str, int] = {}
    for place, part in enumerate(parts):
        if part.is_inline:
            places.setdefault(part.content_id.lower(), place)
    return MappingProxyType(places)
