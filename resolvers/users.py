"""People with an account."""

from collections.abc import Sequence

from models.users import User
from resolvers.context import RequestContext, Viewer


async def create_user(
    context: RequestContext, *, email: str, name: str = "", role_name: str = "user"
) -> User:
    """Create an account. Needs USER_ADMIN.

    Raises:
        NotPermittedError: no USER_ADMIN.
        EmailTakenError: another account has the address, in any case.
        ValueInvalidError, TextTooLongError, InputInvalidError: address, name or role.
    """
    raise NotImplementedError


async def users_by_id(ids: Sequence[int]) -> list[User | LookupError]:
    """Load many people, with their roles, by one query; order and length are those of `ids`."""
    raise NotImplementedError


async def viewer_user(context: RequestContext) -> User | None:
    """Return the person who asks, with the role loaded; None for an anonymous caller."""
    raise NotImplementedError


def viewer_of(user: User) -> Viewer:
    """Return the viewer that a person with a loaded role is, without a narrower key."""
    raise NotImplementedError
