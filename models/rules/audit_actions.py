"""What the audit log tells of: noun and verb. Names are stored, never renamed or reused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

MASK: Final = "***"
_SECRETS: Final = frozenset({"password", "secret", "token", "code", "recovery_codes"})


class AuditAction(StrEnum):
    """Stored by value."""

    LINK_CREATE = "link.create"
    LINK_UPDATE = "link.update"
    LINK_DELETE = "link.delete"
    LINK_IMPORT = "link.import"
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
    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_UPDATE = "organization.update"
    ORGANIZATION_DEACTIVATE = "organization.deactivate"
    ORGANIZATION_ACTIVATE = "organization.activate"
    ROLE_CREATE = "role.create"
    ROLE_UPDATE = "role.update"
    ROLE_DELETE = "role.delete"
    INVITATION_CREATE = "invitation.create"
    INVITATION_REVOKE = "invitation.revoke"
    INVITATION_ACCEPT = "invitation.accept"
    DOMAIN_RENAME = "domain.rename"


def masked(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values with those of secret fields hidden; that they changed still shows."""
    return {
        name: MASK if name in _SECRETS and value is not None else value
        for name, value in values.items()
    }
