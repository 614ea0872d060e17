"""The loop that reads mail which was stored: a few at once, and none holds up the others."""

import asyncio
from datetime import datetime
from typing import Final

import structlog

from api.metrics import Metrics
from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.mail_desk import MailDesk
from resolvers.mail_intake import ClaimedRawMail, claim_raw_mails, process_raw_mail, put_off
from resolvers.mail_receiving import receive_mail

_log = structlog.stdlib.get_logger("linkyard.intake")

AT_ONCE: Final = 4
_LOOK_S: Final = 1.0


class IntakeWorker:
    """MailIntake, and the loop behind it. Several machines share what is stored."""

    def __init__(
        self, context: RequestContext, *, desk: MailDesk, metrics: Metrics | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            context: of the worker.
            desk: keys and addresses of the desk.
            metrics: of the process; None counts nothing.
        """
        self._context = context
        self._desk = desk
        self._metrics = metrics
        self._wake = asyncio.Event()

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """See MailIntake.receive."""
        await receive_mail(self._context, raw, mailbox=mailbox, received_at=received_at)
        self._wake.set()

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe.

        A mail that does not come to its end is read again when its claim is over.
        """
        await keep_doing("intake", self.step, wake=self._wake, every_s=_LOOK_S)

    async def step(self) -> bool:
        """Read what is due; return whether there may be more."""
        claimed = await claim_raw_mails(self._context, limit=AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for each in claimed:
                group.create_task(self._read(each))
        return len(claimed) == AT_ONCE

    async def _read(self, claimed: ClaimedRawMail) -> None:
        try:
            state = await process_raw_mail(self._context, claimed, desk=self._desk)
        except Exception as error:  # noqa: BLE001 - one mail must not hold up the others
            if claimed.attempts == 1:
                _log.warning(
                    "a mail could not be read, tried again", mail=claimed.id, exc_info=error
                )
            await put_off(self._context, claimed, error)
            self._count("failed")
        else:
            if state is not None:
                self._count(state.value.lower())

    def _count(self, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.counter("linkyard_mails_taken_total", outcome).inc()
