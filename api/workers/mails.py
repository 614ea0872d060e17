"""The loop that sends letters: a few at once, so that a slow server for one holds up no other."""

import asyncio
import time
from collections import deque
from typing import Final

import structlog

from api.ending_tasks import end_tasks
from api.metrics import Metrics
from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.letter_order_filling import fill_orders
from resolvers.letters import Letterhead
from resolvers.mail_backlog import is_mail_due, mail_backlog
from resolvers.mail_sending import (
    ClaimedMail,
    MailOutcome,
    claim_mails,
    send_mail,
)
from resolvers.ports import Mailer

_log = structlog.stdlib.get_logger("linkyard.mail")

_AT_ONCE: Final = 4
_LOOK_S: Final = 1.0
_COUNT_S: Final = 5.0  # between two counts of what waits
_MINUTE_S: Final = 60.0
_END_S: Final = 5.0  # that letters on their way get at the end

_COUNTED: Final = {
    MailOutcome.SENT: "linkyard_mails_sent_total",
    MailOutcome.DEFERRED: "linkyard_mails_deferred_total",
    MailOutcome.AWAY: "linkyard_mails_deferred_total",
    MailOutcome.FAILED: "linkyard_mails_failed_total",
}


class MailWorker:
    """One per machine. Several machines share the outbox: claims keep them apart."""

    def __init__(
        self,
        context: RequestContext,
        *,
        mailer: Mailer,
        head: Letterhead,
        metrics: Metrics,
        per_minute: int,
    ) -> None:
        """Send nothing yet.

        Args:
            context: of the worker.
            mailer: takes the letters.
            head: of all letters.
            metrics: of the process.
            per_minute: most letters in any minute that this worker begins to send.
        """
        self._context = context
        self._mailer = mailer
        self._head = head
        self._counters = {outcome: metrics.counter(name) for outcome, name in _COUNTED.items()}
        self._waiting = metrics.gauge("linkyard_mails_waiting")
        self._per_minute = per_minute
        self._begun: deque[float] = deque()  # moments of the last minute
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._is_away = False
        self._counted_at = float("-inf")

    async def run(self, *, wake: asyncio.Event) -> None:
        """Step for ever, at once when `wake` is set; cancelling it at any moment is safe.

        Letters on their way get a moment to arrive. One that does not is sent again when
        its claim is over.
        """
        self._wake = wake
        try:
            await keep_doing("mails", self.step, wake=wake, every_s=_LOOK_S)
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=_END_S)
            await end_tasks(self._sending)

    async def step(self) -> bool:
        """Begin to send what is due and has room; False, because the end of a letter wakes us."""
        await fill_orders(self._context)
        room = self._room()
        if room > 0 and await is_mail_due(self._context.ports.clock):
            for mail in await claim_mails(self._context, limit=room):
                self._begun.append(time.monotonic())
                task = asyncio.create_task(self._send(mail))
                self._sending.add(task)
                task.add_done_callback(self._sent)
        await self._count_waiting()
        return False

    async def finish(self) -> None:
        """Wait until the letters on their way have arrived, or not."""
        while self._sending:
            await asyncio.wait(self._sending)

    def _room(self) -> int:
        """Return how many letters may begin now; one at a time while no server takes any."""
        oldest = time.monotonic() - _MINUTE_S
        while self._begun and self._begun[0] <= oldest:
            self._begun.popleft()
        at_once = 1 if self._is_away else _AT_ONCE
        return min(at_once - len(self._sending), self._per_minute - len(self._begun))

    async def _send(self, mail: ClaimedMail) -> None:
        outcome = await send_mail(self._context, mail, mailer=self._mailer, head=self._head)
        self._is_away = outcome is MailOutcome.AWAY
        self._counters[outcome].inc()

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not self._sending:  # so that the last letter does not count as waiting for long
            self._counted_at = float("-inf")
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a mail is tried again when its claim is over", exc_info=error)
        if not self._is_away:  # else the next look is soon enough to ask again
            self._wake.set()

    async def _count_waiting(self) -> None:
        if time.monotonic() - self._counted_at >= _COUNT_S:
            backlog = await mail_backlog(self._context.ports.clock)
            self._waiting.set(backlog.waiting)
            self._counted_at = time.monotonic()
