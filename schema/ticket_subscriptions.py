"""GraphQL face of a ticket as it goes on."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from models.rules.scopes import Scope
from resolvers.context import Viewer
from resolvers.ticket_marks import ticket_as_seen
from schema.access import UnauthenticatedError, check_access, labelled
from schema.context import GraphQLContext, Info
from schema.ticket_answers import ticket_row_id
from schema.tickets import TicketType


@strawberry.type
class TicketSubscriptions:
    @strawberry.subscription(
        description="A ticket as it is now, and again whenever something happens to it that you "
        "may see; several changes at once may come as one. Ends when you do not see the ticket, "
        "and when your rights change: ask anew then.",
        **labelled(Scope.TICKET_READ),
    )
    async def ticket_changed(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Of the ticket.")],
    ) -> AsyncGenerator[TicketType, None]:
        check_access(info.context, Scope.TICKET_READ)
        row_id = ticket_row_id(id)
        async with aclosing(info.context.ports.live_tickets.watch(row_id)) as changes:
            seen = await ticket_as_seen(info.context, row_id)
            if seen is None:
                return
            yield TicketType.of(seen[0], info)
            async for _ in changes:
                context = await _present(info)
                if _rights(context.viewer) != _rights(info.context.viewer):
                    return  # what this stream shows was decided by those of its beginning
                now = await ticket_as_seen(context, row_id)
                if now is None:
                    return
                if now[1] != seen[1]:
                    seen = now
                    info.context.loaders.renew(context)
                    yield TicketType.of(seen[0], info)


async def _present(info: Info) -> GraphQLContext:
    """Return the context of now.

    Raises:
        UnauthenticatedError: the credential is worth nothing any more.
        NotPermittedError: it, or its person's role, lost the scope.
    """
    context = await info.context.renew()
    if context is None:
        raise UnauthenticatedError
    check_access(context, Scope.TICKET_READ)
    return context


def _rights(viewer: Viewer) -> tuple[object, ...]:
    return viewer.user_id, viewer.organization_id, viewer.scopes, viewer.reach
