"""Up to which moment the statistics hold every click, over all machines that redirect."""

from dataclasses import dataclass
from datetime import UTC, datetime

from models.clicks import ClickProgress
from models.installation import Installation
from models.orm import placeholders, reader, writer
from models.rules.click_facts import moment_of


async def note_progress(*, source: str, complete_to: datetime) -> None:
    """Say that every click a machine answered before a moment is in the tables.

    The worker calls it with the moment at which it began to look for spools, once
    it has read all of them to the end that they had then: in the transaction of the
    last batch, or by itself, every few seconds, when there was nothing to read. The
    moment never goes back.

    Args:
        source: names the machine, for ever: at most 64 characters. One that will not
            come back must be forgotten, else the statistics wait for it.
        complete_to: aware, by the machine's clock.
    """
    connection = writer()
    moment_us = int(complete_to.timestamp() * 1_000_000)
    await connection.execute_query(  # pyright: ignore[reportUnknownMemberType] - a bare dict
        "INSERT INTO click_progress (source, complete_to_us) VALUES"
        f" ({placeholders(connection, 2)}) ON CONFLICT (source) DO UPDATE"
        " SET complete_to_us = excluded.complete_to_us"
        " WHERE excluded.complete_to_us > click_progress.complete_to_us",
        [source, moment_us],
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A machine, and the moment up to which its clicks are in the tables, in UTC."""

    name: str
    complete_to: datetime


async def sources_of_clicks() -> list[Source]:
    """Return every machine that the statistics wait for, the one that holds them back first."""
    rows = await ClickProgress.all().using_db(reader()).order_by("complete_to_us", "source")
    return [Source(row.source, moment_of(row.complete_to_us)) for row in rows]


async def forget_source(source: str) -> bool:
    """Stop waiting for a machine that redirects no longer, its spools being read.

    Returns:
        False when there is no such source. One that is alive comes back by itself.
    """
    return await ClickProgress.filter(source=source).delete() > 0


async def stats_as_of() -> datetime:
    """Return the moment up to which every click is in the statistics, in UTC.

    The earliest one of all machines; before any worker ran, the moment at which
    this installation was made.
    """
    first = await ClickProgress.all().using_db(reader()).order_by("complete_to_us").first()
    if first is not None:
        return moment_of(first.complete_to_us)
    installation = await Installation.all().using_db(reader()).first()
    return datetime.fromtimestamp(0, UTC) if installation is None else installation.created_at
