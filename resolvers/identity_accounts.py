"""Which account here belongs to somebody whom the organization's own service has proved."""

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import DomainError, SignInRefusedError
from models.rules.audit_actions import AuditAction
from models.rules.identities import ProvedIdentity
from models.rules.plain_text import check_text
from models.rules.roles import CUSTOMER
from models.second_factors import Identity
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import active_person
from resolvers.users import MAX_NAME_LENGTH, add_person, check_email


class ProviderSignInError(Exception):
    """Nobody is signed in; `reason` is a shade of the page's text, in models.texts.

    The audit log has the reason, and for `provider` what exactly was wrong.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def account_of(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    identity: ProvedIdentity,
    *,
    may_create: bool,
) -> User:
    """Return the active person that an identity is, linking or making the account at first.

    Args:
        context: of nobody yet.
        connection: of the open transaction.
        identity: proved just now; issuer and subject count from the second time on.
        may_create: a stranger with a verified address gets an account.

    Raises:
        ProviderSignInError: there is none, or it is deactivated.
        IntegrityError: the same person came by two ways at once: try again.
    """
    rows = Identity.filter(issuer=identity.issuer, subject=identity.subject)
    known = await rows.using_db(connection).first()
    user_id = (
        await _linked(context, connection, identity, may_create=may_create)
        if known is None
        else known.user_id
    )
    try:  # the person is locked before the identity, as everywhere: no two wait for each other
        user = await active_person(connection, user_id)
    except SignInRefusedError:
        raise ProviderSignInError("deactivated") from None
    await rows.using_db(connection).update(last_used_at=context.ports.clock.now())
    return user


async def _linked(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    identity: ProvedIdentity,
    *,
    may_create: bool,
) -> int:
    """Link an identity to the account of its verified address, and return whose that is.

    Raises:
        ProviderSignInError: the address is not verified, has no account here, or its account
            is linked to somebody else at the same provider: addresses are given away anew.
    """
    if not identity.is_email_verified:
        raise ProviderSignInError("unverified")
    try:
        email = check_email(identity.email)
    except DomainError:
        raise ProviderSignInError("unverified") from None
    rows = User.filter(email=email).using_db(connection)
    user = await rows.select_for_update(no_key=True).first()
    if user is None:
        if not may_create:
            raise ProviderSignInError("unknown")
        user = await _created(context, connection, email=email, name=identity.name)
    linked = Identity.filter(user_id=user.id, issuer=identity.issuer).using_db(connection)
    if other := await linked.first():
        if other.subject == identity.subject:  # another sign-in at once made it just now
            return user.id
        raise ProviderSignInError("linked")
    row = await Identity.create(
        using_db=connection,
        user_id=user.id,
        issuer=identity.issuer,
        subject=identity.subject,
    )
    await log_action(
        context,
        connection,
        AuditAction.IDENTITY_CREATE,
        subject_id=row.id,
        after={"user": user.id, "issuer": identity.issuer},
        actor_id=user.id,
    )
    return user.id


async def _created(
    context: RequestContext, connection: BaseDBAsyncClient, *, email: str, name: str
) -> User:
    try:
        shown = check_text(name, field="name", length=MAX_NAME_LENGTH)
    except DomainError:
        shown = None
    user = User(
        email=email,
        name=shown or email.partition("@")[0],
        role=await Role.get(name=CUSTOMER, using_db=connection),
        email_verified_at=context.ports.clock.now(),
    )
    await add_person(context, connection, user, actor_id=user.id)
    return user


async def note_refusal(context: RequestContext, *, reason: str, detail: str = "") -> None:
    """Write down, in a transaction of its own, that somebody proved elsewhere is refused here."""
    async with in_transaction("default") as connection:
        await log_action(
            context,
            connection,
            AuditAction.IDENTITY_REFUSE,
            after={"reason": reason, "detail": detail},
        )
