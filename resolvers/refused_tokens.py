"""Tells the audit log of one-time tokens that opened nothing, without letting anybody fill it."""

from tortoise.transactions import in_transaction

from models.errors import RateLimitedError
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.rate_limits import RateLimit
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.limits import spend


async def note_refused_token(context: RequestContext, purpose: TokenPurpose | str) -> None:
    """Add an entry about a token that was unknown, used or expired.

    Nobody knows whose it was, so it counts by address: one entry in ten minutes, the
    first. Call it outside of a transaction.

    Args:
        context: whose origin is named.
        purpose: the door that it was tried at.
    """
    try:
        await spend(context, RateLimit.TOKEN_NOTE, context.origin.address)
    except RateLimitedError:
        return
    async with in_transaction("default") as connection:
        await log_action(
            context, connection, AuditAction.TOKEN_REFUSE, after={"purpose": str(purpose)}
        )
