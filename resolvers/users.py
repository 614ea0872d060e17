"""People with an account."""

from collections.abc import Sequence
from typing import Final

import regex
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    DomainError,
    EmailTakenError,
    InputInvalidError,
    NotFoundError,
    ValueInvalidError,
)
from models.organizations import Organization
from models.rules.audit_actions import AuditAction
from models.rules.mail_addresses import deliverable, normal_address
from models.rules.plain_text import check_text
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.scopes import Scope, format_scopes
from models.users import MAX_EMAIL_LENGTH, Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext, Viewer
from resolvers.grants import check_role, require_reach
from resolvers.quotas import check_people

MAX_NAME_LENGTH: Final = 200  # characters, also the column width
# Only a letter that arrives proves an address; this finds slips of the pen.
_EMAIL: Final = regex.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]+")


async def create_user(
    context: RequestContext,
    *,
    email: str,
    name: str = "",
    role_name: str = CUSTOMER,
    organization_id: int | None = None,
) -> User:
    """Create an account. Needs USER_ADMIN and the reach ALL; others invite.

    Args:
        context: needs USER_ADMIN.
        email: stored in lower case.
        name: as people see it; "" takes the first part of the address.
        role_name: of an existing role, not beyond the viewer's rights.
        organization_id: None for none.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        NotFoundError: no such organization.
        QuotaExceededError: the organization has as many people as it may.
        EmailTakenError: another account has the address, in any case.
        ValueInvalidError, TextTooLongError, ValueRequiredError: address, name or role.
        InputInvalidError: several of these at once.
    """
    context.viewer.require(Scope.USER_ADMIN)
    require_reach(context.viewer, Reach.ALL, path=())
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
    assert role is not None  # noqa: S101 - or it was among the problems
    check_role(context.viewer, role, path=("role",))
    shown = shown or address.partition("@")[0]
    user = User(email=address, name=shown, role=role, organization_id=organization_id)
    try:
        async with in_transaction("default") as connection:
            await add_person(context, connection, user)
    except IntegrityError:
        raise EmailTakenError(email=address) from None
    return user


async def add_person(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    user: User,
    *,
    actor_id: int | None = None,
) -> None:
    """Insert a new person in the open transaction, if their organization has room.

    Raises:
        NotFoundError: no such organization, or it is deactivated.
        QuotaExceededError: it has as many people as it may.
        IntegrityError: another account has the address; the transaction cannot go on.
    """
    if user.organization_id is not None:
        active = Organization.filter(id=user.organization_id, deactivated_at=None)
        if not await active.using_db(connection).exists():
            raise NotFoundError(path=("organizationId",))
        await check_people(connection, user.organization_id)
    await user.save(using_db=connection, force_create=True)
    await log_action(
        context,
        connection,
        AuditAction.USER_CREATE,
        subject_id=user.id,
        actor_id=actor_id,
        after={"role": user.role.name, "organization_id": user.organization_id},
    )


def check_name(name: str) -> str:
    """Return a person's name as it is stored.

    Raises:
        ValueRequiredError, TextTooLongError, ValueInvalidError: see check_text.
    """
    return check_text(name, field="name", length=MAX_NAME_LENGTH, required=True) or ""


def check_email(email: str) -> str:
    """Return the address as it is stored: in lower case, its domain in ASCII without a last dot.

    So one mailbox is one account and one subject of limits, however its domain is spelt.

    Raises:
        ValueRequiredError, TextTooLongError, ValueInvalidError: no such address can be.
    """
    text = check_text(email, field="email", length=MAX_EMAIL_LENGTH, required=True) or ""
    if not _EMAIL.fullmatch(text):
        raise ValueInvalidError(path=("email",), reason="email")
    deliverable(text)
    address = normal_address(text)
    return check_text(address, field="email", length=MAX_EMAIL_LENGTH, required=True) or ""


async def users_by_id(ids: Sequence[int]) -> list[User | LookupError]:
    """Load many people, with their roles, by one query; order and length are those of `ids`."""
    rows = {user.id: user for user in await User.filter(id__in=ids).select_related("role")}
    return [rows.get(key) or LookupError(f"no user {key}") for key in ids]


async def addresses_by_id(ids: Sequence[int]) -> dict[int, str]:
    """Return the addresses of people by their ids; erased ones are left out."""
    rows = await User.filter(id__in=set(ids), erased_at=None).only("id", "email")
    return {row.id: row.email for row in rows}


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
    async with in_transaction("default") as connection:
        role = await Role.get_or_none(name=ADMINISTRATOR) or Role(name=ADMINISTRATOR)
        role.scopes, role.reach, role.is_built_in = every, Reach.ALL, True
        await role.save()
        user = await User.get_or_none(email=address).select_related("role")
        before: dict[str, object] = {}
        if user is None:
            user = User(email=address, name=address.partition("@")[0])
        else:
            before = {"role": user.role.name, "deactivated_at": user.deactivated_at}
        user.role, user.deactivated_at = role, None
        active = Organization.filter(id=user.organization_id or 0, deactivated_at=None)
        if not await active.exists():  # whose people cannot sign in
            user.organization_id = None
        await user.save()
        await log_action(
            context,
            connection,
            AuditAction.USER_RESET,
            subject_id=user.id,
            before=before,
            after={"role": role.name, "deactivated_at": None},
        )
    return user
