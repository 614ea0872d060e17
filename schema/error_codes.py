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
    RATE_LIMITED = "RATE_LIMITED"
    REACH_NOT_HELD = "REACH_NOT_HELD"
    LAST_ADMINISTRATOR = "LAST_ADMINISTRATOR"
    ROLE_BUILT_IN = "ROLE_BUILT_IN"
    ROLE_IN_USE = "ROLE_IN_USE"
    NAME_TAKEN = "NAME_TAKEN"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INVITATION_INVALID = "INVITATION_INVALID"
    USER_ACTIVE = "USER_ACTIVE"
    SESSION_REQUIRED = "SESSION_REQUIRED"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    INSECURE_TRANSPORT = "INSECURE_TRANSPORT"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    PASSWORD_WRONG = "PASSWORD_WRONG"  # noqa: S105 - a code, no password
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    SIGN_UP_CLOSED = "SIGN_UP_CLOSED"
    SECOND_FACTOR_WRONG = "SECOND_FACTOR_WRONG"
    SECOND_FACTOR_UNREADABLE = "SECOND_FACTOR_UNREADABLE"
    TOTP_EXISTS = "TOTP_EXISTS"
    PASSKEY_REFUSED = "PASSKEY_REFUSED"
    PASSKEY_LIMIT = "PASSKEY_LIMIT"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_TYPE = "FILE_TYPE"
    STORAGE_FULL = "STORAGE_FULL"
    TICKET_MOVE_NOT_POSSIBLE = "TICKET_MOVE_NOT_POSSIBLE"
    TICKET_TRANSFER_NOT_POSSIBLE = "TICKET_TRANSFER_NOT_POSSIBLE"
    MESSAGE_SENT = "MESSAGE_SENT"
    CATEGORY_IN_USE = "CATEGORY_IN_USE"


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
        "Nobody can give a scope that they do not have themselves.",
        "Offer only the scopes of `viewer { scopes }`.",
    ),
    ErrorCode.API_KEY_LIMIT: CodeNote(
        "The person has as many working keys as one may have.",
        "Show `viewer { apiKeys }` and offer to revoke one.",
    ),
    ErrorCode.RATE_LIMITED: CodeNote(
        "Too often in a short time; nothing was done, and nothing was looked at.",
        "Show the message, and let the user try again after `retryAfter` seconds.",
        may_retry=True,
    ),
    ErrorCode.REACH_NOT_HELD: CodeNote(
        "Nobody can give, or act with, a reach beyond their own.",
        "Offer only the reaches up to `viewer { reach }`.",
    ),
    ErrorCode.LAST_ADMINISTRATOR: CodeNote(
        "The change would leave no active administrator.",
        "Show the message; somebody else must become an administrator first.",
    ),
    ErrorCode.ROLE_BUILT_IN: CodeNote(
        "Built-in roles are those of the program.", "Offer to make a role of one's own."
    ),
    ErrorCode.ROLE_IN_USE: CodeNote(
        "People or open invitations have the role.",
        "Show the message; list them with `users(role:)` and `invitations`.",
    ),
    ErrorCode.NAME_TAKEN: CodeNote("Another one has the name.", _UNDER_FIELD),
    ErrorCode.EMAIL_TAKEN: CodeNote("Another account has the address.", _UNDER_FIELD),
    ErrorCode.QUOTA_EXCEEDED: CodeNote(
        "The person or the organization has as much as it may.",
        "Show the message, with `used` and `limit`.",
    ),
    ErrorCode.INVITATION_INVALID: CodeNote(
        "The invitation was accepted, was revoked, has expired, or never was.",
        "Tell the visitor to ask for a new one.",
    ),
    ErrorCode.USER_ACTIVE: CodeNote(
        "The data of an active person cannot be erased.", "Offer `userDeactivate` first."
    ),
    ErrorCode.SESSION_REQUIRED: CodeNote(
        "Only a person who is signed in may do it, and no API key.",
        "Hide it from programs.",
    ),
    ErrorCode.STEP_UP_REQUIRED: CodeNote(
        "The action is dangerous, and the last proof of identity is older than ten minutes; or a "
        "password was sent by somebody whose second factor is wanted.",
        "Offer the `ways` of the problem (`sessionRenew`, `passkeyRenewBegin`, the provider), then "
        "send the mutation again.",
    ),
    ErrorCode.INSECURE_TRANSPORT: CodeNote(
        "Nobody signs in over plain http, but on the machine itself.",
        "Show the message; offer the same page by https.",
    ),
    ErrorCode.SIGN_IN_REFUSED: CodeNote(
        "Address and password do not belong together; nobody is told whether there is an account.",
        "Show the message over the form, and offer `passwordResetRequest`.",
    ),
    ErrorCode.SECOND_FACTOR_REQUIRED: CodeNote(
        "The password is right, and a second factor is to come.",
        "Ask for one of `factors`, then call `sessionConfirm` with `token`.",
    ),
    ErrorCode.PASSWORD_WRONG: CodeNote(
        "The present password of the signed-in person is another one.",
        _UNDER_FIELD,
    ),
    ErrorCode.TOKEN_INVALID: CodeNote(
        "The one-time secret was used, has expired, or never was.",
        "Offer the step that sends a new one.",
    ),
    ErrorCode.SIGN_UP_CLOSED: CodeNote(
        "Only people who are invited get an account.",
        "Hide the form: `portal { signUp }` says so beforehand.",
    ),
    ErrorCode.SECOND_FACTOR_WRONG: CodeNote(
        "The code of the app, or from paper, is wrong or was used before.",
        "Show the message under the field, and let the person type the next code.",
    ),
    ErrorCode.SECOND_FACTOR_UNREADABLE: CodeNote(
        "The installation has lost the key to the secret of the person's authenticator app.",
        "Show the message, and offer the other factors, recovery codes first.",
    ),
    ErrorCode.TOTP_EXISTS: CodeNote(
        "The person has an authenticator app already.", "Offer to delete it first."
    ),
    ErrorCode.PASSKEY_REFUSED: CodeNote(
        "The browser's answer about a passkey is not good, or its challenge is over.",
        "Begin anew with `passkeyCreateBegin` or `passkeySignInBegin`.",
    ),
    ErrorCode.PASSKEY_LIMIT: CodeNote(
        "The person has as many passkeys as one may have.",
        "Show `viewer { passkeys }` and offer to delete one.",
    ),
    ErrorCode.FILE_TOO_LARGE: CodeNote(
        "The file is larger than one may be.",
        "Show the message before the file is sent: `portal { maxFileBytes }` says the limit.",
    ),
    ErrorCode.FILE_TYPE: CodeNote(
        "The file is a program, and the installation takes none.",
        "Show the message; an archive with the program in it may be sent.",
    ),
    ErrorCode.STORAGE_FULL: CodeNote(
        "The server's disk has no room for the file.",
        "Show the message; nothing of the file was kept.",
        may_retry=True,
    ),
    ErrorCode.TICKET_MOVE_NOT_POSSIBLE: CodeNote(
        "The ticket's status does not allow the step, or the ticket lacks what the step needs.",
        "Show the message and ask for what `missing` names; load the ticket anew where it names "
        "nothing.",
    ),
    ErrorCode.TICKET_TRANSFER_NOT_POSSIBLE: CodeNote(
        "Some of the tickets cannot be that person's; none of them went.",
        "Show the message, and ask for somebody else.",
    ),
    ErrorCode.MESSAGE_SENT: CodeNote(
        "The time in which the message could be taken back is over.", "Hide the button."
    ),
    ErrorCode.CATEGORY_IN_USE: CodeNote(
        "Categories below it are in use.", "Show those, and offer to archive or move them."
    ),
}
describe_enum(
    ErrorCode,
    {code: note.meaning for code, note in NOTES.items()},
    description="Why something was refused. New codes may be added: keep a default branch.",
)
