"""Writing clicks: single rows, both rollups and the counters of the links.

Raw SQL, because the ORM costs nine times the CPU for a row (stack.md 2.5), and
in the order of the keys, so that two workers never wait for each other in a
circle. The caller holds the transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

from tortoise.backends.base.client import BaseDBAsyncClient

from models.clicks import BUCKET_S
from models.ids import new_id
from models.orm import is_sqlite
from models.raw_sql import execute_many
from models.rules.click_classes import ClickClass
from models.rules.click_facts import ClickFacts, moment_of
from models.rules.dimensions import Dimension
from resolvers.click_values import ValueKey

Row: TypeAlias = tuple[Any, ...]
BUCKET_US: Final = BUCKET_S * 1_000_000
_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "click": {
        "id": "bigint",
        "link_id": "bigint",
        "at_us": "bigint",
        "click_class": "smallint",
        "reason": "text",
        "referrer_id": "bigint",
        "browser_id": "bigint",
        "os_id": "bigint",
        "device_id": "bigint",
        "language_id": "bigint",
        "address": "text",
        "request_id": "text",
    },
    "click_total": {"link_id": "bigint", "bucket": "int", "click_class": "smallint"},
    "click_cube": {
        "link_id": "bigint",
        "bucket": "int",
        "click_class": "smallint",
        "referrer_id": "bigint",
        "browser_id": "bigint",
        "os_id": "bigint",
        "device_id": "bigint",
    },
}


@dataclass(frozen=True, slots=True)
class ClickTally:
    """Clicks as the tables take them; every list is in the order of its key.

    Attributes:
        clicks: rows of `click`, ids rising.
        totals: key of click_total and how many.
        cube: key of click_cube and how many.
        humans: link, how many people, and when the last of them came.
        others: for each class of programs, link and how many.
    """

    clicks: Sequence[Row]
    totals: Sequence[Row]
    cube: Sequence[Row]
    humans: Sequence[tuple[int, int, datetime]]
    others: Mapping[ClickClass, Sequence[tuple[int, int]]]


def keys_of(facts: Iterable[ClickFacts]) -> set[ValueKey]:
    """Return the texts of the clicks that need a number."""
    keys: set[ValueKey] = set()
    for fact in facts:
        keys |= {
            (Dimension.REFERRER_HOST, fact.referrer_host),
            (Dimension.BROWSER, fact.browser),
            (Dimension.OS, fact.os),
            (Dimension.DEVICE, fact.device),
            (Dimension.LANGUAGE, fact.language),
        }
    return keys


def tally(facts: Iterable[ClickFacts], numbers: Mapping[ValueKey, int]) -> ClickTally:
    """Add up clicks whose texts all have numbers."""
    clicks: list[Row] = []
    cube: Counter[Row] = Counter()
    last: dict[int, int] = {}
    for fact in facts:
        link_id, at_us, click_class, reason, referrer, browser, os, device, language, *rest = fact
        place = (
            numbers[Dimension.REFERRER_HOST, referrer],
            numbers[Dimension.BROWSER, browser],
            numbers[Dimension.OS, os],
            numbers[Dimension.DEVICE, device],
        )
        language_id = numbers[Dimension.LANGUAGE, language]
        clicks.append((new_id(), link_id, at_us, click_class, reason, *place, language_id, *rest))
        cube[link_id, at_us // BUCKET_US, click_class, *place] += 1
        if click_class == ClickClass.HUMAN and at_us > last.get(link_id, -1):
            last[link_id] = at_us
    totals: Counter[Row] = Counter()
    counters: Counter[tuple[ClickClass, int]] = Counter()
    for key, count in cube.items():
        totals[key[:3]] += count
        counters[key[2], key[0]] += count
    others: dict[ClickClass, list[tuple[int, int]]] = {}
    for (click_class, link_id), count in sorted(counters.items()):
        others.setdefault(click_class, []).append((link_id, count))
    humans = others.pop(ClickClass.HUMAN, [])
    return ClickTally(
        clicks=clicks,
        totals=_sorted(totals),
        cube=_sorted(cube),
        humans=[(link_id, count, moment_of(last[link_id])) for link_id, count in humans],
        others=others,
    )


async def store(connection: BaseDBAsyncClient, counted: ClickTally) -> None:
    """Write a tally inside the caller's transaction.

    A click of a link that is not there is kept and counted like any other; only
    the counter of the link has no row to move.
    """
    if is_sqlite(connection):
        await _store_sqlite(connection, counted)
    else:
        await _store_postgres(connection, counted)


async def _store_sqlite(connection: BaseDBAsyncClient, counted: ClickTally) -> None:
    columns = _COLUMNS["click"]
    await execute_many(
        connection,
        f"INSERT INTO click ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        counted.clicks,
    )
    for table, rows in (("click_total", counted.totals), ("click_cube", counted.cube)):
        key = ", ".join(_COLUMNS[table])
        marks = ", ".join("?" * (len(_COLUMNS[table]) + 1))
        await execute_many(
            connection,
            f"INSERT INTO {table} ({key}, clicks) VALUES ({marks}) ON CONFLICT ({key})"
            " DO UPDATE SET clicks = clicks + excluded.clicks",
            rows,
        )
    if counted.humans:
        await execute_many(
            connection,
            "UPDATE link SET clicks_human = clicks_human + ?2,"
            " last_clicked_at = coalesce(max(last_clicked_at, ?3), ?3) WHERE id = ?1",
            counted.humans,
        )
    for click_class, moved in counted.others.items():
        column = counter_column(click_class)
        await execute_many(
            connection, f"UPDATE link SET {column} = {column} + ?2 WHERE id = ?1", moved
        )


async def _store_postgres(connection: BaseDBAsyncClient, counted: ClickTally) -> None:
    driver: Any
    async with cast("Any", connection).acquire_connection() as driver:
        await driver.copy_records_to_table(
            "click", records=counted.clicks, columns=list(_COLUMNS["click"])
        )
        for table, rows in (("click_total", counted.totals), ("click_cube", counted.cube)):
            key = ", ".join(_COLUMNS[table])
            kinds = [*_COLUMNS[table].values(), "bigint"]
            await driver.execute(
                f"INSERT INTO {table} ({key}, clicks) SELECT * FROM {_unnest(kinds)} AS new"
                f" ({key}, clicks) ORDER BY {key} ON CONFLICT ({key})"
                f" DO UPDATE SET clicks = {table}.clicks + excluded.clicks",
                *zip(*rows, strict=True),
            )
        moved = {row[0] for row in counted.humans}
        moved.update(link_id for rows in counted.others.values() for link_id, _ in rows)
        await driver.execute(
            "SELECT id FROM link WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE",
            sorted(moved),
        )
        if counted.humans:
            await driver.execute(
                "UPDATE link SET clicks_human = clicks_human + new.clicks,"
                " last_clicked_at = greatest(last_clicked_at, new.at)"
                f" FROM {_unnest(['bigint', 'bigint', 'timestamptz'])} AS new (id, clicks, at)"
                " WHERE link.id = new.id",
                *zip(*counted.humans, strict=True),
            )
        for click_class, rows in counted.others.items():
            column = counter_column(click_class)
            await driver.execute(
                f"UPDATE link SET {column} = {column} + new.clicks"
                f" FROM {_unnest(['bigint', 'bigint'])} AS new (id, clicks)"
                " WHERE link.id = new.id",
                *zip(*rows, strict=True),
            )


def counter_column(click_class: ClickClass) -> str:
    """Return the column of `link` that counts a class."""
    return f"clicks_{click_class.name.lower()}"


def _unnest(kinds: Sequence[str]) -> str:
    return f"unnest({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(kinds, 1))})"


def _sorted(counts: Counter[Row]) -> list[Row]:
    return [(*key, count) for key, count in sorted(counts.items())]
