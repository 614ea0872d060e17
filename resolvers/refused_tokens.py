"""What every door does about a token that opens nothing: count it, and note it now and then."""

from tortoise.transactions import in_transaction

from models.errors import RateLimitedError
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.rate_limits import RateLimit
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.limits import spend


async def refuse_token(context: RequestContext, purpose: TokenPurpose | str) -> None:
    """Count a token that was unknown, used or expired, and tell the audit log.

    Nobody knows whose it was, so it counts by address; the log gets one entry in ten
    minutes, the first, so that nobody can fill it. Call it outside of a transaction, and
    refuse the token then.

    Args:
        context: whose origin is counted and named.
        purpose: the door that it was tried at.

    Raises:
        RateLimitedError: too many such tokens came from the address.
    """
    await spend(context, RateLimit.ONE_TIME_TOKEN, context.origin.address)
    try:
        await spend(context, RateLimit.TOKEN_NOTE, context.origin.address)
    except RateLimitedError:
        return
    async with in_transaction("default") as connection:
        await log_action(
            context, connection, AuditAction.TOKEN_REFUSE, after={"purpose": str(purpose)}
        )
