"""What every change of a person's second factors has in common: who may, and who is told."""

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import SessionRequiredError, SignInRefusedError
from models.rules.mail_templates import FactorChange, MailTemplate
from models.second_factors import Passkey, RecoveryCode, Totp
from models.users import User
from resolvers.context import RequestContext
from resolvers.mails import post_mail
from resolvers.sessions import require_fresh, require_session


async def require_owner(context: RequestContext) -> int:
    """Return the id of the person who may change their own factors now.

    An API key may not, whatever its scopes: it would make itself a way of signing in
    that outlives it.

    Raises:
        SessionRequiredError: the viewer came through no session.
        StepUpRequiredError: the proof of identity is too old.
    """
    user_id = person_of_session(context)
    await require_fresh(context)
    return user_id


def person_of_session(context: RequestContext) -> int:
    """Return the id of the person of a session, however old the proof of identity is.

    Raises:
        SessionRequiredError: the viewer came through no session.
    """
    require_session(context)
    if context.viewer.user_id is None:
        raise SessionRequiredError
    return context.viewer.user_id


async def tell_change(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User, change: FactorChange
) -> None:
    """Write to the person, in the transaction of the change."""
    await post_mail(
        context,
        connection,
        to=user.email,
        locale=user.locale,
        template=MailTemplate.SECOND_FACTOR_CHANGED,
        params={
            "name": user.name,
            "at": context.ports.clock.now().isoformat(),
            "change": change.value,
            "time_zone": user.time_zone,
        },
    )


async def active_person(connection: BaseDBAsyncClient, user_id: int) -> User:
    """Return a person who may sign in: neither they nor their organization are deactivated.

    Until the transaction ends, nobody changes their password, factors or state. So whoever
    locks more of what a person has locks the person first.

    Raises:
        SignInRefusedError: nobody, or deactivated.
    """
    rows = User.filter(id=user_id, deactivated_at=None, organization__deactivated_at=None)
    locked = rows.using_db(connection).select_for_update(of=("app_user",), no_key=True)
    user = await locked.first()
    if user is None:
        raise SignInRefusedError
    return user


async def lock_person(connection: BaseDBAsyncClient, user_id: int) -> User:
    """Return a person as they are now, whatever their state; nobody else changes it meanwhile.

    Sessions and other rows that only point to the person can be made all the same.
    """
    return await User.select_for_update(no_key=True).using_db(connection).get(id=user_id)


async def still_proved(connection: BaseDBAsyncClient, user: User) -> User:
    """Lock a person who has proved who they are, and return them as they are now.

    A proof takes a moment, by a slow hash or by asking somebody else. It is worth nothing
    once the account has got another password meanwhile: who sets one ends all that was
    begun before. The moment counts and not the hash, which is also made anew for the same
    password.

    Args:
        connection: of the open transaction.
        user: as read before the proof was looked at.

    Raises:
        SignInRefusedError: deactivated, or given another password since then.
    """
    locked = await active_person(connection, user.id)
    if locked.password_changed_at != user.password_changed_at:
        raise SignInRefusedError
    return locked


async def has_factor(connection: BaseDBAsyncClient, user_id: int) -> bool:
    """Tell whether the person has anything that a recovery code could stand in for."""
    apps = Totp.filter(user_id=user_id, confirmed_at__isnull=False).using_db(connection)
    return (
        await apps.exists() or await Passkey.filter(user_id=user_id).using_db(connection).exists()
    )


async def drop_useless_codes(connection: BaseDBAsyncClient, user_id: int) -> None:
    """Delete the recovery codes of a person who has nothing left that they could stand in for."""
    if not await has_factor(connection, user_id):
        await RecoveryCode.filter(user_id=user_id).using_db(connection).delete()
