"""Clicks from the spools into the tables: each exactly once.

The position up to which a spool was read is stored in the transaction that
stores its clicks. Whatever dies in between, either both are there or neither,
and a reader that starts again goes on from the position.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.clicks import SpoolPosition
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import fetch
from models.rules.addresses import Network
from models.rules.click_facts import ClickFacts, day_of, moment_of, read_click
from models.rules.click_record import RawClick
from models.rules.moments import to_sql
from resolvers.click_values import ValueNumbers
from resolvers.clicks import ClickTally, store, tally, texts_of
from resolvers.context import RequestContext
from resolvers.ports import ClickEvent, VisitorSalts
from resolvers.visitor_salts import ProcessSalts

MAX_EVENTS: Final = 200  # live events of one batch; watchers see a sample of a flood


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSlice:
    """A stretch of one spool, from the edge of one record to the edge of another.

    Attributes:
        file_id: 32 hexadecimal digits.
        start: bytes before the stretch; 0 for the first one, which holds the header.
        end: bytes up to its end.
        clicks: its records, in their order.
        damaged: how many stretches in it were set aside because they are no records.
    """

    file_id: str
    start: int
    end: int
    clicks: Sequence[RawClick]
    damaged: int = 0


class PositionMovedError(Exception):
    """Someone else stored a slice of the file, or the reader's position was out of date."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"spool {file_id} was read by someone else meanwhile")
        self.file_id = file_id


class Ingestion:
    """Stores slices of spools. One per process, for the sake of its cache."""

    def __init__(
        self, *, trusted_proxies: tuple[Network, ...] = (), salts: VisitorSalts | None = None
    ) -> None:
        """Store nothing yet.

        Args:
            trusted_proxies: networks of our own proxies.
            salts: None for history: its visitors are those of this process alone.
        """
        self._trusted = trusted_proxies
        self._salts = ProcessSalts() if salts is None else salts
        self._numbers = ValueNumbers()

    async def store(
        self, context: RequestContext, slices: Sequence[SpoolSlice], *, is_live: bool = True
    ) -> int:
        """Store the slices in one transaction; publish their newest clicks after it.

        Args:
            context: of the worker.
            slices: of different files, each going on where its file's position is.
            is_live: False for history, which nobody watches.

        Returns:
            How many clicks were stored.

        Raises:
            PositionMovedError: a slice does not go on from its position; nothing was stored.
        """
        now = context.ports.clock.now()
        days = {day_of(raw) for part in slices for raw in part.clicks}
        salts = {day: await self._salts.salt_of(day, now=now) for day in days}
        facts = [
            read_click(raw, trusted_proxies=self._trusted, salts=salts)
            for part in slices
            for raw in part.clicks
        ]
        at = context.ports.clock.now()
        counted = tally(facts, await self._numbers.of(texts_of(facts), at=at))
        async with in_transaction("default") as connection:
            for part in sorted(slices, key=lambda part: part.file_id):
                await _advance(connection, part, at=at)
            if facts:
                await store(connection, counted)
        if is_live and facts:
            await context.ports.click_feed.publish(_events(facts[-MAX_EVENTS:], counted))
        return len(facts)


async def positions(file_ids: Iterable[str]) -> Mapping[str, int]:
    """Return how many bytes of each file are stored; 0 for a file that is new."""
    found: dict[str, int] = dict.fromkeys(file_ids, 0)
    connection = reader()
    mark = "?" if is_sqlite(connection) else "$1"
    for file_id in found:
        for row in await fetch(
            connection, f"SELECT position FROM spool_position WHERE file_id = {mark}", [file_id]
        ):
            found[file_id] = row["position"]
    return found


async def finish_file(context: RequestContext, file_id: str) -> None:
    """Note that the file is about to be deleted: its position may be forgotten some day."""
    await SpoolPosition.filter(file_id=file_id).update(finished_at=context.ports.clock.now())


async def _advance(connection: BaseDBAsyncClient, part: SpoolSlice, *, at: datetime) -> None:
    is_lite = is_sqlite(connection)
    moment = to_sql(at, sqlite=is_lite)
    if part.start == 0:
        moved = await fetch(
            connection,
            "INSERT INTO spool_position (file_id, position, records, damaged, updated_at)"
            f" VALUES ({placeholders(connection, 5)})"
            " ON CONFLICT (file_id) DO NOTHING RETURNING file_id",
            [part.file_id, part.end, len(part.clicks), part.damaged, moment],
        )
    else:
        marks = iter("?" * 6 if is_lite else [f"${number}" for number in range(1, 7)])
        moved = await fetch(
            connection,
            f"UPDATE spool_position SET position = {next(marks)},"
            f" records = records + {next(marks)}, damaged = damaged + {next(marks)},"
            f" updated_at = {next(marks)}, finished_at = NULL"
            f" WHERE file_id = {next(marks)} AND position = {next(marks)} RETURNING file_id",
            [part.end, len(part.clicks), part.damaged, moment, part.file_id, part.start],
        )
    if not moved:
        raise PositionMovedError(part.file_id)


def _events(facts: Sequence[ClickFacts], counted: ClickTally) -> list[ClickEvent]:
    return [
        ClickEvent(
            click_id=row[0],
            link_id=fact.link_id,
            at=moment_of(fact.at_us),
            click_class=fact.click_class,
            reason=fact.reason,
            referrer_host=fact.referrer_host,
            browser=fact.browser,
            os=fact.os,
            device=fact.device,
            address=fact.address,
        )
        for fact, row in zip(facts, counted.clicks[-len(facts) :], strict=True)
    ]
