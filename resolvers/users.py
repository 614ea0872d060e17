"""People with an account."""

from collections.abc import Sequence
from typing import Final

import regex
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import DomainError, EmailTakenError, InputInvalidError, ValueInvalidError
from models.rules.plain_text import check_text
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.scopes import Scope, format_scopes
from models.users import MAX_EMAIL_LENGTH, Role, User
from resolvers.context import RequestContext, Viewer

MAX_NAME_LENGTH: Final = 200  # characters, also the column width
# Only a letter that arrives proves an address; this finds slips of the pen.
_EMAIL: Final = regex.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]+")


async def create_user(
    context: RequestContext, *, email: str, name: str = "", role_name: str = CUSTOMER
) -> User:
    """Create an account. Needs USER_ADMIN.

    Args:
        context: needs USER_ADMIN.
        email: stored in lower case.
        name: as people see it; "" takes the first part of the address.
        role_name: of an existing role.

    Raises:
        NotPermittedError: no USER_ADMIN.
        EmailTakenError: another account has the address, in any case.
        ValueInvalidError, TextTooLongError, ValueRequiredError: address, name or role.
        InputInvalidError: several of these at once.
    """
    context.viewer.require(Scope.USER_ADMIN)
    problems: list[DomainError] = []
    address = shown = ""
    try:
        address = check_email(email)
    except DomainError as problem:
        problems.append(problem)
    try:
        shown = check_text(name, field="name", length=MAX_NAME_LENGTH) or ""
    except DomainError as problem:
        problems.append(problem)
    role = await Role.get_or_none(name=role_name)
    if role is None:
        problems.append(ValueInvalidError(path=("role",), reason="role", role=role_name[:64]))
    InputInvalidError.raise_for(problems)
    try:
        user = await User.create(email=address, name=shown or address.partition("@")[0], role=role)
    except IntegrityError:
        raise EmailTakenError(email=address) from None
    return user


def check_email(email: str) -> str:
    """Return the address as it is stored: in lower case, without spaces around it.

    Raises:
        ValueRequiredError, TextTooLongError, ValueInvalidError: no such address can be.
    """
    text = check_text(email, field="email", length=MAX_EMAIL_LENGTH, required=True) or ""
    if not _EMAIL.fullmatch(text):
        raise ValueInvalidError(path=("email",), reason="email")
    return text.lower()


async def users_by_id(ids: Sequence[int]) -> list[User | LookupError]:
    """Load many people, with their roles, by one query; order and length are those of `ids`."""
    rows = {user.id: user for user in await User.filter(id__in=ids).select_related("role")}
    return [rows.get(key) or LookupError(f"no user {key}") for key in ids]


async def viewer_user(context: RequestContext) -> User | None:
    """Return the person who asks, with the role loaded; None for an anonymous caller."""
    if context.viewer.user_id is None:
        return None
    return await User.filter(id=context.viewer.user_id).select_related("role").first()


def viewer_of(user: User) -> Viewer:
    """Return the viewer that a person with a loaded role is, without a narrower key."""
    return Viewer(
        user_id=user.id,
        organization_id=user.organization_id,
        scopes=user.scopes(),
        reach=user.role.reach,
        locale=user.locale,
    )


async def reset_administrator(context: RequestContext, *, email: str) -> User:
    """Make sure that a person exists, is active and is an administrator again.

    The way back in when nobody holds a working account: for the command line alone.
    """
    context.viewer.require(Scope.USER_ADMIN)
    address = check_email(email)
    every = format_scopes(Scope)
    async with in_transaction("default"):
        role = await Role.get_or_none(name=ADMINISTRATOR) or Role(name=ADMINISTRATOR)
        role.scopes, role.reach, role.is_built_in = every, Reach.ALL, True
        await role.save()
        user = await User.get_or_none(email=address)
        if user is None:
            user = User(email=address, name=address.partition("@")[0])
        user.role, user.deactivated_at = role, None
        await user.save()
    return user
