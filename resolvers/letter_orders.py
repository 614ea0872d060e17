"""Letters asked for by address: ordered in the request, made by the worker.

Whether an address has an account must not show in how long a request takes, and what was
answered must survive the process. So a request writes the same row for every address, and
who stands behind it is looked up later.
"""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.engines.commits import after_commit
from models.letter_orders import LetterKind, LetterOrder
from models.orm import is_sqlite
from models.rules.mail_addresses import deliverable
from resolvers.context import Origin, RequestContext

_AT_ONCE: Final = 100  # orders of one look


async def order_letter(
    context: RequestContext,
    kind: LetterKind,
    *,
    email: str,
    locale: str,
    user_id: int | None = None,
) -> None:
    """Order a letter; must not be called inside a transaction.

    Args:
        context: its worker is woken after the commit.
        kind: what it is about.
        email: as check_email returns it.
        locale: for somebody we do not know.
        user_id: who asked, if they are signed in and the letter is about their account.

    Raises:
        ValueInvalidError: no letter can go to such an address.
    """
    deliverable(email)
    async with in_transaction("default") as connection:
        await LetterOrder.create(
            using_db=connection,
            kind=kind,
            email=email,
            locale=locale,
            address=context.origin.address,
            request_id=context.origin.request_id,
            user_id=user_id,
        )
        after_commit(connection, context.ports.mail_signal.mail_posted)


async def oldest_orders() -> list[LetterOrder]:
    """Return the orders that wait, the oldest first, a bounded number."""
    return await LetterOrder.all().order_by("id").limit(_AT_ONCE)


async def take_order(connection: BaseDBAsyncClient, order: LetterOrder) -> bool:
    """Take an order in the open transaction; False if another worker was faster."""
    rows = LetterOrder.filter(id=order.id).using_db(connection)
    if is_sqlite(connection):
        return bool(await rows.delete())
    locked = await rows.select_for_update(skip_locked=True).first()
    return locked is not None and bool(await rows.delete())


def asked_by(context: RequestContext, order: LetterOrder) -> RequestContext:
    """Return the context of whoever ordered: nobody, from where the request came."""
    origin = Origin(address=order.address, request_id=order.request_id)
    return RequestContext(context.viewer, context.ports, origin)
