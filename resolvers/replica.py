"""Keeps the local replica of the link table at what the store has committed.

Two ways: follow the change log from the replica's position, or build a new
replica from the tables beside the serving one. Both only ever read committed
rows later than the position they store, so doing either twice changes nothing.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from models.orm import is_sqlite, reader
from models.raw_sql import SqlRow, fetch
from models.replica_rows import COLUMNS, ReplicaEntry, entry_of
from models.rules.log_position import LoggedChange, LogPosition
from resolvers.ports import Clock, LinkReplica

LOG_KEPT: Final = timedelta(days=7)  # how long rows of the change log live, at least
_TOO_OLD: Final = LOG_KEPT - timedelta(days=1)
_CLOCK_ERROR: Final = timedelta(hours=1)
PAGE: Final = 10_000  # rows read at once
_LINKS_AT_ONCE: Final = 500
_DOMAINS: Final = 0  # link_change.link_id of a change of the domains

_LOOK_SQLITE: Final = """
SELECT i.store_id AS store, '' AS timeline,
       COALESCE(s.seq, 0) + 1 AS horizon, COALESCE(s.seq, 0) AS newest,
       c.id AS row_id, c.id AS position, c.link_id
FROM installation i
LEFT JOIN sqlite_sequence s ON s.name = 'link_change'
LEFT JOIN (
    SELECT id, link_id FROM link_change WHERE id > ? ORDER BY id LIMIT ?
) c ON 1
ORDER BY c.id
"""
# A standby that takes over begins a new timeline, and may lack what was committed last. The
# control file knows of it only after the next checkpoint, so it is asked on standbys alone.
_LOOK_POSTGRES: Final = """
SELECT i.store_id || ':' || (SELECT system_identifier FROM pg_control_system()) AS store,
       CASE WHEN pg_is_in_recovery()
            THEN (SELECT lpad(upper(to_hex(timeline_id)), 8, '0') FROM pg_control_checkpoint())
            ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
       pg_snapshot_xmin(s.now)::text::bigint AS horizon,
       pg_snapshot_xmax(s.now)::text::bigint AS newest,
       c.id AS row_id, c.position, c.link_id
FROM installation i
CROSS JOIN (SELECT pg_current_snapshot() AS now) s
LEFT JOIN (
    SELECT id, position, link_id FROM link_change
    WHERE position >= $1 AND (position, id) > ($1, $2) ORDER BY position, id LIMIT $3
) c ON true
ORDER BY c.position, c.id
"""
# What every slug that one of these links ever had leads to now, which may be another link.
_HELD: Final = f"""
SELECT k.domain_id, k.slug, {COLUMNS}
FROM (SELECT DISTINCT domain_id, slug FROM link_slug WHERE link_id IN ({{ids}})) k
LEFT JOIN link_slug h
       ON h.domain_id = k.domain_id AND h.slug = k.slug AND h.released_at IS NULL
