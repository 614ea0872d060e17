"""Words on tickets: one spelling for each."""

from collections.abc import Iterable
from typing import Final

from models.errors import TextTooLongError, ValueInvalidError
from models.rules.plain_text import has_hidden

MAX_TAG_LENGTH: Final = 64  # characters
MAX_TAGS: Final = 30  # of one ticket


def normal_tag(typed: str) -> str | None:
    """Return how a tag is stored, None for what can be none.

    Capitals, spaces at the ends, and how many stand within, make no difference.
    """
    tag = " ".join(typed.lower().split())
    return tag if 0 < len(tag) <= MAX_TAG_LENGTH and not has_hidden(tag) else None


def check_tags(typed: Iterable[str]) -> tuple[str, ...]:
    """Return different tags in the order of the alphabet; empty ones are left out.

    Raises:
        TextTooLongError: one is too long.
        ValueInvalidError: one has control characters, or there are too many.
    """
    found: set[str] = set()
    for each in typed:
        tag = normal_tag(each)
        if tag is not None:
            found.add(tag)
        elif len(each.strip()) > MAX_TAG_LENGTH:
            raise TextTooLongError(path=("tags",), count=MAX_TAG_LENGTH)
        elif each.strip():
            raise ValueInvalidError(path=("tags",), reason="characters")
    if len(found) > MAX_TAGS:
        raise ValueInvalidError(path=("tags",), reason="tags", maximum=MAX_TAGS)
    return tuple(sorted(found))
