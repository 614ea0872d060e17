"""Texts of several lines that a person typed: answers, notes, reasons."""

from typing import Final

import regex

from models.errors import TextTooLongError, ValueInvalidError, ValueRequiredError

# As in one line of text, but for the ends of lines and tabs.
_HIDDEN: Final = regex.compile(r"[\p{Cs}\u202a-\u202e\u2066-\u2069]|(?![\n\t])\p{Cc}")
_LINE_END: Final = regex.compile(r"\r\n?|[\u2028\u2029]")


def check_body(text: str | None, *, field: str, length: int, required: bool = True) -> str | None:
    """Return the text with line ends of one kind and nothing empty around it, None for none.

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
    found = _LINE_END.sub("\n", text or "").strip()
    if not found and required:
        raise ValueRequiredError(path=(field,))
    if len(found) > length:
        raise TextTooLongError(path=(field,), count=length)
    if _HIDDEN.search(found):
        raise ValueInvalidError(path=(field,), reason="characters")
    return found or None
