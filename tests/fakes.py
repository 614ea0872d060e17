"""In-memory stand-ins for resolvers.ports. Real behaviour, no mocks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Self

from resolvers.ports import ClickEvent


@dataclass
class FixedClock:
    """Stands still until a test moves it."""

    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        """See Clock.now."""
        return self.at


@dataclass
class CountingSignal:
    """Counts the wake-ups."""

    sent: int = 0

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""
        self.sent += 1


class MemoryWatcher:
    """See ClickWatcher. A plain iterator, as the real ones are: no generator."""

    def __init__(self, watchers: list["MemoryWatcher"]) -> None:
        self.queue: asyncio.Queue[ClickEvent] = asyncio.Queue()
        self._watchers = watchers
        watchers.append(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClickEvent:
        return await self.queue.get()

    async def aclose(self) -> None:
        """See ClickWatcher.aclose."""
        self._watchers.remove(self)


@dataclass
class MemoryFeed:
    """Hands published clicks to every watcher of this process."""

    watchers: list[MemoryWatcher] = field(default_factory=list)
    watched: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""
        for watcher in self.watchers:
            for event in events:
                watcher.queue.put_nowait(event)

    def watch(self) -> MemoryWatcher:
        """See ClickFeed.watch. `watched` is set once the first watcher listens."""
        self.watched.set()
        return MemoryWatcher(self.watchers)


@dataclass
class Postbox:
    """Mailer that keeps what it takes, and says no when it is told to."""

    refusal: Exception | None = None
    taken: list[tuple[int, str, EmailMessage]] = field(default_factory=list)

    async def send(self, letter: EmailMessage, *, to: str, letter_id: int) -> str:
        """See Mailer.send."""
        if self.refusal is not None:
            raise self.refusal
        self.taken.append((letter_id, to, letter))
        return "250 taken"


@dataclass
class MailTray:
    """MailIntake that keeps what it takes, and fails when it is told to.

    Attributes:
        broken: subjects of messages that cannot be taken.
        failure: what happens to every message.
        then: called with each message that was taken.
    """

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    received_at: list[datetime] = field(default_factory=list)
    broken: set[bytes] = field(default_factory=set)
    failure: Exception | None = None
    then: Callable[[bytes], None] | None = None

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """See MailIntake.receive."""
        if self.failure is not None:
            raise self.failure
        for subject in self.broken:
            if b"Subject: " + subject + b"\r\n" in raw:
                raise ValueError(subject)
        self.taken.append((mailbox, raw))
        self.received_at.append(received_at)
        if self.then is not None:
            self.then(raw)
