"""One line of text that a person typed: titles, labels, names."""

from typing import Final

import regex

from models.errors import DomainError, TextTooLongError, ValueInvalidError, ValueRequiredError

# Control characters (PostgreSQL cannot store NUL), lone surrogates, line ends, and the
# marks that turn the direction of the text after them.
_HIDDEN: Final = regex.compile(r"[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]")


def has_hidden(text: str) -> bool:
    """Tell whether a text holds characters that no store or page should get."""
    return not text.isprintable() and _HIDDEN.search(text) is not None


def check_text(text: str | None, *, field: str, length: int, required: bool = False) -> str | None:
    """Return the text without spaces around it, None for an empty one.

    Args:
        text: None is the same as empty.
        field: input field to blame.
        length: most characters it may have.
        required: refuse an empty one.

    Raises:
        ValueRequiredError: empty, though required.
        TextTooLongError: see there.
        ValueInvalidError: holds control characters.
    """
    stripped = (text or "").strip()
    problem: DomainError | None = None
    if not stripped and required:
        problem = ValueRequiredError(path=(field,))
    elif len(stripped) > length:
        problem = TextTooLongError(path=(field,), count=length)
    elif has_hidden(stripped):
        problem = ValueInvalidError(path=(field,), reason="characters")
    if problem is not None:
        raise problem
    return stripped or None


def check_name(name: str, *, length: int) -> str:
    """Return the name of a person or a thing as it is stored: a `name` that must be there.

    Raises:
        ValueRequiredError, TextTooLongError, ValueInvalidError: see check_text.
    """
    return check_text(name, field="name", length=length, required=True) or ""
