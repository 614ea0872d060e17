"""What the redirects of one event-loop turn share: one moment, one write, one count.

The first request of a turn takes a place at its end. There `flush` takes the time and
a view of the replica, answers all requests of the fast path in one go, writes all
clicks at once, counts them, and only then lets the replies go. Requests of the ordinary
route look for themselves, and wait for the same flush with `settle`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import lmdb
import structlog

from api.adapters.lmdb_replica import Get, LmdbReplicaReader
from api.metrics import Metrics
from api.redirect_answers import ABSENT, MAX_HOSTS, MISDIRECTED, Answer, answer_of, hosts_for
from api.redirect_replies import Replies
from models.rules.click_record import IS_HEAD, START, VERSION
from models.rules.replica_format import ReplicaDamagedError, link_prefix

UNKNOWN_HOST: Final = b""

_log = structlog.stdlib.get_logger("linkyard.redirect")

Way = str  # "fast" or "ordinary"
OfConnections = Callable[[list[Any], list[bytes]], None]


class Spool(Protocol):
    """Where clicks go, see api.adapters.file_spool."""

    def write(self, frames: Sequence[bytes]) -> int:
        """Append records and return how many were lost."""
        ...

    async def synced(self) -> None:
        """Return when what was written is on the disk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectConfig:
    """How redirects are answered.

    Attributes:
        reserved: first segments of our own paths; never slugs.
        default_host: domain that also answers for unknown hosts; "": they get 421.
        local: a domain that is this very machine, then the names of the machine that
            mean this domain, too; () if there is no such domain.
        sync_before_reply: every click is synced to the disk before its reply.
        hsts: value of Strict-Transport-Security; "" sends none.
    """

    reserved: frozenset[str]
    default_host: str = ""
    local: tuple[str, ...] = ()
    sync_before_reply: bool = False
    hsts: str = ""


