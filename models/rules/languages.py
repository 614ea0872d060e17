"""The language a visitor reads first, out of the Accept-Language header.

Source: RFC 9110 section 12.5.4; RFC 5646 section 2.1 (primary subtag).
"""

import re
from functools import lru_cache
from typing import Final

_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*"
)


@lru_cache(maxsize=16_384)
def first_language(accept_language: bytes) -> str:
    """Return the primary subtag with the highest weight, the first of equals.

    Returns:
        Two or three letters in lower case; "" when the header names no language.
    """
    best, best_weight = "", 0.0
    for part in accept_language.decode("latin-1").split(","):
        found = _RANGE.fullmatch(part)
        weight = float(found[2] or 1) if found else 0.0
        if found and weight > best_weight:
            best, best_weight = found[1].lower(), weight
    return best
