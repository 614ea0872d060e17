"""The closed catalogue of reasons; frontend_contract/errors.md has an entry for each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schema.enums import describe_enum


class ErrorCode(StrEnum):
    """The `code` of every DomainError that a mutation can answer. Never renamed or reused."""

    INVALID_VALUE = "INVALID_VALUE"
    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    URL_NOT_ALLOWED = "URL_NOT_ALLOWED"
    URL_LOOP = "URL_LOOP"
    SLUG_INVALID = "SLUG_INVALID"
    SLUG_RESERVED = "SLUG_RESERVED"
    SLUG_TAKEN = "SLUG_TAKEN"
    DOMAIN_UNKNOWN = "DOMAIN_UNKNOWN"
    CONFLICT = "CONFLICT"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    REQUEST_UNDONE = "REQUEST_UNDONE"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SCOPE_NOT_HELD = "SCOPE_NOT_HELD"
    API_KEY_LIMIT = "API_KEY_LIMIT"


@dataclass(frozen=True, slots=True)
class CodeNote:
    """What a front end should know of a code.

    Attributes:
        meaning: one sentence, also the description in the SDL.
        action: what a user interface should do.
        may_retry: the same request may succeed later without anything changed in it.
    """

    meaning: str
    action: str
    may_retry: bool = False


_UNDER_FIELD: Final = "Show the message under the field at `path`."
NOTES: Final = {
    ErrorCode.INVALID_VALUE: CodeNote(
        "The value cannot mean anything here, or several fields are wrong.",
        "Show each message of `fieldProblems` under its field.",
    ),
    ErrorCode.REQUIRED: CodeNote("The field must say something.", _UNDER_FIELD),
    ErrorCode.TOO_LONG: CodeNote("The text is longer than the field may be.", _UNDER_FIELD),
    ErrorCode.URL_NOT_ALLOWED: CodeNote(
        "Links do not lead to addresses of this kind.", _UNDER_FIELD
    ),
    ErrorCode.URL_LOOP: CodeNote("The address leads back to this installation.", _UNDER_FIELD),
    ErrorCode.SLUG_INVALID: CodeNote(
        "The slug has characters that a slug cannot have.", _UNDER_FIELD
    ),
    ErrorCode.SLUG_RESERVED: CodeNote(
        "The slug is the name of one of the portal's own paths.", _UNDER_FIELD
    ),
    ErrorCode.SLUG_TAKEN: CodeNote(
        "Another link of the domain holds the slug, or held it.",
        "Offer `suggestions` as buttons under the field.",
    ),
    ErrorCode.DOMAIN_UNKNOWN: CodeNote(
        "The installation serves no such domain.", "Load `portal { shortDomains }` anew."
    ),
    ErrorCode.CONFLICT: CodeNote(
        "Someone saved first.",
        "Load the object anew, show both versions, and send `currentRevision` if the user insists.",
    ),
    ErrorCode.REQUEST_ID_REUSED: CodeNote(
        "The request id came before with another input.",
        "A mistake of the program: make a new request id for every new intention.",
    ),
    ErrorCode.REQUEST_UNDONE: CodeNote(
        "The request id came before with the same input, and what it made was deleted since.",
        "Show the message; make a new request id if the user still wants it.",
    ),
    ErrorCode.NOT_FOUND: CodeNote(
        "The object is absent, or not yours: both look the same.",
        "Take it out of the list and say that it is gone.",
    ),
    ErrorCode.FORBIDDEN: CodeNote(
        "The key lacks a scope.", "Hide what needs the scope, or ask for a key that has it."
    ),
    ErrorCode.SCOPE_NOT_HELD: CodeNote(
        "A key cannot be given a scope that its owner does not have.",
        "Offer only the scopes of `viewer { scopes }`.",
    ),
    ErrorCode.API_KEY_LIMIT: CodeNote(
        "The person has as many working keys as one may have.",
        "Show `viewer { apiKeys }` and offer to revoke one.",
    ),
}
describe_enum(
    ErrorCode,
    {code: note.meaning for code, note in NOTES.items()},
    description="Why something was refused. New codes may be added: keep a default branch.",
)
