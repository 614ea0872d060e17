"""Wake-ups and live clicks between machines, through Redis.

Redis holds nothing here. While it is away, replicas follow their log by the
clock, live views stand still, and nobody waits: publishing happens in the
background and is given up when it does not go through.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from api.adapters.click_watchers import ClickWatchers, encode_events
from api.ending_tasks import end_tasks
from resolvers.ports import ClickEvent, ClickWatcher

_log = structlog.stdlib.get_logger("linkyard.redis")

_TIMEOUT_S: Final = 2.0
_PING_S: Final = 5.0  # silence after which the connection is tried
_TCP_OPTIONS: Final[dict[str, Any]] = {
    "socket_keepalive": True,
    # Milliseconds that bytes may stay unacknowledged before the connection is dead.
    "socket_keepalive_options": {socket.TCP_USER_TIMEOUT: 10_000},
}
_RECONNECT_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_MAX_WAITING: Final = 256  # messages to publish; the oldest go first
_UNAVAILABLE: Final = (RedisError, OSError, TimeoutError)


class RedisSignals:
    """LinkSignal, MailSignal and ClickFeed in one; `open` and `close` it where it is used."""

    def __init__(
        self,
        redis_url: str,
        *,
        links_changed: Callable[[], None] | None = None,
        mail_posted: Callable[[], None] | None = None,
    ) -> None:
        """Args: what to call on each wake-up; None for who has no use for it."""
        options = _TCP_OPTIONS if redis_url.startswith(("redis://", "rediss://")) else {}
        client: Any = aioredis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped
            redis_url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S, **options
        )
        self._client = client
        # Channels are shared by all databases of a server, so they carry its number.
        prefix = f"linkyard:{client.connection_pool.connection_kwargs.get('db', 0)}"
        self._links_channel, self._clicks_channel = f"{prefix}:links", f"{prefix}:clicks"
        self._mails_channel = f"{prefix}:mails"
        calls = {self._links_channel: links_changed, self._mails_channel: mail_posted}
        self._calls = {channel: call for channel, call in calls.items() if call is not None}
        self._watchers = ClickWatchers()
        self._outbox: deque[tuple[str, bytes]] = deque(maxlen=_MAX_WAITING)
        self._has_outgoing = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Start the background tasks; connections are made when they are needed."""
        self._tasks["publish"] = asyncio.create_task(self._publish_all())
        for channel, call in self._calls.items():
            self._tasks[channel] = asyncio.create_task(self._follow(channel, _woken(call)))

    async def close(self) -> None:
        """End the tasks and the connections."""
        await end_tasks(self._tasks.values())
        self._tasks.clear()
        with suppress(*_UNAVAILABLE):
            await self._client.aclose()

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""
        self._wake(self._links_channel)

    async def mail_posted(self) -> None:
        """See MailSignal.mail_posted."""
        self._wake(self._mails_channel)

    def _wake(self, channel: str) -> None:
        message = (channel, b"1")
        if message not in self._outbox:
            self._outbox.append(message)
        self._has_outgoing.set()

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""
        self._outbox.extend((self._clicks_channel, part) for part in encode_events(events))
        self._has_outgoing.set()

    def watch(self) -> ClickWatcher:
        """See ClickFeed.watch."""
        watcher = self._watchers.add()
        if "clicks" not in self._tasks:
            self._tasks["clicks"] = asyncio.create_task(
                self._follow(self._clicks_channel, self._watchers.offer)
            )
        return watcher

    async def _publish_all(self) -> None:
        failures = 0
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            while self._outbox:
                channel, message = self._outbox.popleft()
                try:
                    await self._client.publish(channel, message)
                    failures = 0
                except _UNAVAILABLE:
                    failures = min(failures + 1, len(_RECONNECT_S))
                    await asyncio.sleep(_RECONNECT_S[failures - 1])

    async def _follow(self, channel: str, receive: Callable[[bytes], None]) -> None:
        failures = 0
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(channel)
                    if failures:
                        _log.info("redis is back", channel=channel)
                    failures = 0
                    receive(b"[]")  # something may have been missed before
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_PING_S
                        )
                        if message is None:
                            await subscription.ping()
                        elif message["type"] == "message":
                            receive(message["data"])
            except _UNAVAILABLE as error:
                if not failures:
                    _log.warning("redis is away", channel=channel, error=str(error))
                failures = min(failures + 1, len(_RECONNECT_S))
                await asyncio.sleep(_RECONNECT_S[failures - 1])


def _woken(call: Callable[[], None]) -> Callable[[bytes], None]:
    return lambda _: call()
