"""The loops that read mailboxes: one for each, so that a slow server holds up no other."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from api.metrics import Metrics
from api.workers.pacing import wait_for
from resolvers.context import RequestContext
from resolvers.mailbox_leases import MailboxLease
from resolvers.mailbox_reading import MailboxReader, MailReading, MailTold, ReadingStoppedError
from resolvers.mailboxes import (
    Mailbox,
    MailboxRefusedError,
    MailboxUnavailableError,
    MailIntake,
)

_log = structlog.stdlib.get_logger("linkyard.mailboxes")

_RETRY_S: Final = (2.0, 5.0, 15.0, 30.0, 60.0)  # waits after failures in a row
_BREATH_S: Final = 1.0  # after a connection that ended while nothing happened, or empty news
_END_S: Final = 5.0  # that the store gets at the end, to hear that the lease is free


class MailboxWorker:
    """One per machine. Several machines share the mailboxes: leases keep them apart."""

    def __init__(
        self,
        context: RequestContext,
        *,
        mailboxes: Sequence[Mailbox],
        intake: MailIntake,
        poll_s: float,
        metrics: Metrics | None = None,
    ) -> None:
        """Connect to nobody yet.

        Args:
            context: of the worker.
            mailboxes: each is read by a loop of its own.
            intake: takes the messages.
            poll_s: seconds between two looks, where the server does not tell of new mail.
            metrics: of the process; None counts nothing.
        """
        self.loops = [
            MailboxLoop(context, mailbox=each, intake=intake, poll_s=poll_s, metrics=metrics)
            for each in mailboxes
        ]

    async def run(self) -> None:
        """Read for ever; cancelling it at any moment is safe.

        A message that was not marked comes again.
        """
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop.run())


class MailboxLoop:
    """The loop of one mailbox. What keeps it from its mail is told once, until it is over."""

    def __init__(
        self,
        context: RequestContext,
        *,
        mailbox: Mailbox,
        intake: MailIntake,
        poll_s: float,
        metrics: Metrics | None,
    ) -> None:
        """See MailboxWorker."""
        self._mailbox = mailbox
        self._reader = MailboxReader(
            mailbox,
            right=MailboxLease(context, mailbox=mailbox.name),
            intake=intake,
            clock=context.ports.clock,
            tell=self._tell,
        )
        self._poll_s = poll_s
        self._metrics = metrics
        self._never = asyncio.Event()
        self._failures = 0
        self._told: type[Exception] | None = None

    async def run(self) -> None:
        """Read for ever, and let go of the mailbox at the end."""
        try:
            while True:
                rest_s = await self.step()
                await wait_for(self._never, rest_s)
        finally:
            await self.close()

    async def step(self) -> float:
        """Read what is new, then wait for more; return how long to rest before the next step."""
        try:
            done = await self._reader.read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must go on
            return self._fails(error)
        self._works()
        if done is None:
            return self._poll_s
        try:
            has_news = await self._mailbox.wait(self._poll_s)
        except MailboxUnavailableError:  # servers end what is idle; if it is more we hear it next
            return _BREATH_S
        return _BREATH_S if has_news and not done else 0.0

    async def close(self) -> None:
        """Let go of the mailbox; never raises."""
        with suppress(Exception):  # the lease ends by itself
            async with asyncio.timeout(_END_S):
                await self._reader.close()

    def _works(self) -> None:
        if self._failures:
            _log.info("a mailbox can be read again", mailbox=self._mailbox.name)
            self._failures, self._told = 0, None
            self._count_failing(-1)

    def _fails(self, error: Exception) -> float:
        self._failures += 1
        if self._failures == 1:
            self._count_failing(1)
        if type(error) is not self._told:
            self._told = type(error)
            self._complain(error)
        return _RETRY_S[min(self._failures, len(_RETRY_S)) - 1]

    def _complain(self, error: Exception) -> None:
        name = self._mailbox.name
        match error:
            case MailboxRefusedError():
                _log.error(
                    "a mailbox refuses our name or password: nothing is read until it takes them",
                    mailbox=name,
                    reason=str(error),
                )
            case MailboxUnavailableError():
                _log.warning(
                    "a mailbox cannot be read, tried again until it can",
                    mailbox=name,
                    reason=str(error),
                )
            case ReadingStoppedError():
                _log.warning("mail cannot be taken in, tried again until it can", mailbox=name)
            case _:
                _log.warning("reading failed, tried again", mailbox=name, exc_info=error)

    def _tell(self, told: MailTold) -> None:
        if self._metrics is not None:
            self._metrics.counter("linkyard_mails_read_total", told.outcome.value).inc()
        where = {"mailbox": self._mailbox.name, "uid": told.key.uid}
        if told.outcome is MailReading.TOO_LARGE and told.mail is not None:
            _log.warning(
                "a mail is larger than LINKYARD_IMAP_MAX_BYTES, and stays in its mailbox",
                **where,
                size_bytes=told.mail.size_bytes,
            )
        elif told.outcome is MailReading.FAILED and told.failures == 1:
            _log.warning(
                "a mail could not be taken in, tried again until it can",
                **where,
                error=repr(told.error),
            )

    def _count_failing(self, by: int) -> None:
        if self._metrics is not None:
            self._metrics.gauge("linkyard_mailboxes_failing").inc(by)
