"""Change people: their place, their role, and whether they may come at all."""

from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    EmailTakenError,
    NotFoundError,
    RevisionConflictError,
    ValueInvalidError,
)
from models.orm import placeholders
from models.raw_sql import execute
from models.rules.audit_actions import MASK, AuditAction
from models.rules.mail_templates import MailTemplate
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.administrators import keep_administrator
from resolvers.api_keys import revoke_keys
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.email_changes import follow_new_email
from resolvers.grants import check_role, require_reach
from resolvers.invitations import revoke_strong_invitations
from resolvers.mails import post_mail
from resolvers.one_time_tokens import void_tokens
from resolvers.organizations import placeable_organization
from resolvers.quotas import check_people, check_quota
from resolvers.roles import role_named
from resolvers.sessions import end_sessions, require_fresh
from resolvers.ticket_leavers import unassign_tickets
from resolvers.user_lists import sees_person
from resolvers.users import check_email, check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """What an update sets.

    Attributes:
        email: by which the person signs in; nobody has proved that it is theirs.
        role: name of a role.
        organization_id: None takes the person out of any.
        max_links: None leaves the bound to the organization.
    """

    name: Change[str] = UNSET
    email: Change[str] = UNSET
    role: Change[str] = UNSET
    organization_id: Change[int | None] = UNSET
    max_links: Change[int | None] = UNSET


async def update_user(
    context: RequestContext,
    *,
    user_id: int,
    if_revision: int | None = None,
    changes: UserChanges,
) -> User:
    """Change a person, and raise their revision by one if anything differs.

    A new role ends the person's sessions, but for that of this request: nobody goes on
    with rights of before. Who comes into an organization brings the links along that
    belong to none; those of a former organization stay with it. A new address ends the
    sessions, too, and both addresses get a letter.

    Args:
        context: needs USER_ADMIN, and every right of the person's old and new role. Another
            role, organization or address needs a fresh proof of identity.
        user_id: of a person in the viewer's reach.
        if_revision: None lets the last writer win; a number must be the present revision.
        changes: nothing set is no change.

    Returns:
        The person, with their role loaded.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
            An address needs the reach ALL, since the answer tells whether somebody has it.
        StepUpRequiredError: for an address, by a session whose proof of identity is too old.
        EmailTakenError: another account has the address.
        StepUpRequiredError: the session's proof of identity is too old.
        NotFoundError: no such person or organization, or not in the viewer's reach.
        RevisionConflictError: someone saved since `if_revision`.
        LastAdministratorError: nobody would be an administrator.
        QuotaExceededError: the organization has as many people as it may.
        ValueRequiredError, TextTooLongError, ValueInvalidError: name, role or quota.
    """
    context.viewer.require(Scope.USER_ADMIN)
    if changes.email is not UNSET:
        await require_fresh(context)
    async with in_transaction("default") as connection:
        user = await locked_person(context, connection, user_id)
        if if_revision is not None and if_revision != user.revision:
            raise RevisionConflictError(current_revision=user.revision)
        before, old_name, old_email = _told(user), user.name, user.email
        await _apply(context, connection, user, changes)
        after = _told(user)
        if after == before and (user.name, user.email) == (old_name, old_email):
            return user
        user.revision += 1
        try:
            await user.save(using_db=connection)
        except IntegrityError:  # somebody took the address since we looked
            raise EmailTakenError(email=user.email) from None
        await _follow(context, connection, user, before=before)
        if user.name != old_name:  # the log knows people by id alone
            before, after = {**before, "name": MASK}, {**after, "name": MASK}
        if user.email != old_email:
            await follow_new_email(context, connection, user, former=old_email)
            before, after = {**before, "email": MASK}, {**after, "email": MASK}
        await log_action(
            context,
            connection,
            AuditAction.USER_UPDATE,
            subject_id=user.id,
            before=before,
            after=after,
        )
    return user


