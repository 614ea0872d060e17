"""Ends connections that send or read too slowly.

aiohttp 3.14 has no limit for the time of a head or of a body. A connection is noted
here only while a message on it has begun and not ended, or while its client does not
read; one look a second over what is noted is all that happens. A request that comes
whole never passes here, and while nothing is noted no timer runs.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from api.connection_limits import ConnectionLimits


class Phase(Enum):
    """What of a connection is watched."""

    HEAD = "head"
    BODY = "body"
    LOST = "lost"  # nobody knows where its messages begin; it may not idle for long


class Watched(Protocol):
    """A connection, see api.fast_path."""

    @property
    def is_held_up(self) -> bool:
        """We do not take what the client sends, so it cannot be blamed."""
        ...

    @property
    def is_answering(self) -> bool:
        """A request is being answered."""
        ...

    def time_out(self, *, is_told: bool) -> None:
        """Close it; with 408 where the client still waits for an answer."""
        ...

    def cut(self) -> None:
        """Close it at once, whatever waits to be sent."""
        ...


class _Coming:
    __slots__ = ("came_bytes", "number", "phase", "since")

    def __init__(self, phase: Phase, number: int, since: float) -> None:
        self.phase = phase
        self.number = number
        self.since = since
        self.came_bytes = 0


class SlowClients:
    """The connections of a process that may be too slow."""

    def __init__(
        self,
        limits: ConnectionLimits,
        loop: asyncio.AbstractEventLoop,
        *,
        count: Callable[[str], None],
    ) -> None:
        """Watch nobody yet.

        Args:
            limits: of the process.
            loop: its clock.
            count: called with `head`, `body`, `lost` or `write` for each connection that is ended.
        """
        self._limits = limits
        self._loop = loop
        self._count = count
        self._coming: dict[Watched, _Coming] = {}
        self._stuck: dict[Watched, float] = {}
        self._patience_s: dict[Watched, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many are watched."""
        return len(self._coming) + len(self._stuck)

    def came(self, connection: Watched, phase: Phase, *, number: int, size_bytes: int) -> None:
        """Note bytes of a message that has not ended.

        Args:
            connection: of the message.
            phase: of the message after these bytes.
            number: tells it from the message before.
            size_bytes: of what came.
        """
        coming = self._coming.get(connection)
        if coming is None or coming.number != number or coming.phase is not phase:
            coming = _Coming(phase, number, self._loop.time())
            self._coming[connection] = coming
            self._schedule()
        else:
            coming.came_bytes += size_bytes

    def ended(self, connection: Watched) -> None:
        """Note that the connection is between two messages."""
        self._coming.pop(connection, None)

    def stuck(self, connection: Watched) -> None:
        """Note that the client does not read what is sent."""
        self._stuck[connection] = self._loop.time()
        self._schedule()

    def reads(self, connection: Watched) -> None:
        """Note that the client reads again."""
        self._stuck.pop(connection, None)

    def let_body_take(self, connection: Watched, extra_s: float) -> None:
        """Give the body that is coming so many seconds more than others; 0 takes them back."""
        if extra_s:
            self._patience_s[connection] = extra_s
        else:
            self._patience_s.pop(connection, None)

    def gone(self, connection: Watched) -> None:
        """Forget a connection."""
        self._patience_s.pop(connection, None)
        self._coming.pop(connection, None)
        self._stuck.pop(connection, None)

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        self._coming.clear()
        self._stuck.clear()

    def sweep(self) -> None:
        """Look at every connection that is noted, and end those that are too slow."""
        now = self._loop.time()
        for connection, coming in list(self._coming.items()):
            if self._is_too_slow(connection, coming, now):
                del self._coming[connection]
                self._count(coming.phase.value)
                connection.time_out(is_told=coming.phase is Phase.HEAD)
        for connection, since in list(self._stuck.items()):
            if now - since >= self._limits.write_s:
                del self._stuck[connection]
                self._count("write")
                connection.cut()

    def _is_too_slow(self, connection: Watched, coming: _Coming, now: float) -> bool:
        limits, took_s = self._limits, now - coming.since
        if connection.is_held_up or (coming.phase is Phase.LOST and connection.is_answering):
            coming.since, coming.came_bytes = now, 0
            return False
        if coming.phase is not Phase.BODY:
            return took_s >= limits.head_s
        slow_s = took_s - limits.body_grace_s
        return took_s >= limits.body_s + self._patience_s.get(connection, 0.0) or (
            slow_s >= 0 and coming.came_bytes < slow_s * limits.body_bytes_per_s
        )

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._limits.sweep_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self.sweep()
        if self._coming or self._stuck:
            self._schedule()
