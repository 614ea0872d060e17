"""The letters we send, and what each of them is told.

The texts are in the catalogues (models/locale), all ids beginning with MAIL_ and the name
of the template:

    MAIL_<NAME>_SUBJECT   the subject
    MAIL_<NAME>_TEXT      the paragraphs, with an empty line between two
    MAIL_<NAME>_ACTION    what the button says; only of templates with a `path`
    MAIL_<NAME>_AFTER     the paragraphs below the button; only of templates with a `path`

Each may use the parameters of its template and `portal`, the portal's name.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# Where the button leads: a path on the portal, "/" first; letters say the whole address.
PATH: Final = "path"
# Moments, as datetime.isoformat() writes an aware one; letters say them in words.
MOMENTS: Final = frozenset({"at", "expires_at"})
# In which zone letters say moments, an IANA name. Every letter may have it.
TIME_ZONE: Final = "time_zone"
# What a browser calls itself (User-Agent); letters name browser and system.
DEVICE: Final = "device"
# Who or what it was, if "" can be given: letters say MAIL_<VALUE>_TITLE for it.
UNKNOWN: Final = MappingProxyType(
    {"address": "UNKNOWN", "device": "UNKNOWN", "organization": "NONE"}
)
# Who invites; for "", somebody without a name of their own, letters say the portal's.
INVITER: Final = "inviter"
# Name of a role; letters say ROLE_<NAME>_TITLE for a built-in one.
ROLE: Final = "role"
# What happened to a second factor: a text MAIL_CHANGE_<VALUE> says it.
CHANGE: Final = "change"


class MailTemplate(StrEnum):
    """Stored by value, never renamed or reused."""

    INVITATION = "INVITATION"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - a name, no password
    SIGN_UP = "SIGN_UP"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a name, no password
    SIGN_IN_NEW_DEVICE = "SIGN_IN_NEW_DEVICE"
    SECOND_FACTOR_CHANGED = "SECOND_FACTOR_CHANGED"
    ACCOUNT_DEACTIVATED = "ACCOUNT_DEACTIVATED"
    EMAIL_TAKEN_NOTICE = "EMAIL_TAKEN_NOTICE"
    EMAIL_CHANGE = "EMAIL_CHANGE"
    EMAIL_CHANGE_TAKEN = "EMAIL_CHANGE_TAKEN"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    TEST = "TEST"


class FactorChange(StrEnum):
    """What `change` of SECOND_FACTOR_CHANGED can be."""

    TOTP_ADDED = "TOTP_ADDED"
    TOTP_REMOVED = "TOTP_REMOVED"
    PASSKEY_ADDED = "PASSKEY_ADDED"
    PASSKEY_REMOVED = "PASSKEY_REMOVED"
    RECOVERY_CODES_RENEWED = "RECOVERY_CODES_RENEWED"
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"
    RESET_BY_ADMINISTRATOR = "RESET_BY_ADMINISTRATOR"


# Names of the parameters, all of which a letter needs. `name` is the reader's, "" if unknown.
PARAMS: Final[Mapping[MailTemplate, frozenset[str]]] = MappingProxyType(
    {
        MailTemplate.INVITATION: frozenset(
            {"inviter", "role", "organization", "path", "expires_at"}
        ),
        MailTemplate.PASSWORD_RESET: frozenset({"name", "path", "expires_at"}),
        MailTemplate.SIGN_UP: frozenset({"path", "expires_at"}),
        MailTemplate.PASSWORD_CHANGED: frozenset({"name", "at", "address"}),
        MailTemplate.SIGN_IN_NEW_DEVICE: frozenset({"name", "at", "address", "device"}),
        MailTemplate.SECOND_FACTOR_CHANGED: frozenset({"name", "at", "change"}),
        MailTemplate.ACCOUNT_DEACTIVATED: frozenset({"name"}),
        MailTemplate.EMAIL_TAKEN_NOTICE: frozenset({"name", "path"}),
        MailTemplate.EMAIL_CHANGE: frozenset({"name", "path", "expires_at"}),
        MailTemplate.EMAIL_CHANGE_TAKEN: frozenset({"name"}),
        MailTemplate.EMAIL_CHANGED: frozenset({"name", "email", "at"}),
        MailTemplate.TEST: frozenset({"at"}),
    }
)
