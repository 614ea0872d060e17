"""Counters of rate limits in the store: each decision is one statement of its own.

The row that is counted in is locked by the statement that decides, so writers in parallel
never let more through than the limit. (At the edge between two parts of a window two
statements that PostgreSQL runs at the very same moment write different rows, and do not see
each other: as many hits as there are such statements may go over.)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.transactions import in_transaction

from models.orm import mark, reader, writer
from models.raw_sql import execute, fetch
from models.rules.moments import microseconds_of
from models.rules.rate_limits import (
    PARTS,
    SECOND_US,
    BackoffRule,
    Spending,
    WindowRule,
    fits,
    seconds_until,
    spending_of,
)

Counts = dict[int, int]  # hits by part
_NAME_LENGTH: Final = 44  # hex digits, 176 bits; the number of the part fills the key up
_PART_LENGTH: Final = 20
_ROWS: Final = 500  # of one statement: SQLite takes 32,766 arguments


class OpenTransactionError(Exception):
    """A mistake of ours: tries are counted before the transaction, whose end may be a rollback."""


class Untold(NamedTuple):
    """Hits of one part that the store does not know of yet."""

    name: str
    part: int
    hits: int
    expires_at_us: int


def own_connection() -> BaseDBAsyncClient:
    """Return the connection for a statement that is committed at once.

    Raises:
        OpenTransactionError: the statement would come and go with the transaction.
    """
    connection = writer()
    if isinstance(connection, TransactionalDBClient):
        raise OpenTransactionError
    return connection


async def spend_in_window(name: str, rule: WindowRule, *, cost: int, now: datetime) -> Spending:
    """Count a try in the part of now if the whole window has room for it.

    Args:
        name: of limit and subject, 64 hex digits.
        rule: of the limit.
        cost: hits of the try.
        now: moment of the try.
    """
    connection = own_connection()
    at_us = microseconds_of(now)
    part = rule.part_of(at_us)
    key, others = _key(name, part), [_key(name, other) for other in _parts(part) if other != part]
    # What is inserted is typed, because PostgreSQL takes arguments in a SELECT for text.
    arguments: list[object] = [key, cost, rule.expires_at_us(part), rule.most, *others]
    marks = [mark(connection, number) for number in range(1, len(arguments) + 1)]
    room = (
        f"CAST({marks[3]} AS BIGINT) - (SELECT COALESCE(SUM(other.hits), 0)"
        f" FROM throttle AS other WHERE other.key IN ({', '.join(marks[4:])}))"
    )
    rows = await fetch(
        connection,
        "INSERT INTO throttle (key, hits, expires_at_us)"
        f" SELECT CAST({marks[0]} AS VARCHAR(64)), CAST({marks[1]} AS BIGINT),"
        f" CAST({marks[2]} AS BIGINT) WHERE CAST({marks[1]} AS BIGINT) <= {room}"
        " ON CONFLICT (key) DO UPDATE SET hits = throttle.hits + excluded.hits"
        f" WHERE throttle.hits + excluded.hits <= {room} RETURNING hits",
        arguments,
    )
    counts = (await counts_of([name], rule, at_us=at_us))[name]
    is_allowed = bool(rows)
    if not is_allowed and fits(rule, counts, cost=cost, at_us=at_us):
        counts = {part: rule.most}  # room was made while we asked: say it as it was decided
    return spending_of(rule, counts, is_allowed=is_allowed, cost=cost, at_us=at_us)


async def give_back_in_window(name: str, rule: WindowRule, *, cost: int, now: datetime) -> None:
    """Take hits back from the newest part that has as many; nothing falls below none.

    Args:
        name: see spend_in_window, as the others.
        rule: as there.
        cost: as there.
        now: at most a window after the try.
    """
    connection = own_connection()
    keys = [_key(name, part) for part in _parts(rule.part_of(microseconds_of(now)))]
    marks = [mark(connection, number) for number in range(1, len(keys) + 2)]
    await execute(
        connection,
        f"UPDATE throttle SET hits = hits - {marks[0]} WHERE hits >= {marks[0]} AND key ="
        f" (SELECT key FROM throttle AS counted WHERE key IN ({', '.join(marks[1:])})"
        f" AND hits >= {marks[0]} ORDER BY key DESC LIMIT 1)",
        [cost, *keys],
    )


async def counts_of(names: Sequence[str], rule: WindowRule, *, at_us: int) -> Mapping[str, Counts]:
    """Return the hits of the window's parts for each name."""
    connection = reader()
    found: dict[str, Counts] = {name: {} for name in names}
    short = {name[:_NAME_LENGTH]: name for name in names}
    keys = [_key(name, part) for name in names for part in _parts(rule.part_of(at_us))]
    for first in range(0, len(keys), _ROWS):
        some = keys[first : first + _ROWS]
        marks = ", ".join(mark(connection, number) for number in range(1, len(some) + 1))
        for row in await fetch(
            connection, f"SELECT key, hits FROM throttle WHERE key IN ({marks})", some
        ):
            key: str = row["key"]
            found[short[key[:_NAME_LENGTH]]][int(key[_NAME_LENGTH:])] = row["hits"]
    return found


