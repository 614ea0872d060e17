"""People who get another e-mail address: by a letter to the new one, or by an administrator.

Whether the new address belongs to somebody shows nowhere but in letters: the request, its
answer and its work are the same for every address, and the worker looks who has it.
"""

from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import TokenInvalidError
from models.letter_orders import LetterKind, LetterOrder
from models.one_time_tokens import TokenPurpose
from models.rules import portal_paths
from models.rules.audit_actions import MASK, AuditAction
from models.rules.mail_templates import MailTemplate
from models.rules.rate_limits import RateLimit
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.letter_orders import order_letter
from resolvers.limits import spend
from resolvers.mails import post_mail
from resolvers.one_time_tokens import find_token, issue_token, use_token, void_tokens
from resolvers.refused_tokens import refuse_token
from resolvers.sessions import end_sessions, require_fresh, require_session
from resolvers.users import check_email

EMAIL_CHANGE_LIFE: Final = timedelta(minutes=30)


async def request_email_change(context: RequestContext, *, email: str) -> str:
    """Send a letter to the viewer's new address; return it as it is stored.

    Args:
        context: of a session with a fresh proof of identity.
        email: any address, also one that somebody else has.

    Raises:
        SessionRequiredError: the viewer came through no session.
        StepUpRequiredError: the session's proof of identity is too old.
        ValueInvalidError, ValueRequiredError, TextTooLongError: it is no address at all.
        RateLimitedError: too many requests of the person, or for the address.
    """
    require_session(context)
    await require_fresh(context)
    address = check_email(email)
    await spend(context, RateLimit.EMAIL_CHANGE_PERSON, str(context.viewer.user_id))
    await spend(context, RateLimit.EMAIL_CHANGE_ACCOUNT, address)
    await order_letter(
        context,
        LetterKind.EMAIL_CHANGE,
        email=address,
        locale=context.viewer.locale,
        user_id=context.viewer.user_id,
    )
    return address


async def post_email_change(
    context: RequestContext, connection: BaseDBAsyncClient, order: LetterOrder
) -> None:
    """Post the letter that somebody ordered: to take the address, or that it was tried."""
    asking = User.filter(id=order.user_id or 0, deactivated_at=None).using_db(connection)
    user = await asking.first()
    if user is None:
        return
    await log_action(
        context,
        connection,
        AuditAction.EMAIL_CHANGE_REQUEST,
        subject_id=user.id,
        actor_id=user.id,
    )
    owner = await User.filter(email=order.email).using_db(connection).first()
    if owner is None:
        await _post_token(context, connection, user, order.email)
    elif owner.id != user.id and owner.deactivated_at is None:
        await post_mail(
            context,
            connection,
            to=owner.email,
            locale=owner.locale,
            template=MailTemplate.EMAIL_CHANGE_TAKEN,
            params={"name": owner.name},
        )


async def change_email(context: RequestContext, *, token: str) -> str:
    """Give the person of a letter their new address; their other sessions end. Signs nobody in.

    Args:
        context: of anybody who holds the letter; a session of the person goes on.
        token: of the letter.

    Returns:
        The address to sign in by from now on.

    Raises:
        TokenInvalidError: unknown, used, expired, of a deactivated person, or somebody
            else has got the address by now.
        RateLimitedError: too many tokens that were none.
    """
    async with in_transaction("default") as connection:
        found = await find_token(context, connection, token, purpose=TokenPurpose.EMAIL_CHANGE)
    if found is None:
        await refuse_token(context, TokenPurpose.EMAIL_CHANGE)
        raise TokenInvalidError
    try:
        async with in_transaction("default") as connection:
            return await _take(context, connection, token)
    except IntegrityError:
        raise TokenInvalidError from None


async def follow_new_email(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, *, former: str
) -> None:
    """Do in the open transaction what a new address brings along.

    Links in letters to the former address open nothing any more, all sessions but the one
    of this request end, and both addresses get a letter.
    """
    await void_tokens(context, connection, user_id=user.id)
    is_own = user.id == context.viewer.user_id
    own = context.viewer.session_id if is_own else None
    await end_sessions(context, connection, user_id=user.id, but=own)
    await _tell(context, connection, user, to=former)
    await _tell(context, connection, user, to=user.email)


async def _post_token(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, address: str
) -> None:
    purpose = TokenPurpose.EMAIL_CHANGE
    await void_tokens(context, connection, user_id=user.id, purpose=purpose)
    token = await issue_token(
        context,
        connection,
        purpose=purpose,
        user_id=user.id,
        payload={"email": address},
        life=EMAIL_CHANGE_LIFE,
    )
    await post_mail(
        context,
        connection,
        to=address,
        locale=user.locale,
        template=MailTemplate.EMAIL_CHANGE,
        params={
            "name": user.name,
            "path": portal_paths.with_token(portal_paths.EMAIL_CHANGE, token),
            "expires_at": (context.ports.clock.now() + EMAIL_CHANGE_LIFE).isoformat(),
            "time_zone": user.time_zone,
        },
    )


async def _take(context: RequestContext, connection: BaseDBAsyncClient, token: str) -> str:
    found = await use_token(context, connection, token, purpose=TokenPurpose.EMAIL_CHANGE)
    if found is None:
        raise TokenInvalidError  # somebody was faster
    rows = User.filter(id=found.user_id or 0, deactivated_at=None).using_db(connection)
    user = await rows.select_for_update(no_key=True).first()
    if user is None:
        raise TokenInvalidError
    former, user.email = user.email, str(found.payload["email"])
    user.email_verified_at = context.ports.clock.now()
    user.revision += 1
    await user.save(using_db=connection)
    await follow_new_email(context, connection, user, former=former)
    await log_action(
        context,
        connection,
        AuditAction.EMAIL_CHANGE,
        subject_id=user.id,
        actor_id=user.id,
        before={"email": MASK},  # the log knows people by id alone
        after={"email": MASK},
    )
    return user.email


async def _tell(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, *, to: str
) -> None:
    await post_mail(
        context,
        connection,
        to=to,
        locale=user.locale,
        template=MailTemplate.EMAIL_CHANGED,
        params={
            "name": user.name,
            "email": user.email,
            "at": context.ports.clock.now().isoformat(),
            "time_zone": user.time_zone,
        },
    )
