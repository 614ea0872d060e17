"""What the worker makes of ordered letters, see resolvers.letter_orders."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import DomainError
from models.letter_orders import LetterKind, LetterOrder
from resolvers.context import RequestContext
from resolvers.email_changes import post_email_change
from resolvers.letter_orders import asked_by, oldest_orders, take_order
from resolvers.passwords import post_reset
from resolvers.sign_up import post_sign_up

_log = structlog.stdlib.get_logger("linkyard.mail")
_Fill: TypeAlias = Callable[[RequestContext, BaseDBAsyncClient, LetterOrder], Awaitable[None]]
_FILL: Final[Mapping[LetterKind, _Fill]] = {
    LetterKind.PASSWORD_RESET: post_reset,
    LetterKind.SIGN_UP: post_sign_up,
    LetterKind.EMAIL_CHANGE: post_email_change,
}


async def fill_orders(context: RequestContext) -> int:
    """Make letters of the orders that wait, each in a transaction; return how many were taken.

    An order is gone exactly when its letter is posted, or nobody is there to write to, or
    no letter can be made of it, which the log then says: it holds up no other one.
    Several workers may do this at once.
    """
    taken = 0
    for order in await oldest_orders():
        try:
            async with in_transaction("default") as connection:
                if await take_order(connection, order):
                    await _FILL[order.kind](asked_by(context, order), connection, order)
                    taken += 1
        except DomainError as refusal:
            _log.warning("an ordered letter cannot be made", kind=order.kind, reason=refusal.code)
            await LetterOrder.filter(id=order.id).delete()
    return taken