LEFT JOIN link l ON l.id = h.link_id
"""
_ALL: Final = f"""
SELECT h.domain_id, h.slug, {COLUMNS}
FROM link_slug h JOIN link l ON l.id = h.link_id
WHERE h.released_at IS NULL AND (h.domain_id, h.slug) > ({{after}})
ORDER BY h.domain_id, h.slug LIMIT {{limit}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What one call did.

    Attributes:
        changes: rows of the log that were applied.
        rebuilt: why a new replica was built; None if it was not.
        has_more: the log goes on; call again at once.
    """

    changes: int = 0
    rebuilt: str | None = None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """The log after a position, and the state of the store, in one snapshot."""

    store: str
    timeline: str
    horizon: int
    newest: int
    changes: list[LoggedChange]


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a replica says about itself: which store it copies, and how far.

    Attributes:
        timeline: of a PostgreSQL server; another one after a standby took over. "" on SQLite.
        at: when that was, by the clock of the worker.
    """

    store: str
    timeline: str
    position: LogPosition
    at: datetime

    def encoded(self) -> bytes:
        position = self.position
        fields = [position.position, position.row_id, sorted(position.seen)]
        return json.dumps([self.store, *fields, self.at.isoformat(), self.timeline]).encode()

    @classmethod
    def decoded(cls, mark: bytes) -> "_Mark":
        store, number, row_id, seen, at, timeline = json.loads(mark)
        position = LogPosition(number, row_id, frozenset(seen))
        return cls(store, timeline, position, datetime.fromisoformat(at))


async def follow_log(replica: LinkReplica, *, clock: Clock, page: int = PAGE) -> Followed:
    """Bring the replica up to date, by the log or by a rebuild. One caller at a time.

    Every change whose transaction was committed before the call is in force when
    it returns with `has_more` False. A store without an installation is left alone.

    Args:
        replica: of this machine.
        clock: tells the age of the replica.
        page: rows of the log that are read at once.
    """
    mark = _read_mark(replica)
    if mark is None:
        return await _rebuild(replica, clock=clock, reason="there is none")
    look = await _look(mark.position, limit=page)
    if look is None:
        return Followed()
    if look.store != mark.store:
        replica.retire()  # its links belong to another store: never show them
        return await _rebuild(replica, clock=clock, reason="it belongs to another store")
    now = clock.now()
    reason = _cannot_follow(mark, look, now=now)
    if reason is not None:
        return await _rebuild(replica, clock=clock, reason=reason)
    return await _apply(replica, mark, look, now=now, page=page)


def _cannot_follow(mark: _Mark, look: _Look, *, now: datetime) -> str | None:
    """Say why the log does not lead from there to here; None if it does."""
    if look.timeline != mark.timeline:
        return "a standby of its store took over"
    if mark.position.position > look.newest:
        return "it is ahead of the store"
    if now - mark.at > _TOO_OLD:
        return "it is older than the log"
    if mark.at - now > _CLOCK_ERROR:  # else its age would be unknown until that moment
        return "its clock was ahead of ours"
    return None


async def _apply(
    replica: LinkReplica, mark: _Mark, look: _Look, *, now: datetime, page: int
) -> Followed:
    is_all = len(look.changes) < page
    if not is_all and look.changes[-1].position >= look.horizon:
        # One old transaction is still open and much was committed after it began.
        whole = await _look(mark.position, limit=None)
        if whole is None:
            return Followed()
        look, is_all = whole, True
    fresh = mark.position.fresh(look.changes)
    position = mark.position.advanced(look.changes, horizon=look.horizon, is_all=is_all)
    if not fresh and is_all and now - mark.at < timedelta(minutes=1):
        return Followed()
    links = sorted({change.link_id for change in fresh} - {_DOMAINS})
    entries: list[ReplicaEntry] = []
    for start in range(0, len(links), _LINKS_AT_ONCE):
        entries.extend(await _held(links[start : start + _LINKS_AT_ONCE]))
    domains = await _domains() if any(c.link_id == _DOMAINS for c in fresh) else None
    replica.apply(entries, domains=domains, mark=replace(mark, position=position, at=now).encoded())
    return Followed(changes=len(fresh), has_more=not is_all)


async def _rebuild(replica: LinkReplica, *, clock: Clock, reason: str) -> Followed:
    # The position comes first and the rows after it, each in a snapshot of its own: what is
    # committed in between is in the rows, in the log after the position, or in both.
    look = await _look(LogPosition(1 << 62))
    if look is None:
        return Followed()
    mark = _Mark(look.store, look.timeline, LogPosition.below(look.horizon), clock.now())
    with replica.rebuild() as build:
        async for entries in _all_entries():
            build.add(entries)
        build.finish(domains=await _domains(), mark=mark.encoded())
    return Followed(rebuilt=reason, has_more=True)


def _read_mark(replica: LinkReplica) -> _Mark | None:
    mark = replica.mark()
    if mark is None:
        return None
    try:
        return _Mark.decoded(mark)
    except (ValueError, TypeError):
        return None


async def _look(after: LogPosition, *, limit: int | None = 1) -> _Look | None:
    """Read the log after a position; None while nothing is installed."""
    connection = reader()
    if is_sqlite(connection):
        rows = await fetch(connection, _LOOK_SQLITE, [after.position, limit or -1])
    else:
        arguments = [after.position, after.row_id, limit]
        rows = await fetch(connection, _LOOK_POSTGRES, arguments)
    if not rows:
        return None
    changes = [
        LoggedChange(row["position"], row["row_id"], row["link_id"])
        for row in rows
        if row["row_id"] is not None
    ]
    first = rows[0]
    return _Look(first["store"], first["timeline"], first["horizon"], first["newest"], changes)


async def _held(link_ids: Sequence[int]) -> list[ReplicaEntry]:
    connection = reader()
    argument: str | list[int] = list(link_ids)
    ids = "SELECT unnest($1::bigint[])"
    if is_sqlite(connection):
        ids, argument = "SELECT value FROM json_each(?)", json.dumps(argument)
    rows = await fetch(connection, _HELD.format(ids=ids), [argument])
    return [_entry(row) for row in rows]


async def _all_entries() -> AsyncIterator[list[ReplicaEntry]]:
    connection = reader()
    after, limit = ("?, ?", "?") if is_sqlite(connection) else ("$1, $2", "$3")
    sql = _ALL.format(after=after, limit=limit)
    domain_id, slug = 0, ""
    while True:
        rows = await fetch(connection, sql, [domain_id, slug, PAGE])
        yield [_entry(row) for row in rows]
        if len(rows) < PAGE:
            return
        domain_id, slug = rows[-1]["domain_id"], rows[-1]["slug"]


async def _domains() -> dict[str, int]:
    rows = await fetch(reader(), "SELECT id, host FROM domain")
    return {row["host"]: row["id"] for row in rows}


def _entry(row: SqlRow) -> ReplicaEntry:
    return ReplicaEntry(row["domain_id"], row["slug"], entry_of(row))
