"""Whoever holds the letter makes the account, once."""

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.errors import (
    DomainError,
    EmailTakenError,
    InputInvalidError,
    InvitationInvalidError,
    NotFoundError,
)
from models.invitations import Invitation
from models.rules.audit_actions import AuditAction
from models.rules.passwords import check_password
from models.rules.tokens import hash_token, is_token
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.local_passwords import may_have_password
from resolvers.refused_tokens import refuse_token
from resolvers.sign_in import require_secure
from resolvers.users import add_person, check_name


async def accept_invitation(
    context: RequestContext, *, token: str | None, name: str, password: str | None
) -> User:
    """Make the account that an invitation promises: its address, its role, its organization.

    Of many who accept at once one wins. An address that has an account costs the same
    work, one hash; only who holds the token learns it. The address counts as verified,
    since the token came by letter to it.

    Args:
        context: of anybody.
        token: of the letter; one that cannot be any is refused without a query.
        name: as people will see it.
        password: for signing in; neither needed nor kept where the person may have none
            here, see resolvers.local_passwords.

    Raises:
        InsecureTransportError: others could read the password on its way.
        InvitationInvalidError: unknown, accepted, revoked, expired, or of an organization
            that is deactivated.
        EmailTakenError: the address has an account by now.
        QuotaExceededError: the organization has as many people as it may.
        ValueRequiredError, TextTooLongError, ValueInvalidError: name or password.
        InputInvalidError: both.
        RateLimitedError: too many passwords are being hashed right now, or too many tokens
            that were none came from the address.
    """
    require_secure(context)
    if token is None or not is_token(token):
        raise InvitationInvalidError
    active = Q(organization_id=None) | Q(organization__deactivated_at=None)
    invitation = await _open(context, token).filter(active).select_related("role").first()
    if invitation is None:
        await refuse_token(context, "INVITATION")
        raise InvitationInvalidError
    if not await may_have_password(context, User(role=invitation.role)):
        password = None
    elif password is None:
        password = ""
    shown = _checked(invitation, name=name, password=password)
    hashed = None if password is None else await context.ports.passwords.hash(password)
    now = context.ports.clock.now()
    user = User(
        email=invitation.email,
        name=shown,
        role=invitation.role,
        organization_id=invitation.organization_id,
        locale=invitation.locale,
        password_hash=hashed,
        password_changed_at=None if hashed is None else now,
        email_verified_at=now,
    )
    try:
        async with in_transaction("default") as connection:
            if not await _open(context, token).using_db(connection).update(accepted_at=now):
                raise InvitationInvalidError
            await add_person(context, connection, user, actor_id=user.id)
            await log_action(
                context,
                connection,
                AuditAction.INVITATION_ACCEPT,
                subject_id=invitation.id,
                actor_id=user.id,
            )
    except NotFoundError:  # the organization was deactivated meanwhile
        raise InvitationInvalidError from None
    except IntegrityError:
        raise EmailTakenError(email=invitation.email) from None
    return user


def _open(context: RequestContext, token: str) -> QuerySet[Invitation]:
    """Ask for the invitation of a token, by its exact hash, if it is still open."""
    return Invitation.filter(
        token_hash=hash_token(token),
        accepted_at=None,
        revoked_at=None,
        expires_at__gt=context.ports.clock.now(),
    )


def _checked(invitation: Invitation, *, name: str, password: str | None) -> str:
    problems: list[DomainError] = []
    shown = ""
    try:
        shown = check_name(name)
    except DomainError as problem:
        problems.append(problem)
    try:
        if password is not None:
            check_password(password, field="password", own_words=(invitation.email, name))
    except DomainError as problem:
        problems.append(problem)
    InputInvalidError.raise_for(problems)
    return shown