async def tell(untold: Sequence[Untold]) -> None:
    """Add hits that were let through already; all of them, or none when the store fails."""
    own_connection()
    # In order of the keys, so that two processes never wait for each other in a circle.
    rows = sorted((_key(each.name, each.part), each.hits, each.expires_at_us) for each in untold)
    async with in_transaction("default") as connection:
        for first in range(0, len(rows), _ROWS):
            some = rows[first : first + _ROWS]
            marks = [
                f"({', '.join(mark(connection, 3 * number + part) for part in (1, 2, 3))})"
                for number in range(len(some))
            ]
            await execute(
                connection,
                f"INSERT INTO throttle (key, hits, expires_at_us) VALUES {', '.join(marks)}"
                " ON CONFLICT (key) DO UPDATE SET hits = throttle.hits + excluded.hits",
                [value for row in some for value in row],
            )


async def spend_with_backoff(name: str, rule: BackoffRule, *, cost: int, now: datetime) -> Spending:
    """Count a try unless it comes too early after the last failure.

    One row: its hits are the tries since the last success, and the last of them was
    `forgotten_s` before it expires.
    """
    connection = own_connection()
    now_us = microseconds_of(now)
    kept_us = rule.forgotten_s * SECOND_US
    waits = " ".join(
        f"WHEN throttle.hits < {failures + 1} THEN {rule.wait_s(failures) * SECOND_US}"
        for failures in _steps(rule)
    )
    one, two, three, four = (mark(connection, number) for number in (1, 2, 3, 4))
    rows = await fetch(
        connection,
        f"INSERT INTO throttle (key, hits, expires_at_us) VALUES ({one}, {two}, {three})"
        " ON CONFLICT (key) DO UPDATE SET expires_at_us = excluded.expires_at_us, hits = CASE"
        f" WHEN throttle.expires_at_us <= {four} THEN excluded.hits"
        " ELSE throttle.hits + excluded.hits END"
        f" WHERE throttle.expires_at_us - {kept_us}"
        f" + (CASE {waits} ELSE {rule.longest_s * SECOND_US} END) <= {four}"
        f" OR throttle.expires_at_us <= {four}"
        " RETURNING hits",
        [name, cost, now_us + kept_us, now_us],
    )
    if rows:
        wait_s = rule.wait_s(rows[0]["hits"])
        return _backed_off(rule, hits=rows[0]["hits"], wait_s=wait_s, is_allowed=True)
    rows = await fetch(
        connection, f"SELECT hits, expires_at_us FROM throttle WHERE key = {one}", [name]
    )
    if not rows:  # forgiven while we asked: the next try is the first
        return _backed_off(rule, hits=0, wait_s=1, is_allowed=False)
    hits = rows[0]["hits"]
    next_us = rows[0]["expires_at_us"] - kept_us + rule.wait_s(hits) * SECOND_US
    wait_s = seconds_until(next_us, at_us=now_us)
    return _backed_off(rule, hits=hits, wait_s=wait_s, is_allowed=False)


async def forget(name: str) -> None:
    """Delete the row of a BackoffRule."""
    connection = own_connection()
    await execute(connection, f"DELETE FROM throttle WHERE key = {mark(connection, 1)}", [name])


def _steps(rule: BackoffRule) -> range:
    """Return the numbers of failures before the wait is the longest."""
    failures = rule.free
    while rule.wait_s(failures) < rule.longest_s:
        failures += 1
    return range(rule.free - 1, failures)


def _backed_off(rule: BackoffRule, *, hits: int, wait_s: int, is_allowed: bool) -> Spending:
    return Spending(
        is_allowed=is_allowed,
        most=rule.free,
        window_s=rule.forgotten_s,
        remaining=max(0, rule.free - hits),
        reset_s=max(1, wait_s),
        retry_after_s=0 if is_allowed else wait_s,
    )


def _parts(part: int) -> range:
    """Return the parts of a window that ends in this one, and the next: of a clock ahead."""
    return range(part - PARTS, part + 2)


def _key(name: str, part: int) -> str:
    return f"{name[:_NAME_LENGTH]}{part:0{_PART_LENGTH}d}"
