"""Forget a person: what tells who they were goes, what they did stays without them."""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.api_keys import ApiKey
from models.articles import ArticleVote
from models.errors import NotFoundError, UserActiveError
from models.invitations import Invitation
from models.mails import Mail
from models.one_time_tokens import OneTimeToken
from models.replays import Replay
from models.rules.audit_actions import AuditAction
from models.rules.scopes import Scope
from models.second_factors import Identity, Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.ticket_queues import TicketQueueMember
from models.tickets import TicketFollower
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_deletions import forget_uploader
from resolvers.grants import check_role
from resolvers.link_transfers import leave_links, transfer_links
from resolvers.mail_erasures import forget_raw_mail
from resolvers.sessions import require_fresh
from resolvers.ticket_erasures import forget_in_tickets
from resolvers.user_lists import sees_person

# Everything that hangs on a person; a test finds a table that is missing here.
OWNED: Final = (
    Session,
    OneTimeToken,
    ApiKey,
    Totp,
    RecoveryCode,
    Passkey,
    Identity,
    Replay,
    ArticleVote,
    TicketFollower,
    TicketQueueMember,
)


async def erase_user(
    context: RequestContext, *, user_id: int, links_to_user_id: int | None = None
) -> User:
    """Wipe a deactivated person's data; doing it twice is no error.

    Name, address, password, second factors, sessions, keys, identities, profile, letters,
    invitations, mails as they came, and files that nothing refers to go; other files of
    tickets stay, and nobody has sent them. Links go first, in transactions of their own. The
    audit log keeps what was done, and knows the person by id alone.

    Args:
        context: needs USER_ADMIN, every right of the person, and a fresh proof of identity.
        user_id: of a deactivated person in the viewer's reach.
        links_to_user_id: of who gets the links; None makes them nobody's. Either way they
            go on leading.

    Returns:
        What is left of the person, with their role loaded.

    Raises:
        StepUpRequiredError: the session's proof of identity is too old.
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        NotFoundError: no such person, or not in the viewer's reach.
        UserActiveError: deactivate first.
        ValueInvalidError: see transfer_links.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    user = await _deactivated(context, user_id)
    if links_to_user_id is None:
        await leave_links(context, user_id=user.id)
    else:
        await transfer_links(context, from_user_id=user.id, to_user_id=links_to_user_id)
        await leave_links(context, user_id=user.id)  # what belongs to a former organization
    if user.erased_at is not None:
        return user
    async with in_transaction("default") as connection:
        found = User.filter(id=user.id, erased_at=None).using_db(connection)
        locked = await found.exclude(deactivated_at=None).select_for_update(no_key=True).first()
        if locked is None:  # erased, or active again, since we looked
            return await _deactivated(context, user_id)
        await _wipe(context, connection, locked)
        locked.role = user.role
        await log_action(context, connection, AuditAction.USER_ERASE, subject_id=user.id)
    return locked


async def _deactivated(context: RequestContext, user_id: int) -> User:
    user = await User.filter(id=user_id).first()
    if user is None or not sees_person(context.viewer, user):
        raise NotFoundError
    user.role = await Role.get(id=user.role_id)
    check_role(context.viewer, user.role, path=("id",))
    if user.deactivated_at is None:
        raise UserActiveError
    return user


async def _wipe(context: RequestContext, connection: BaseDBAsyncClient, user: User) -> None:
    address = user.email
    for table in OWNED:
        await table.filter(user_id=user.id).using_db(connection).delete()
    await forget_raw_mail(context, connection, user)
    await forget_in_tickets(context, connection, user)
    await Invitation.filter(email=address).using_db(connection).delete()
    await Mail.filter(to_address=address).using_db(connection).delete()
    await forget_uploader(connection, user_id=user.id)
    user.email = f"erased-{user.id}@erased.invalid"  # RFC 2606: no such domain can be
    user.name, user.locale, user.time_zone = "", "en", "UTC"
    user.password_hash = user.password_changed_at = None
    user.email_verified_at = user.last_seen_at = None
    user.erased_at = context.ports.clock.now()
    user.revision += 1
    await user.save(using_db=connection)
