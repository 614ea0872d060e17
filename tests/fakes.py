"""In-memory stand-ins for resolvers.ports. Real behaviour, no mocks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

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


@dataclass
class MemoryFeed:
    """Hands published clicks to every watcher of this process."""

    watchers: list[asyncio.Queue[ClickEvent]] = field(default_factory=list)
    watched: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""
        for queue in self.watchers:
            for event in events:
                queue.put_nowait(event)

    async def watch(self) -> AsyncIterator[ClickEvent]:
        """See ClickFeed.watch. `watched` is set once the first watcher listens."""
        queue: asyncio.Queue[ClickEvent] = asyncio.Queue()
        self.watchers.append(queue)
        self.watched.set()
        try:
            while True:
                yield await queue.get()
        finally:
            self.watchers.remove(queue)
