"""What may be a password: long enough, and nothing that is tried first.

Source: NIST SP 800-63B section 5.1.1.2: length and a list of common ones, no rules
about kinds of characters, and one normal form (NFKC) for what keyboards spell differently.
"""

import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from models.errors import ValueInvalidError, ValueRequiredError

MIN_PASSWORD_LENGTH: Final = 8  # characters in the normal form
MAX_PASSWORD_LENGTH: Final = 128
MAX_TYPED_LENGTH: Final = 1024  # characters that are looked at in any form
_LIST: Final = Path(__file__).with_name("common_passwords.txt")
_MIN_DIFFERENT: Final = 3  # of fewer different characters nothing is hard to guess


def normal_password(password: str) -> str:
    """Return the form that is measured and hashed."""
    return unicodedata.normalize("NFKC", password)


def may_be_password(password: str) -> bool:
    """Tell whether it is worth a hash: nothing longer was ever stored."""
    return 0 < len(password) <= MAX_TYPED_LENGTH


def check_password(password: str, *, field: str, own_words: Iterable[str] = ()) -> str:
    """Return the password unchanged, or say why it cannot be one.

    Args:
        password: as it was typed.
        field: of the input, for the path of the refusal.
        own_words: what anybody would try for this person: address, name.

    Raises:
        ValueRequiredError: it is empty.
        ValueInvalidError: `password_short`, `password_long`, `password_common`,
            `password_own`.
    """
    if not password:
        raise ValueRequiredError(path=(field,))
    if len(password) > MAX_TYPED_LENGTH:
        raise ValueInvalidError(path=(field,), reason="password_long", count=MAX_PASSWORD_LENGTH)
    normal = normal_password(password)
    if len(normal) < MIN_PASSWORD_LENGTH:
        raise ValueInvalidError(path=(field,), reason="password_short", count=MIN_PASSWORD_LENGTH)
    if len(normal) > MAX_PASSWORD_LENGTH:
        raise ValueInvalidError(path=(field,), reason="password_long", count=MAX_PASSWORD_LENGTH)
    folded = normal.casefold()
    if folded in _COMMON or len(set(folded)) < _MIN_DIFFERENT or _is_run(folded):
        raise ValueInvalidError(path=(field,), reason="password_common")
    if folded in _spellings(own_words):
        raise ValueInvalidError(path=(field,), reason="password_own")
    return password


def _is_run(text: str) -> bool:
    """Tell whether each character follows the one before it: 23456789, hgfedcba."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def _spellings(words: Iterable[str]) -> set[str]:
    """Return the words, their parts, and each without its spaces, in the form that is compared."""
    whole = [normal_password(word).casefold().strip() for word in words]
    parts = [part for word in whole for part in word.replace("@", " ").split()]
    return {*whole, *parts, *(word.replace(" ", "") for word in whole)}


_COMMON: Final = frozenset(_LIST.read_text(encoding="utf-8").split())