class RedirectTurn:
    """The turn of the moment; one object for the life of a web process's loop.

    Attributes:
        is_open: the members below are of this moment.
        get: raw look-up in the replica; None while there is none.
        hosts: what the keys of a host's links begin with, by Host as it came.
        now_us: microseconds since 1970.
        click_start, head_click_start: begin a click of GET and of HEAD, up to the link's id.
        keepalive_until: loop time until which a connection used in this turn stays open.
        arrivals, chunks: connections of the fast path and what came on them.
        connections, waiting_replies: of the fast path, to be let go in the flush.
        answer_arrivals, release: what the fast path does with those.
        is_scheduled: the flush will come.
        frames: clicks of the turn.
        counts: replies of the turn by status and way, but for plain fast redirects.
    """

    def __init__(
        self,
        config: RedirectConfig,
        *,
        replica: LmdbReplicaReader,
        spool: Spool,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.replies = Replies(hsts=config.hsts)
        self.is_open = False
        self.is_scheduled = False
        self.get: Get | None = None
        self.hosts: dict[bytes, bytes] = {}
        self.reserved = frozenset(word.encode() for word in config.reserved)
        self.now_us = 0
        self.click_start = b""
        self.head_click_start = b""
        self.keepalive_s = 75.0
        self.keepalive_until = 0.0
        self.arrivals: list[Any] = []
        self.chunks: list[bytes] = []
        self.connections: list[Any] = []
        self.waiting_replies: list[bytes] = []
        self.frames: list[bytes] = []
        self.counts: dict[tuple[int, Way], int] = {}
        self.answer_arrivals: OfConnections = lambda _connections, _chunks: None
        self.release: OfConnections = lambda _connections, _replies: None
        self._replica = replica
        self._spool = spool
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._version: object = None
        self._second = 0
        self._looked_second = 0
        self._flushed: asyncio.Future[None] | None = None
        self._unsynced: list[tuple[list[Any], list[bytes], asyncio.Future[None] | None]] = []
        self._syncing: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._count_found = metrics.counter("linkyard_redirects_total", "302", "fast").inc
        self._count_spooled = metrics.counter("linkyard_clicks_spooled_total").inc
        self._count_lost = metrics.counter("linkyard_clicks_lost_total").inc
        self._failing = metrics.gauge("linkyard_spool_failing").set
        self._is_failing = False

    def schedule(self) -> None:
        """Take a place at the end of the turn."""
        self.is_scheduled = True
        self._loop.call_soon(self.flush)

    def open(self) -> None:
        """Take the moment that the requests of the turn are answered at."""
        if not self.is_scheduled:
            self.schedule()
        self._look()

    def _look(self) -> None:
        self.is_open = True
        now = self._clock()
        self.now_us = int(now * 1_000_000)
        self.click_start = START.pack(VERSION, 0, self.now_us)
        self.head_click_start = START.pack(VERSION, IS_HEAD, self.now_us)
        self.keepalive_until = self._loop.time() + self.keepalive_s
        second = int(now)
        if second != self._second:
            self._second = second
            self.replies.at(second)
        self.get = None
        try:
            self._look_at_replica(is_new_second=second != self._looked_second)
        except (OSError, lmdb.Error) as error:  # out of descriptors, say: the turn goes on
            if self._looked_second != second:
                _log.warning("the replica cannot be looked at", error=repr(error))
        self._looked_second = second

    def _look_at_replica(self, *, is_new_second: bool) -> None:
        replica = self._replica
        if is_new_second:
            replica.check_size()
        if replica.refresh():
            self.get = replica.get
            if replica.version != self._version or len(self.hosts) > MAX_HOSTS:
                self._version = replica.version
                self.hosts.clear()

    def flush(self) -> None:
        """End the turn: clicks to the spool, counts to the metrics, replies to their clients."""
        self.is_scheduled = False
        if self.arrivals:
            arrivals, chunks = self.arrivals, self.chunks
            self.arrivals, self.chunks = [], []
            if not self.is_open:
                self._look()
            self.answer_arrivals(arrivals, chunks)
        if not self.is_open:
            return
        self.is_open = False
        self.get = None
        self._replica.release()
        connections, replies, frames = self.connections, self.waiting_replies, self.frames
        self.connections, self.waiting_replies, self.frames = [], [], []
        flushed, self._flushed = self._flushed, None
        try:
            if frames:
                self._write(frames)
            self._count(len(connections))
        finally:  # a fault in counting must not cost a reply
            if frames and self.config.sync_before_reply:
                self._unsynced.append((connections, replies, flushed))
                if self._syncing is None:
                    self._syncing = self._loop.create_task(self._sync())
            else:
                self._let_go(connections, replies, flushed)

    async def settle(self, status: int, frame: bytes | None) -> None:
        """Return when a reply of the ordinary route may leave: its click is in the spool."""
        if not self.is_open:
            self.open()
        if frame is not None:
            self.frames.append(frame)
        self.count(status, "ordinary")
        if self._flushed is None:
            self._flushed = self._loop.create_future()
        await asyncio.shield(self._flushed)

    async def settled(self) -> None:
        """Return when every reply that waits has been let go."""
        self.flush()
        while self._syncing is not None:
            await asyncio.shield(self._syncing)

    def count(self, status: int, way: Way) -> None:
        """Note a reply of the turn."""
        key = (status, way)
        self.counts[key] = self.counts.get(key, 0) + 1

    def count_ended(self, reason: str) -> None:
        """Note a connection that was turned away or cut off."""
        self._metrics.counter("linkyard_connections_ended_total", reason).inc()

    def note_spool(self, *, is_failing: bool) -> None:
        """Show whether clicks can be written: the last write says so, or a try without any."""
        self._is_failing = is_failing
        self._failing(int(is_failing))

    def resolve(self, host: bytes, slug: bytes) -> Answer | None:
        """Return the replica's answer in this turn, None if it has none.

        None is for links that need more than the replica has, and for a replica
        that is not there or turned out damaged and was retired.

        Args:
            host: the Host header as it came.
            slug: as slug_of gave it.
        """
        if self.get is None:
            return None
        try:
            prefix = self.prefix_of(host)
            if prefix == UNKNOWN_HOST:
                return MISDIRECTED
            entry = self._replica.entry(int.from_bytes(prefix[1:], "big"), slug)
        except ReplicaDamagedError as error:
            self.retire(str(error))
            return None
        return ABSENT if entry is None else answer_of(entry, now_us=self.now_us)

    def is_absent(self, key: bytes) -> bool:
        """Make sure that a key which was not found is not there; else retire the replica."""
        try:
            self._replica.check_absent(key)
        except ReplicaDamagedError as error:
            self.retire(str(error))
            return False
        return True

    def prefix_of(self, host: bytes) -> bytes:
        """Return what the keys of the host's links begin with, UNKNOWN_HOST if it has none.

        Raises:
            ReplicaDamagedError: retire the replica.
        """
        prefix = self.hosts.get(host)
        if prefix is None:
            prefix = UNKNOWN_HOST
            for candidate in self.hosts_for(host):
                domain_id = self._replica.domain_id(candidate.encode())
                if domain_id is not None:
                    prefix = link_prefix(domain_id)
                    break
            self.hosts[host] = prefix
        return prefix

    def hosts_for(self, host: bytes) -> tuple[str, ...]:
        """Return the domains that may answer for a Host header, the best first."""
        return hosts_for(host, self.config.default_host, self.config.local)

    def retire(self, reason: str) -> None:
        """Take a damaged replica out of service, here and in every process."""
        if self.get is None:  # done already in this turn
            return
        self._replica.retire(reason)
        self.get = None
        self.hosts.clear()
        self._metrics.counter("linkyard_replica_retired_total").inc()

    def click(self, link_id: int, fields: bytes, *, is_head: bool) -> bytes:
        """Return the record of a click of this moment; `fields` is of join_fields."""
        start = self.head_click_start if is_head else self.click_start
        return start + link_id.to_bytes(8, "little") + fields

    def _write(self, frames: list[bytes]) -> None:
        lost = self._spool.write(frames)
        self._count_spooled(len(frames) - lost)
        if lost:
            self._count_lost(lost)
        if self._is_failing != bool(lost):
            self.note_spool(is_failing=bool(lost))

    def _count(self, fast: int) -> None:
        if self.counts:
            for (status, way), number in self.counts.items():
                self._metrics.counter("linkyard_redirects_total", str(status), way).inc(number)
                if way == "fast":
                    fast -= number
            self.counts.clear()
        if fast:
            self._count_found(fast)

    def _let_go(
        self, connections: list[Any], replies: list[bytes], flushed: asyncio.Future[None] | None
    ) -> None:
        if flushed is not None and not flushed.done():
            flushed.set_result(None)
        if connections:
            self.release(connections, replies)

    async def _sync(self) -> None:
        try:
            while self._unsynced:
                batches, self._unsynced = self._unsynced, []
                await self._spool.synced()
                for connections, replies, flushed in batches:
                    self._let_go(connections, replies, flushed)
        finally:
            self._syncing = None
