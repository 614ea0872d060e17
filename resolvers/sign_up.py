"""People who make their own account, where the operator lets them."""

from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import SignUpClosedError, TokenInvalidError
from models.letter_orders import LetterKind, LetterOrder
from models.one_time_tokens import TokenPurpose
from models.rules import portal_paths
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import MailTemplate
from models.rules.passwords import check_password
from models.rules.plain_text import check_text
from models.rules.rate_limits import RateLimit
from models.rules.roles import CUSTOMER
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.letter_orders import order_letter
from resolvers.limits import spend
from resolvers.mails import post_mail
from resolvers.one_time_tokens import find_token, issue_token, use_token
from resolvers.refused_tokens import refuse_token
from resolvers.sign_in import require_secure
from resolvers.users import MAX_NAME_LENGTH, check_email

SIGN_UP_LIFE: Final = timedelta(hours=24)


async def request_sign_up(context: RequestContext, *, email: str, locale: str) -> str:
    """Send a letter by which an account can be made; those who have one are told so by letter.

    The answer, the address as it is stored, is the same for all, and so is the work before it.

    Raises:
        SignUpClosedError: the operator lets nobody.
        ValueInvalidError, ValueRequiredError, TextTooLongError: it is no address at all.
        RateLimitedError: too many requests for this address, or from the client's.
    """
    _require_open(context)
    account = check_email(email)
    await spend(context, RateLimit.SIGN_UP_ADDRESS, context.origin.address)
    await spend(context, RateLimit.SIGN_UP_ACCOUNT, account)
    await order_letter(context, LetterKind.SIGN_UP, email=account, locale=locale)
    return account


async def post_sign_up(
    context: RequestContext, connection: BaseDBAsyncClient, order: LetterOrder
) -> None:
    """Post the letter that somebody ordered: the way to an account, or that there is one."""
    user = await User.filter(email=order.email).using_db(connection).first()
    await log_action(
        context,
        connection,
        AuditAction.SIGN_UP_REQUEST,
        subject_id=None if user is None else user.id,
    )
    if user is None:
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.SIGN_UP,
            payload={"email": order.email, "locale": order.locale},
            life=SIGN_UP_LIFE,
        )
        ends_at = context.ports.clock.now() + SIGN_UP_LIFE
        await post_mail(
            context,
            connection,
            to=order.email,
            locale=order.locale,
            template=MailTemplate.SIGN_UP,
            params={
                "path": portal_paths.with_token(portal_paths.SIGN_UP, token),
                "expires_at": ends_at.isoformat(),
            },
        )
    elif user.deactivated_at is None:
        await post_mail(
            context,
            connection,
            to=user.email,
            locale=user.locale,
            template=MailTemplate.EMAIL_TAKEN_NOTICE,
            params={"name": user.name, "path": portal_paths.FRONT},
        )


async def sign_up(context: RequestContext, *, token: str, name: str, password: str) -> User:
    """Make the account of whoever a letter went to. Signs nobody in.

    Raises:
        InsecureTransportError: others could read the password on its way.
        SignUpClosedError: the operator lets nobody any more.
        TokenInvalidError: unknown, used, expired, or the address has an account by now.
        ValueInvalidError, ValueRequiredError, TextTooLongError: name or password; the
            token is as good as before.
        RateLimitedError: too many tokens that were none.
    """
    _require_open(context)
    require_secure(context)
    async with in_transaction("default") as connection:
        found = await find_token(context, connection, token, purpose=TokenPurpose.SIGN_UP)
    if found is None:
        await refuse_token(context, TokenPurpose.SIGN_UP)
        raise TokenInvalidError
    email, locale = str(found.payload["email"]), str(found.payload["locale"])
    shown = check_text(name, field="name", length=MAX_NAME_LENGTH) or email.partition("@")[0]
    check_password(password, field="password", own_words=(email, shown))
    password_hash = await context.ports.passwords.hash(password)
    now = context.ports.clock.now()
    try:
        async with in_transaction("default") as connection:
            if await use_token(context, connection, token, purpose=TokenPurpose.SIGN_UP) is None:
                raise TokenInvalidError  # somebody was faster
            user = await User.create(
                using_db=connection,
                email=email,
                name=shown,
                locale=locale,
                role=await Role.get(name=CUSTOMER, using_db=connection),
                password_hash=password_hash,
                password_changed_at=now,
                email_verified_at=now,
            )
            await log_action(context, connection, AuditAction.SIGN_UP, subject_id=user.id)
    except IntegrityError:
        raise TokenInvalidError from None
    return user


def _require_open(context: RequestContext) -> None:
    if not context.ports.access.may_sign_up:
        raise SignUpClosedError
