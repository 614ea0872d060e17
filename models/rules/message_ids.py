"""Ids of messages in headers: Message-ID, In-Reply-To, References.

Source: RFC 5322 section 3.6.4. Ids are kept without brackets. Programs write them without
brackets, without @, with words around them, or a hundred times; all of that is read.
"""

import re
from collections.abc import Iterable
from typing import Final

MAX_IDS: Final = 100  # of one header: the first ten, and the last ones
_KEPT_FIRST: Final = 10
MAX_ID_LENGTH: Final = 300  # characters; ours have 80
_BRACKETED: Final = re.compile(r"<\s*([^<>\s]{1,1000}?)\s*>")
_BARE: Final = re.compile(r"[^\s<>\"(),;]{1,1000}@[^\s<>\"(),;]{1,1000}")
_PRINTABLE: Final = re.compile(r"[!-~]+")


def read_ids(values: Iterable[bytes]) -> tuple[str, ...]:
    """Return the ids in their order, each once; those that no header could hold are left out."""
    found: dict[str, None] = {}
    for value in values:
        text = value.decode("ascii", "replace")
        ids = _BRACKETED.findall(text) or _BARE.findall(text)
        for candidate in ids:
            if len(candidate) <= MAX_ID_LENGTH and _PRINTABLE.fullmatch(candidate):
                found.setdefault(candidate, None)
    ids = list(found)
    if len(ids) > MAX_IDS:
        ids = ids[:_KEPT_FIRST] + ids[_KEPT_FIRST - MAX_IDS :]
    return tuple(ids)
