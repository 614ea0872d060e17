"""People who are asked to come: invited by letter, asked again, no longer asked."""

from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import DomainError, InputInvalidError, NotFoundError, ValueInvalidError
from models.invitations import Invitation
from models.organizations import Organization
from models.rules import portal_paths
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import MailTemplate
from models.rules.rate_limits import RateLimit
from models.rules.reach import Reach
from models.rules.roles import is_beyond_customer
from models.rules.scopes import Scope, parse_scopes
from models.rules.tokens import hash_token, new_token
from models.texts import LOCALES
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext, Viewer
from resolvers.grants import check_role, require_reach
from resolvers.limits import spend
from resolvers.mails import post_mail
from resolvers.organizations import placeable_organization
from resolvers.roles import role_named
from resolvers.sessions import require_fresh
from resolvers.users import check_email

INVITATION_DAYS: Final = 7
_ATTEMPTS: Final = 4  # the second one wins against an invitation that came in between


async def create_invitation(
    context: RequestContext,
    *,
    email: str,
    role: str,
    organization_id: int | None = None,
    locale: str = "en",
) -> Invitation:
    """Invite an address by letter; an open invitation of the same address is replaced.

    Whether the address has an account shows nowhere: only who gets the letter learns it.

    Args:
        context: needs USER_ADMIN and every right of the role; for a role that may more than
            a customer also a fresh proof of identity.
        email: of whom; the account will have this address.
        role: name of the role they will have.
        organization_id: where they will belong. For a viewer whose reach is an organization
            it is that one, also for None.
        locale: of the letter, and of the account at first.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
        NotFoundError: no such organization, or not the viewer's.
        ValueRequiredError, TextTooLongError, ValueInvalidError: address, role or organization.
        InputInvalidError: several of these at once.
        RateLimitedError: the viewer sent too many letters within the hour.
    """
    context.viewer.require(Scope.USER_ADMIN)
    require_reach(context.viewer, Reach.ORGANIZATION, path=())
    problems: list[DomainError] = []
    address = ""
    try:
        address = check_email(email)
    except DomainError as problem:
        problems.append(problem)
    given = await role_named(role)
    if given is None:
        problems.append(ValueInvalidError(path=("role",), reason="role", role=role[:64]))
    InputInvalidError.raise_for(problems)
    assert given is not None  # noqa: S101 - or it was among the problems
    check_role(context.viewer, given, path=("role",))
    if _is_strong(given):
        await require_fresh(context)
    await _spend(context)
    if organization_id is None and context.viewer.reach is not Reach.ALL:
        organization_id = context.viewer.organization_id or 0  # 0 is none, and so not found
    invitation = Invitation(
        email=address,
        role=given,
        organization_id=organization_id,
        invited_by_id=context.viewer.user_id,
        locale=locale if locale in LOCALES else "en",
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with in_transaction("default") as connection:
                await _invite(context, connection, invitation)
        except IntegrityError:  # somebody invited the address at the same moment
            if attempt == _ATTEMPTS:
                raise
        else:
            break
    return invitation


async def resend_invitation(context: RequestContext, *, invitation_id: int) -> Invitation:
    """Send the letter again, with a new address and seven more days; the old one is void.

    Raises:
        NotPermittedError: no USER_ADMIN.
        NotFoundError: absent, closed, or not in the viewer's reach. An expired one counts as
            open here.
        ReachNotHeldError, ScopeNotHeldError: the role is beyond the viewer's rights.
        RateLimitedError: the viewer sent too many letters within the hour.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await _spend(context)
    async with in_transaction("default") as connection:
        invitation = await _locked_open(context, connection, invitation_id)
        check_role(context.viewer, invitation.role, path=("id",))
        await _send(context, connection, invitation)
        await log_action(
            context, connection, AuditAction.INVITATION_RESEND, subject_id=invitation.id
        )
    return invitation


async def revoke_invitation(context: RequestContext, *, invitation_id: int) -> Invitation:
    """Let an invitation open nothing any more.

    Raises:
        NotPermittedError, NotFoundError: see resend_invitation.
    """
    context.viewer.require(Scope.USER_ADMIN)
    async with in_transaction("default") as connection:
        invitation = await _locked_open(context, connection, invitation_id)
        invitation.revoked_at = context.ports.clock.now()
        await invitation.save(using_db=connection)
        await log_action(
            context, connection, AuditAction.INVITATION_REVOKE, subject_id=invitation.id
        )
    return invitation


async def revoke_strong_invitations(
    context: RequestContext, connection: BaseDBAsyncClient, *, invited_by_id: int
) -> None:
    """Revoke the open invitations that somebody sent to more than a customer may.

    What somebody handed out before they had to go is worth no more than they are.
    """
    rows = Invitation.filter(invited_by_id=invited_by_id, accepted_at=None, revoked_at=None)
    for sent in await rows.using_db(connection).select_for_update(no_key=True):
        if _is_strong(await Role.filter(id=sent.role_id).using_db(connection).get()):
            sent.revoked_at = context.ports.clock.now()
            await sent.save(using_db=connection)
            await log_action(context, connection, AuditAction.INVITATION_REVOKE, subject_id=sent.id)


def _is_strong(role: Role) -> bool:
    return is_beyond_customer(parse_scopes(role.scopes), role.reach)


def sees_invitation(viewer: Viewer, invitation: Invitation) -> bool:
    """Tell whether an invitation is in the reach of who manages people."""
    if Scope.USER_ADMIN not in viewer.scopes:
        return False
    if viewer.reach is Reach.ALL:
        return True
    if viewer.reach is Reach.ORGANIZATION and viewer.organization_id is not None:
        return invitation.organization_id == viewer.organization_id
    return False


async def _spend(context: RequestContext) -> None:
    """Count a letter of a person; the command line sends as many as it likes."""
    if context.viewer.user_id is not None:
        await spend(context, RateLimit.INVITATION, str(context.viewer.user_id))


async def _invite(
    context: RequestContext, connection: BaseDBAsyncClient, invitation: Invitation
) -> None:
    if invitation.organization_id is not None:
        await placeable_organization(context, connection, invitation.organization_id)
    await _replace(context, connection, invitation.email, invitation.organization_id)
    await _send(context, connection, invitation)
    await log_action(
        context,
        connection,
        AuditAction.INVITATION_CREATE,
        subject_id=invitation.id,
        after={"role": invitation.role.name, "organization_id": invitation.organization_id},
    )


async def _replace(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    email: str,
    organization_id: int | None,
) -> None:
    """Revoke the open invitations of an address, but for those of organizations out of reach."""
    rows = Invitation.filter(email=email, accepted_at=None, revoked_at=None)
    if context.viewer.reach is not Reach.ALL:
        rows = rows.filter(organization_id=organization_id)
    for replaced in await rows.using_db(connection).select_for_update(no_key=True):
        replaced.revoked_at = context.ports.clock.now()
        await replaced.save(using_db=connection)
        await log_action(context, connection, AuditAction.INVITATION_REVOKE, subject_id=replaced.id)


async def _send(
    context: RequestContext, connection: BaseDBAsyncClient, invitation: Invitation
) -> None:
    """Give the invitation a new token and a new end, and post its letter."""
    token = new_token()
    invitation.token_hash = hash_token(token)
    invitation.expires_at = context.ports.clock.now() + timedelta(days=INVITATION_DAYS)
    is_new = not await Invitation.filter(id=invitation.id).using_db(connection).exists()
    await invitation.save(using_db=connection, force_create=is_new)
    place = (
        await Organization.filter(id=invitation.organization_id or 0).using_db(connection).first()
    )
    inviter = await User.filter(id=context.viewer.user_id or 0).using_db(connection).first()
    await post_mail(
        context,
        connection,
        to=invitation.email,
        locale=invitation.locale,
        template=MailTemplate.INVITATION,
        params={
            "inviter": "" if inviter is None or inviter.is_unnamed else inviter.name,
            "role": invitation.role.name,
            "organization": "" if place is None else place.name,
            "path": portal_paths.with_token(portal_paths.INVITATION, token),
            "expires_at": invitation.expires_at.isoformat(),
        },
    )


async def _locked_open(
    context: RequestContext, connection: BaseDBAsyncClient, invitation_id: int
) -> Invitation:
    rows = Invitation.filter(id=invitation_id, accepted_at=None, revoked_at=None)
    invitation = await rows.using_db(connection).select_for_update(no_key=True).first()
    if invitation is None or not sees_invitation(context.viewer, invitation):
        raise NotFoundError
    invitation.role = await Role.filter(id=invitation.role_id).using_db(connection).get()
    return invitation
