"""What a use case calls before it does what may not be done too often.

Call it first: before the work that it bounds, and before a transaction is opened. A
mutation that checks a guess calls it once for each guess, so that a document with 101
guesses under aliases pays 101 times.
"""

from models.errors import RateLimitedError
from models.rules.rate_limits import RULES, RateLimit, WindowRule
from resolvers.context import RequestContext


async def spend(context: RequestContext, limit: RateLimit, subject: str, *, cost: int = 1) -> None:
    """Count a try, or refuse it.

    Args:
        context: of the request; its clock is the one that counts.
        limit: see models.rules.rate_limits.RULES.
        subject: who or what is limited, as RateLimit says; addresses as they come.
        cost: hits of this try.

    Raises:
        RateLimitedError: the limit is reached; the try was not counted.
        OpenTransactionError: the end of the transaction could take the count back.
    """
    now = context.ports.clock.now()
    spending = await context.ports.rates.spend(limit, RULES[limit], subject, cost=cost, now=now)
    if not spending.is_allowed:
        raise RateLimitedError(spending.retry_after_s)


async def forgive(context: RequestContext, limit: RateLimit, subject: str) -> None:
    """Forget the failures of a subject whose last try was right: for limits that back off.

    Raises:
        OpenTransactionError: see spend.
    """
    await context.ports.rates.forgive(limit, subject)


async def give_back(
    context: RequestContext, limit: RateLimit, subject: str, *, cost: int = 1
) -> None:
    """Take a try back that was no wrong guess: many people at one address know the password.

    Counting comes first all the same, so that guesses in parallel cannot outrun the limit.

    Args:
        context: of the request that has spent.
        limit: one with a window that is counted in the store.
        subject: as it was given to `spend`.
        cost: as there.

    Raises:
        OpenTransactionError: see spend.
    """
    rule = RULES[limit]
    if not isinstance(rule, WindowRule):
        raise TypeError(limit)
    now = context.ports.clock.now()
    await context.ports.rates.give_back(limit, rule, subject, cost=cost, now=now)
