"""The loop of the support desk: what happens to tickets when their time has come."""

import asyncio
from typing import Final

from api.workers.pacing import keep_doing
from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.context import RequestContext, Viewer
from resolvers.service_book import renew_for_holidays
from resolvers.service_closing import closing_moment
from resolvers.service_sweep import is_swept, sweep_clocks
from resolvers.ticket_moves import close_resolved, wake_due_tickets
from resolvers.ticket_search import index_sent_answers

_EVERY_S: Final = 5.0
_AT_ONCE: Final = 200
# A job sees every ticket, and is nobody: the audit log names no person.
_JOB: Final = Viewer(
    scopes=frozenset({Scope.TICKET_READ, Scope.TICKET_WRITE, Scope.TICKET_STAFF}), reach=Reach.ALL
)


class TicketWorker:
    """One per machine. Several share the work: the ticket's lock keeps them apart."""

    def __init__(self, context: RequestContext) -> None:
        self._context = RequestContext(_JOB, context.ports)
        self._is_new = True

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        await keep_doing("tickets", self.step, wake=asyncio.Event(), every_s=_EVERY_S)

    async def step(self) -> bool:
        """Wake, close and warn what is due; return whether there is more of it."""
        if self._is_new:
            await renew_for_holidays()
            self._is_new = False
        woken = await wake_due_tickets(self._context, limit=_AT_ONCE)
        days = self._context.ports.desk.close_days
        before = await closing_moment(self._context, days=days) if days else None
        closed = 0
        if before is not None:
            closed = await close_resolved(self._context, before=before, limit=_AT_ONCE)
        sent = await index_sent_answers(self._context, limit=_AT_ONCE)
        await sweep_clocks(self._context)
        return _AT_ONCE in {woken, closed, sent} or not await is_swept(self._context)