async def deactivate_user(context: RequestContext, *, user_id: int) -> User:
    """Let a person in no more: every session and every key ends with the commit.

    Their links go on leading, and the active tickets that they work on are nobody's from
    then on. Open invitations they sent end, unless they are to no more
    than a customer may. Doing it twice is no error.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError, NotFoundError: see update_user.
        StepUpRequiredError: the session's proof of identity is too old.
        LastAdministratorError: nobody would be an administrator.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    async with in_transaction("default") as connection:
        user = await locked_person(context, connection, user_id)
        if user.deactivated_at is not None:
            return user
        user.deactivated_at = context.ports.clock.now()
        user.revision += 1
        await user.save(using_db=connection)
        sessions = await end_sessions(context, connection, user_id=user.id)
        keys = await revoke_keys(context, user_id=user.id)
        await void_tokens(context, connection, user_id=user.id)
        await revoke_strong_invitations(context, connection, invited_by_id=user.id)
        await keep_administrator(connection)
        tickets = await unassign_tickets(context, connection, user_id=user.id)
        await log_action(
            context,
            connection,
            AuditAction.USER_DEACTIVATE,
            subject_id=user.id,
            after={
                "sessions_ended": len(sessions),
                "keys_ended": keys,
                "tickets_unassigned": tickets,
            },
        )
        await post_mail(
            context,
            connection,
            to=user.email,
            locale=user.locale,
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": user.name, "time_zone": user.time_zone},
        )
    return user


async def activate_user(context: RequestContext, *, user_id: int) -> User:
    """Let a person in again; the keys and sessions of before stay void.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError, NotFoundError: see update_user.
        StepUpRequiredError: the session's proof of identity is too old.
        QuotaExceededError: the organization has as many people as it may.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    async with in_transaction("default") as connection:
        user = await locked_person(context, connection, user_id)
        if user.deactivated_at is None:
            return user
        if user.organization_id is not None:
            await check_people(connection, user.organization_id)
        user.deactivated_at = None
        user.revision += 1
        await user.save(using_db=connection)
        await log_action(context, connection, AuditAction.USER_ACTIVATE, subject_id=user.id)
    return user


async def locked_person(
    context: RequestContext, connection: BaseDBAsyncClient, user_id: int
) -> User:
    """Return a person with their role, whom nobody else changes before the transaction ends.

    Raises:
        NotFoundError: absent, erased, or not in the viewer's reach.
        ReachNotHeldError, ScopeNotHeldError: the person may do what the viewer may not.
    """
    found = User.filter(id=user_id, erased_at=None).using_db(connection)
    user = await found.select_for_update(no_key=True).first()
    if user is None or not sees_person(context.viewer, user):
        raise NotFoundError
    user.role = await Role.filter(id=user.role_id).using_db(connection).get()
    check_role(context.viewer, user.role, path=("id",))
    return user


async def _apply(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, changes: UserChanges
) -> None:
    if changes.name is not UNSET:
        user.name = check_name(changes.name)
    if changes.email is not UNSET:
        await _apply_email(context, connection, user, changes.email)
    if changes.max_links is not UNSET:
        if user.id == context.viewer.user_id:  # nobody lifts their own bound
            require_reach(context.viewer, Reach.ALL, path=("maxLinks",))
        user.max_links = check_quota(changes.max_links, field="maxLinks")
    if changes.role is not UNSET:
        await _apply_role(context, user, changes.role)
    if changes.organization_id is not UNSET and changes.organization_id != user.organization_id:
        require_reach(context.viewer, Reach.ALL, path=("organizationId",))
        await require_fresh(context)
        if changes.organization_id is not None:
            await placeable_organization(context, connection, changes.organization_id)
            if user.deactivated_at is None:
                await check_people(connection, changes.organization_id)
        user.organization_id = changes.organization_id


async def _apply_role(context: RequestContext, user: User, name: str) -> None:
    role = await role_named(name)
    if role is None:
        raise ValueInvalidError(path=("role",), reason="role", role=name[:64])
    check_role(context.viewer, role, path=("role",))
    if role.id != user.role.id:
        await require_fresh(context)
    user.role = role


async def _apply_email(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, email: str
) -> None:
    require_reach(context.viewer, Reach.ALL, path=("email",))
    address = check_email(email)
    if address == user.email:
        return
    if await User.filter(email=address).using_db(connection).exists():
        raise EmailTakenError(email=address)
    user.email, user.email_verified_at = address, None


async def _follow(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    user: User,
    *,
    before: dict[str, object],
) -> None:
    """Do what a new organization or a new role brings along."""
    after = _told(user)
    if after["organization_id"] not in {None, before["organization_id"]}:
        marks = placeholders(connection, 2).split(", ")
        await execute(
            connection,
            f"UPDATE link SET organization_id = {marks[0]}"
            f" WHERE owner_id = {marks[1]} AND organization_id IS NULL",
            [user.organization_id, user.id],
        )
    if after["role"] != before["role"]:
        own = context.viewer.session_id if user.id == context.viewer.user_id else None
        await end_sessions(context, connection, user_id=user.id, but=own)
    if (after["role"], after["organization_id"]) != (before["role"], before["organization_id"]):
        await keep_administrator(connection)


def _told(user: User) -> dict[str, object]:
    """Return what the log tells of a person: nothing that says who they are."""
    return {
        "role": user.role.name,
        "organization_id": user.organization_id,
        "max_links": user.max_links,
    }
