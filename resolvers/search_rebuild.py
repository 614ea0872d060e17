"""Make anew what search finds by: after a version that knows other words, or to be sure.

Runs beside the service: a batch at a time, each under the locks of its rows. Whatever
changes meanwhile is found by its new words either way.
"""

from collections.abc import AsyncIterator
from typing import Final

from tortoise.transactions import in_transaction

from models.articles import Article
from models.orm import is_sqlite, mark, writer
from models.raw_sql import execute
from models.search_documents import SearchKind
from models.tickets import Ticket
from resolvers.article_texts import index_article
from resolvers.context import RequestContext
from resolvers.ticket_search import index_ticket

_AT_ONCE: Final = 20  # of one transaction, which others wait for


async def rebuild_search(context: RequestContext) -> AsyncIterator[int]:
    """Index every ticket and every article anew; yield how many are done so far.

    What belongs to nothing any more goes at the end.
    """
    done = 0
    now = context.ports.clock.now()
    for kind, model in ((SearchKind.TICKET, Ticket), (SearchKind.ARTICLE, Article)):
        after = -1
        while True:
            async with in_transaction("default") as connection:
                rows = model.filter(id__gt=after).order_by("id").limit(_AT_ONCE)
                rows = rows.using_db(connection)
                if not is_sqlite(connection):
                    rows = rows.select_for_update(no_key=True)
                found = await rows
                for row in found:
                    if isinstance(row, Article):
                        await index_article(connection, row)
                    else:
                        await index_ticket(connection, ticket_id=row.id, now=now)
            if not found:
                break
            done, after = done + len(found), found[-1].id
            yield done
        pool = writer()
        await execute(
            pool,
            f"DELETE FROM search_document WHERE kind = {mark(connection, 1)}"
            f" AND owner_id NOT IN (SELECT id FROM {kind.value.lower()})",
            [kind.value],
        )
