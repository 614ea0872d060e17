"""Make API keys, and tell who calls by one."""

from collections.abc import Sequence
from datetime import datetime

from models.api_keys import ApiKey
from models.rules.scopes import Scope
from resolvers.context import RequestContext, Viewer


async def create_api_key(
    context: RequestContext,
    *,
    label: str,
    scopes: Sequence[Scope] | None = None,
    expires_at: datetime | None = None,
    user_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is shown this once.

    Args:
        context: a person for their own keys; USER_ADMIN for those of others.
        label: 1 to 100 characters.
        scopes: None for all that the person has and the caller may pass on.
        expires_at: None for never.
        user_id: None is the viewer.

    Raises:
        NotPermittedError: anonymous, or for another person without USER_ADMIN.
        NotFoundError: no such person, or deactivated.
        ScopeNotHeldError: a scope beyond the person's or the caller's own.
        ValueRequiredError, TextTooLongError, ValueInvalidError: label or expiry.
        InputInvalidError: several of these at once.
    """
    raise NotImplementedError


async def authenticate_key(secret: str, *, now: datetime) -> Viewer | None:
    """Return who holds a key, None unless it is good at `now`.

    A mistyped key is refused by its checksum without a query. The time of use is
    written after the answer, at most once a minute for each key.
    """
    raise NotImplementedError


async def api_keys_of(context: RequestContext) -> list[ApiKey]:
    """Return the viewer's own keys that still open something, newest first, at most 50."""
    raise NotImplementedError
