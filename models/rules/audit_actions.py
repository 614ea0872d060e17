"""What the audit log tells of: noun and verb. Names are stored, never renamed or reused."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, cast

MASK: Final = "***"
_SECRETS: Final = frozenset({"password", "secret", "token", "code", "recovery_codes"})


class AuditAction(StrEnum):
    """Stored by value."""

    LINK_CREATE = "link.create"
    LINK_UPDATE = "link.update"
    LINK_DELETE = "link.delete"
    LINK_IMPORT = "link.import"
    LINK_TITLE_FETCH = "link.title_fetch"
    API_KEY_CREATE = "api_key.create"
    API_KEY_REVOKE = "api_key.revoke"
    USER_CREATE = "user.create"
    USER_RESET = "user.reset"
    USER_UPDATE = "user.update"
    USER_DEACTIVATE = "user.deactivate"
    USER_ACTIVATE = "user.activate"
    USER_ERASE = "user.erase"
    USER_EXPORT = "user.export"
    USER_LINKS_TRANSFER = "user.links_transfer"
    USER_TICKETS_TRANSFER = "user.tickets_transfer"
    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_UPDATE = "organization.update"
    ORGANIZATION_DEACTIVATE = "organization.deactivate"
    ORGANIZATION_ACTIVATE = "organization.activate"
    ROLE_CREATE = "role.create"
    ROLE_UPDATE = "role.update"
    ROLE_DELETE = "role.delete"
    INVITATION_CREATE = "invitation.create"
    INVITATION_RESEND = "invitation.resend"
    INVITATION_REVOKE = "invitation.revoke"
    INVITATION_ACCEPT = "invitation.accept"
    SESSION_CREATE = "session.create"
    SESSION_RENEW = "session.renew"
    SESSION_DELETE = "session.delete"
    SESSION_REVOKE = "session.revoke"
    SIGN_IN_REFUSE = "user.sign_in_refuse"
    PASSWORD_CHANGE = "user.password_change"  # noqa: S105 - a name, no password
    PASSWORD_RESET_REQUEST = "user.password_reset_request"  # noqa: S105
    PASSWORD_RESET = "user.password_reset"  # noqa: S105
    EMAIL_CHANGE_REQUEST = "user.email_change_request"
    EMAIL_CHANGE = "user.email_change"
    SIGN_UP_REQUEST = "user.sign_up_request"
    SIGN_UP = "user.sign_up"
    TOTP_CREATE = "totp.create"
    TOTP_CONFIRM = "totp.confirm"
    TOTP_DELETE = "totp.delete"
    RECOVERY_CODE_CREATE = "user.recovery_codes_create"
    RECOVERY_CODE_USE = "user.recovery_code_use"
    SECOND_FACTOR_REFUSE = "user.second_factor_refuse"
    SECOND_FACTOR_RESET = "user.second_factor_reset"
    TOKEN_REFUSE = "one_time_token.refuse"  # noqa: S105 - a name
    PASSKEY_CREATE = "passkey.create"
    PASSKEY_DELETE = "passkey.delete"
    PASSKEY_REFUSE = "passkey.refuse"
    IDENTITY_CREATE = "identity.create"
    IDENTITY_REFUSE = "identity.refuse"
    MAIL_RETRY = "mail.retry"
    MAIL_TEST = "mail.test"
    DOMAIN_CREATE = "domain.create"
    DOMAIN_RENAME = "domain.rename"
    AUDIT_CUT = "audit.cut"
    SECRET_RESEAL = "secret.reseal"  # noqa: S105 - a name
    INSTALLATION_CREATE = "installation.create"
    FILE_CREATE = "stored_file.create"
    FILE_DELETE = "stored_file.delete"
    FILE_FETCH = "stored_file.fetch"
    FILE_INFECTED = "stored_file.infected"
    TICKET_CREATE = "ticket.create"
    TICKET_UPDATE = "ticket.update"
    TICKET_MOVE = "ticket.move"
    TICKET_ASSIGN = "ticket.assign"
    TICKET_ESCALATE = "ticket.escalate"
    TICKET_RETURN = "ticket.return"
    TICKET_REPLY = "ticket.reply"
    TICKET_NOTE = "ticket.note"
    TICKET_TAKE_BACK = "ticket.take_back"
    TICKET_FOLLOW = "ticket.follow"
    TICKET_UNFOLLOW = "ticket.unfollow"
    TICKET_DELETE = "ticket.delete"
    TICKET_RESTORE = "ticket.restore"
    TICKET_MERGE = "ticket.merge"
    TICKET_UNMERGE = "ticket.unmerge"
    TICKET_SPLIT = "ticket.split"
    TICKET_LINK = "ticket.link"
    TICKET_CATEGORY_CREATE = "ticket_category.create"
    TICKET_CATEGORY_UPDATE = "ticket_category.update"
    TICKET_QUEUE_CREATE = "ticket_queue.create"
    TICKET_QUEUE_UPDATE = "ticket_queue.update"
    TICKET_FIELD_CREATE = "ticket_field.create"
    TICKET_FIELD_UPDATE = "ticket_field.update"
    ARTICLE_CREATE = "article.create"
    ARTICLE_UPDATE = "article.update"
    ARTICLE_PUBLISH = "article.publish"
    ARTICLE_ARCHIVE = "article.archive"
    ARTICLE_VOTE = "article.vote"
    SERVICE_CALENDAR_CREATE = "service_calendar.create"
    SERVICE_CALENDAR_UPDATE = "service_calendar.update"
    SERVICE_POLICY_CREATE = "service_policy.create"
    SERVICE_POLICY_UPDATE = "service_policy.update"
    SERVICE_POLICY_ARCHIVE = "service_policy.archive"


def masked(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values with those of secret fields hidden, at any depth.

    That a secret changed still shows. Mappings and sequences within the values are copied.
    """
    return {
        name: MASK if name in _SECRETS and value is not None else _without_secrets(value)
        for name, value in values.items()
    }


def _without_secrets(value: object) -> object:
    match value:
        case Mapping():
            return masked(cast("Mapping[str, object]", value))
        case list() | tuple():
            return [_without_secrets(each) for each in cast("Iterable[object]", value)]
        case _:
            return value
