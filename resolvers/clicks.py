"""Writing clicks: single rows, both rollups and the counters of the links.

Raw SQL, because the ORM costs nine times the CPU for a row (stack.md 2.5), and
in the order of the keys, so that two workers never wait for each other in a
circle. The caller holds the transaction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

from tortoise.backends.base.client import BaseDBAsyncClient

from models.clicks import BUCKET_S
from models.ids import new_ids
from models.orm import is_sqlite
from models.raw_sql import execute_many
from models.rules.click_classes import ClickClass
from models.rules.click_facts import ClickFacts, moment_of
from models.rules.dimensions import Dimension
from models.rules.visitors import HOUR_US
from resolvers.click_values import Numbers, Texts
from resolvers.visitor_hours import mark_hours

Row: TypeAlias = tuple[Any, ...]
BUCKET_US: Final = BUCKET_S * 1_000_000
_COUNTERS: Final = [f"clicks_{kind.name.lower()}" for kind in ClickClass]
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
        "visitor": "bigint",
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
        totals: keys of click_total, each with how many.
        cube: keys of click_cube, each with how many.
        links: for each link, how many clicks of each class, and when the last
            person came, None for nobody.
        hours: in which a visitor came, rising; seconds since 1970 // 3600.
    """

    clicks: Sequence[Row]
    totals: Sequence[Row]
    cube: Sequence[Row]
    links: Sequence[tuple[int, Sequence[int], datetime | None]]
    hours: Sequence[int] = ()


def texts_of(facts: Sequence[ClickFacts]) -> Texts:
    """Return the texts of the clicks that need a number."""
    return {
        Dimension.REFERRER_HOST: {fact.referrer_host for fact in facts},
        Dimension.BROWSER: {fact.browser for fact in facts},
        Dimension.OS: {fact.os for fact in facts},
        Dimension.DEVICE: {fact.device for fact in facts},
        Dimension.LANGUAGE: {fact.language for fact in facts},
    }


def tally(facts: Sequence[ClickFacts], numbers: Numbers) -> ClickTally:
    """Add up clicks whose texts all have numbers."""
    referrers = numbers[Dimension.REFERRER_HOST]
    browsers = numbers[Dimension.BROWSER]
    systems = numbers[Dimension.OS]
    devices = numbers[Dimension.DEVICE]
    languages = numbers[Dimension.LANGUAGE]
    clicks: list[Row] = []
    cube: defaultdict[Row, int] = defaultdict(int)
    last: dict[int, int] = {}
    for click_id, fact in zip(new_ids(len(facts)), facts, strict=True):
        link_id, at_us, kind, reason, referrer, browser, os, device, language, *rest = fact
        place = referrers[referrer], browsers[browser], systems[os], devices[device]
        clicks.append((click_id, link_id, at_us, kind, reason, *place, languages[language], *rest))
        cube[link_id, at_us // BUCKET_US, kind, *place] += 1
        if kind == ClickClass.HUMAN and at_us > last.get(link_id, -1):
            last[link_id] = at_us
    totals: defaultdict[Row, int] = defaultdict(int)
    links: dict[int, list[int]] = {}
    for key, count in cube.items():
        totals[key[:3]] += count
        if key[0] not in links:
            links[key[0]] = [0] * len(ClickClass)
        links[key[0]][key[2]] += count
    return ClickTally(
        clicks=clicks,
        totals=_sorted(totals),
        cube=_sorted(cube),
        links=[
            (link_id, counts, moment_of(last[link_id]) if link_id in last else None)
            for link_id, counts in sorted(links.items())
        ],
        hours=sorted({fact.at_us // HOUR_US for fact in facts if fact.visitor is not None}),
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
    await mark_hours(connection, counted.hours)  # last: other workers wait for these rows


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
    # Two statements, because each column that is set costs its index a change.
    people = [(link_id, counts[0], last) for link_id, counts, last in counted.links if last]
    await execute_many(
        connection,
        "UPDATE link SET clicks_human = clicks_human + ?2,"
        " last_clicked_at = coalesce(max(last_clicked_at, ?3), ?3) WHERE id = ?1",
        people,
    )
    programs = [(link_id, *counts[1:]) for link_id, counts, _ in counted.links if any(counts[1:])]
    moves = ", ".join(
        f"{column} = {column} + ?{number}" for number, column in enumerate(_COUNTERS[1:], 2)
    )
    await execute_many(connection, f"UPDATE link SET {moves} WHERE id = ?1", programs)


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
        ids = [link_id for link_id, _, _ in counted.links]
        await driver.execute(
            "SELECT id FROM link WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", ids
        )
        moves = ", ".join(f"{column} = link.{column} + new.{column}" for column in _COUNTERS)
        kinds = ["bigint"] * (1 + len(_COUNTERS)) + ["timestamptz"]
        await driver.execute(
            f"UPDATE link SET {moves}, last_clicked_at = greatest(link.last_clicked_at, new.last)"
            f" FROM {_unnest(kinds)} AS new (id, {', '.join(_COUNTERS)}, last)"
            " WHERE link.id = new.id",
            ids,
            *zip(*(counts for _, counts, _ in counted.links), strict=True),
            [last for _, _, last in counted.links],
        )


def counter_column(click_class: ClickClass) -> str:
    """Return the column of `link` that counts a class."""
    return _COUNTERS[click_class]


def _unnest(kinds: Sequence[str]) -> str:
    return f"unnest({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(kinds, 1))})"


def _sorted(counts: Mapping[Row, int]) -> list[Row]:
    return [(*key, count) for key, count in sorted(counts.items())]
