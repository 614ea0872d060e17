"""Reading a mailbox: every message is handed over, and only then marked as done.

All that is remembered between two looks is here in memory: a reader that begins anew gets
what is not marked once more, which whoever takes it in knows by its contents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from resolvers.mailboxes import (
    FetchedMail,
    Mailbox,
    MailboxUnavailableError,
    MailIntake,
    MailKey,
    ReadingRight,
    WaitingMail,
)
from resolvers.ports import Clock

# After so many failures in a row nobody expects the next message to fare better.
MOST_IN_A_ROW: Final = 3
_PUT_OFF: Final = (  # a message that failed, by its failures; the last one goes on for ever
    timedelta(0),
    timedelta(0),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
)


class MailReading(StrEnum):
    """What came of one message."""

    STORED = "stored"
    TOO_LARGE = "too_large"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTold:
    """What came of one message, for log and counters.

    Attributes:
        mail: None where it could not even be fetched.
        error: of a failure.
        failures: so far, this one counted.
    """

    outcome: MailReading
    key: MailKey
    mail: FetchedMail | None = None
    error: Exception | None = None
    failures: int = 0


class ReadingStoppedError(Exception):
    """Several messages failed one after the other: it is not about them."""


@dataclass(frozen=True, slots=True)
class _Failed:
    failures: int
    due_at: datetime


class MailboxReader:
    """The reader of one mailbox; a second one, anywhere, stands by until this one is gone."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        right: ReadingRight,
        intake: MailIntake,
        clock: Clock,
        tell: Callable[[MailTold], None],
    ) -> None:
        """Read nothing yet.

        Args:
            mailbox: nobody else here uses it.
            right: to read it.
            intake: takes the messages.
            clock: says when a message that failed is due again.
            tell: gets what came of each message.
        """
        self._mailbox = mailbox
        self._right = right
        self._intake = intake
        self._clock = clock
        self._tell = tell
        self._position: MailKey | None = None
        self._uid_validity: int | None = None
        self._open: set[int] = set()  # told of by the server, and neither done nor left there
        self._stored: set[int] = set()  # taken in, but not marked yet
        self._left: set[int] = set()  # too large
        self._failed: dict[int, _Failed] = {}

    async def read(self) -> int | None:
        """Hand over what is new, the oldest first.

        Returns:
            How many messages were done; None if another reader has the mailbox.

        Raises:
            MailboxUnavailableError, MailboxRefusedError: see there.
            ReadingStoppedError: see there; what is left comes with the next call.
            Exception: the store could not be asked for the right to read.
        """
        if not await self._right.hold():
            return None
        waiting = await self._mailbox.waiting(after=self._position)
        self._begin(waiting)
        done = in_a_row = 0
        try:
            for uid in waiting.uids:
                if uid in self._left or self._is_put_off(uid):
                    continue
                if not await self._right.hold():
                    return None
                error = await self._try(MailKey(waiting.uid_validity, uid))
                if isinstance(error, MailboxUnavailableError):
                    raise error
                done += uid not in self._open and uid not in self._left
                in_a_row = in_a_row + 1 if error is not None else 0
                if in_a_row >= MOST_IN_A_ROW:
                    raise ReadingStoppedError(f"{in_a_row} messages in a row failed") from error
        finally:
            self._move_on(waiting)
        return done

    async def close(self) -> None:
        """Let go of the connection, and of the right to read if the store can be asked."""
        await self._mailbox.close()
        await self._right.release()

    def _begin(self, waiting: WaitingMail) -> None:
        """Forget what the folder does not have any more: all of it, if it was made anew."""
        if waiting.uid_validity != self._uid_validity:
            self._uid_validity, self._position = waiting.uid_validity, None
            self._left.clear()
            self._stored.clear()
            self._failed.clear()
        self._open = set(waiting.uids) - self._left
        self._stored &= self._open
        self._failed = {uid: each for uid, each in self._failed.items() if uid in self._open}

    def _is_put_off(self, uid: int) -> bool:
        failed = self._failed.get(uid)
        return failed is not None and self._clock.now() < failed.due_at

    async def _try(self, key: MailKey) -> Exception | None:
        """Take a message; return what went wrong, after telling it."""
        mail: FetchedMail | None = None
        try:
            if key.uid not in self._stored:
                mail = await self._mailbox.fetch(key)
                if mail is None:  # somebody took it away, or it shows up again
                    return None
                if not mail.is_whole:
                    self._leave(mail)
                    return None
                await self._intake.receive(mail.raw, self._mailbox.name, mail.received_at)
                self._stored.add(key.uid)
                self._tell(MailTold(outcome=MailReading.STORED, key=key, mail=mail))
            await self._mailbox.mark_done(key)
        except Exception as error:  # noqa: BLE001 - one message must not hold up the others
            self._fail(key, mail, error)
            return error
        self._stored.discard(key.uid)
        self._failed.pop(key.uid, None)
        self._open.discard(key.uid)
        return None

    def _leave(self, mail: FetchedMail) -> None:
        self._left.add(mail.key.uid)
        self._failed.pop(mail.key.uid, None)
        self._open.discard(mail.key.uid)
        self._tell(MailTold(outcome=MailReading.TOO_LARGE, key=mail.key, mail=mail))

    def _fail(self, key: MailKey, mail: FetchedMail | None, error: Exception) -> None:
        """Put a message off. A connection that ends is blamed on it the second time only."""
        before = self._failed.get(key.uid)
        first = 0 if isinstance(error, MailboxUnavailableError) else 1
        failures = first if before is None else before.failures + 1
        due_at = self._clock.now() + _PUT_OFF[min(failures, len(_PUT_OFF) - 1)]
        self._failed[key.uid] = _Failed(failures, due_at)
        if failures:
            self._tell(
                MailTold(
                    outcome=MailReading.FAILED, key=key, mail=mail, error=error, failures=failures
                )
            )

    def _move_on(self, waiting: WaitingMail) -> None:
        """Look next time behind what is done, so that what was left need not be told again."""
        last = min(self._open) - 1 if self._open else max(waiting.uids, default=0)
        before = self._position.uid if self._position is not None else 0
        self._position = MailKey(waiting.uid_validity, max(last, before))
