"""Live click events inside one process: how they travel, and who watches."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Self

import orjson

from resolvers.ports import ClickEvent

_MAX_WAITING: Final = 1000  # events; a watcher that reads slower loses the oldest
_MAX_MESSAGE_BYTES: Final = 32_768


class Watcher:
    """ClickWatcher of one process; one that is dropped unclosed ends, too."""

    def __init__(self, leave: Callable[["Watcher"], None]) -> None:
        self._leave = leave
        self._waiting: deque[ClickEvent] = deque(maxlen=_MAX_WAITING)
        self._arrived = asyncio.Event()

    def offer(self, events: Sequence[ClickEvent]) -> None:
        """Queue events; the oldest ones go when the queue is full."""
        self._waiting.extend(events)
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClickEvent:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """See ClickWatcher.aclose."""
        self._leave(self)


class ClickWatchers:
    """The watchers of this process, held weakly."""

    def __init__(self) -> None:
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()

    def __bool__(self) -> bool:
        return len(self._watchers) > 0

    def add(self) -> Watcher:
        """Return a new watcher."""
        watcher = Watcher(self._watchers.discard)
        self._watchers.add(watcher)
        return watcher

    def offer(self, message: bytes) -> None:
        """Give the events of one message to every watcher; a message that is none is dropped."""
        try:
            events = [_decoded(fields) for fields in orjson.loads(message)]
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        for watcher in list(self._watchers):
            watcher.offer(events)


def encode_events(events: Sequence[ClickEvent]) -> Iterator[bytes]:
    """Yield messages of at most 32 KiB that hold all the events in order."""
    parts: list[bytes] = []
    size = 0
    for event in events:
        part = orjson.dumps(event)
        if parts and size + len(part) > _MAX_MESSAGE_BYTES:
            yield b"[" + b",".join(parts) + b"]"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield b"[" + b",".join(parts) + b"]"


def _decoded(fields: dict[str, Any]) -> ClickEvent:
    at = datetime.fromisoformat(fields.pop("at"))
    return ClickEvent(at=at, **fields)
