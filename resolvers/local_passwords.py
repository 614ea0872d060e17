"""Who may have a password of ours, where the operator lets people sign in elsewhere alone.

With LINKYARD_LOCAL_PASSWORDS=false a person is let in by the organization's provider or
directory, and whom those forget cannot come any more. Those with USER_ADMIN keep their
passwords: the way back in while the provider is away.
"""

from models.errors import ValueInvalidError
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.context import RequestContext


def password_of(context: RequestContext, user: User | None) -> str | None:
    """Return the hash that a sign-in compares with; None for whom no password lets in.

    Args:
        context: knows the operator's decision.
        user: with their role loaded, or nobody.
    """
    if user is None or not (context.ports.access.local_passwords or _is_kept(user.role)):
        return None
    return user.password_hash


async def may_have_password(context: RequestContext, user: User) -> bool:
    """Tell whether a person may set a password and sign in by it."""
    if context.ports.access.local_passwords:
        return True
    return _is_kept(await Role.get(id=user.role_id))


async def require_password_allowed(context: RequestContext, user: User, *, field: str) -> None:
    """Refuse to set a password that would open nothing.

    Raises:
        ValueInvalidError: the operator lets only those with USER_ADMIN have one.
    """
    if not await may_have_password(context, user):
        raise ValueInvalidError(path=(field,), reason="local_password")


def _is_kept(role: Role) -> bool:
    return Scope.USER_ADMIN.value in role.scopes.split()
