"""What reading mail needs from the outside. api.adapters implements it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class MailboxUnavailableError(Exception):
    """The mailbox cannot be read now; the message says why, in one line, for the operator."""


class MailboxRefusedError(MailboxUnavailableError):
    """The server does not take our name and password: only the operator can change that."""


class MailStuckError(Exception):
    """The server does not do what was asked with one message; others may be read."""


@dataclass(frozen=True, slots=True, order=True)
class MailKey:
    """One message of one mailbox, for ever. Source: RFC 3501 section 2.3.1.1.

    Attributes:
        uid_validity: another number than before: the folder was made anew, and all numbers of
            messages with it.
        uid: of two messages the later one has the higher number.
    """

    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """What is not done yet: numbers of messages of one folder, the oldest first."""

    uid_validity: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedMail:
    """A message as the server keeps it.

    Attributes:
        raw: all of it, or only its head where it is too large.
        received_at: when the server got it, aware, in UTC.
        size_bytes: of all of it.
        is_whole: False for one that is too large to be taken.
    """

    key: MailKey
    raw: bytes = field(repr=False)
    received_at: datetime
    size_bytes: int
    is_whole: bool = True


class Mailbox(Protocol):
    """A folder of mail somewhere else. One task at a time may use it.

    A message that is not marked as done comes again, whatever happened to us meanwhile. All
    methods but `close` raise MailboxUnavailableError or MailboxRefusedError; after that
    `waiting` begins anew. Cancelling any of them is safe, and breaks the connection.
    """

    @property
    def name(self) -> str:
        """What tells it from every other mailbox; holds no secret."""
        ...

    async def waiting(self, *, after: MailKey | None = None) -> WaitingMail:
        """Look for messages that are not done.

        Args:
            after: leave out this message and those before it. Means nothing in a folder that
                was made anew.
        """
        ...

    async def fetch(self, key: MailKey) -> FetchedMail | None:
        """Return a message that `waiting` told of, None if it is gone; it stays as it is.

        Raises:
            MailStuckError: see there.
        """
        ...

    async def mark_done(self, key: MailKey) -> None:
        """Let a message be told no more: to be called when its bytes are stored, never before.

        Doing it twice does no harm.

        Raises:
            MailStuckError: see there.
        """
        ...

    async def wait(self, seconds: float) -> bool:
        """Return after so many seconds, or sooner, with True, when the server tells of mail."""
        ...

    async def close(self) -> None:
        """Let go of the connection; never raises, and `waiting` makes a new one."""
        ...


class ReadingRight(Protocol):
    """Keeps the readers of one mailbox apart, on all machines."""

    async def hold(self) -> bool:
        """Tell whether this reader may read now, and let no other one for a while."""
        ...

    async def release(self) -> None:
        """Let the next reader begin at once."""
        ...


class MailIntake(Protocol):
    """Takes in what was sent to us."""

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """Store a message; only when this returns it is marked as done on its server.

        The same message may come again at any time: after a crash, by a second machine, from
        a second folder. Whoever implements this knows it by its contents.

        Args:
            raw: as it was sent, whatever it is.
            mailbox: Mailbox.name.
            received_at: when its server got it.
        """
        ...
