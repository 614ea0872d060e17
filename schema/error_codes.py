"""The closed catalogue of reasons; frontend_contract/errors.md has an entry for each."""

from enum import StrEnum
from typing import Final

from schema.enums import describe_enum


class ErrorCode(StrEnum):
    """The `code` of every DomainError. Never renamed or reused."""

    INVALID_VALUE = "INVALID_VALUE"
    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    URL_NOT_ALLOWED = "URL_NOT_ALLOWED"
    URL_LOOP = "URL_LOOP"
    SLUG_INVALID = "SLUG_INVALID"
    SLUG_RESERVED = "SLUG_RESERVED"
    SLUG_TAKEN = "SLUG_TAKEN"
    DOMAIN_UNKNOWN = "DOMAIN_UNKNOWN"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    CONFLICT = "CONFLICT"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SCOPE_NOT_HELD = "SCOPE_NOT_HELD"
    CURSOR_INVALID = "CURSOR_INVALID"


SENTENCES: Final = {
    ErrorCode.INVALID_VALUE: "The value cannot mean anything here, or several fields are wrong.",
    ErrorCode.REQUIRED: "The field must say something.",
    ErrorCode.TOO_LONG: "The text is longer than the field may be.",
    ErrorCode.URL_NOT_ALLOWED: "Links do not lead to addresses of this kind.",
    ErrorCode.URL_LOOP: "The address leads back to this installation.",
    ErrorCode.SLUG_INVALID: "The slug has characters that a slug cannot have.",
    ErrorCode.SLUG_RESERVED: "The slug is the name of one of the portal's own paths.",
    ErrorCode.SLUG_TAKEN: "Another link of the domain holds the slug, or held it.",
    ErrorCode.DOMAIN_UNKNOWN: "The installation serves no such domain.",
    ErrorCode.EMAIL_TAKEN: "Another account has the address.",
    ErrorCode.CONFLICT: "Someone saved first.",
    ErrorCode.REQUEST_ID_REUSED: "The request id came before with another input.",
    ErrorCode.NOT_FOUND: "The object is absent, or not yours: both look the same.",
    ErrorCode.FORBIDDEN: "The key lacks a scope.",
    ErrorCode.SCOPE_NOT_HELD: "A key cannot be given a scope that its owner does not have.",
    ErrorCode.CURSOR_INVALID: "The cursor is not of this list in this order.",
}
describe_enum(
    ErrorCode,
    SENTENCES,
    description="Why something was refused. New codes may be added: keep a default branch.",
)
