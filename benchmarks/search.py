"""Full-text search over 100,000 tickets with 1,000,000 messages, on PostgreSQL and SQLite.

`python -m benchmarks.search` prints its part of the table; `--tickets 20000` is quicker and
says less. Words are as rare as those of a language: the n-th is 1/n as common as the first.
Questions are of one word and of several, phrases, exclusions, versions, and what is typed
so far; the desk asks over everything, customers over the tickets of their organization.
Each waits for the one before; what counts is the time from the question to the ranked ids.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from statistics import quantiles
from typing import Final

import asyncpg
import orjson

from api.migrate import migrate
from benchmarks.report import Figure, at_most, stated, table
from models.ids import new_ids
from models.organizations import Organization, OrganizationKind
from models.orm import is_sqlite, open_database, placeholders, reader, writer
from models.raw_sql import execute_many
from models.rules.search_query import read_question
from models.rules.search_statements import BODY, STAFF_BODY, STAFF_TITLE, TITLE, kind_word, tsvector
from models.rules.ticket_states import TicketChannel, TicketKind, TicketLine, TicketStatus
from models.search_documents import SearchAudience, SearchKind
from models.ticket_rows import insert_records
from models.tickets import Ticket
from resolvers.link_filters import Conditions
from resolvers.search import search
from tests.servers import database_url, private_postgres

TICKETS: Final = 100_000
MESSAGES: Final = 10  # of a ticket
WORDS: Final = 45  # of a message
ORGANIZATIONS: Final = 500
VOCABULARY: Final = 40_000
QUESTIONS: Final = 400  # of each audience and round
MOST_MS: Final = 200.0
_BATCH: Final = 500
_SYLLABLES: Final = "ба ве го ду жи зо ку лю мя но пе ру се ти фо хи ца чу шо эн".split()  # noqa: SIM905
_COMMON: Final = 60  # words that hardly anybody searches for alone
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds of every question."""

    desk: list[float]
    customer: list[float]


def figures(rounds: int, tickets: int = TICKETS) -> list[Figure]:
    """Fill both engines once and ask them in every round."""
    found: dict[str, list[Figure]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lkyfind"))
        server = stack.enter_context(private_postgres())
        asyncio.run(_create_database(server))
        for engine, url in (
            ("PostgreSQL", database_url(server, "found")),
            ("SQLite", f"sqlite://{Path(folder) / 'found.sqlite3'}"),
        ):
            migrate(url)
            times = _run(url, tickets, rounds)
            found[engine] = [
                _figure(engine, "the desk", times.desk, tickets),
                _figure(engine, "customers", times.customer, tickets),
            ]
    return [*found["PostgreSQL"], *found["SQLite"]]


def _figure(engine: str, who: str, times: Sequence[float], tickets: int) -> Figure:
    cuts = quantiles(times, n=100)
    name = f"search by {who}, {tickets:,} tickets of {MESSAGES} messages, {engine}, 95th percentile"
    note = f"median {cuts[49]:.1f} ms, 99th percentile {cuts[98]:.0f} ms"
    if engine == "SQLite":
        return stated(name, f"{cuts[94]:.0f} ms", note=note)
    return at_most(name, cuts[94], MOST_MS, unit=" ms", note=note)


async def _create_database(server: str) -> None:
    connection = await asyncpg.connect(database_url(server, "postgres"))
    try:
        await connection.execute("CREATE DATABASE found")
    finally:
        await connection.close()


def _run(url: str, tickets: int, rounds: int) -> _Times:
    """Fill and ask in a process of its own: Tortoise knows one engine in each."""
    command = [sys.executable, "-m", "benchmarks.search", "--url", url]
    options = ["--tickets", str(tickets), "--rounds", str(rounds)]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE)
    return _Times(**orjson.loads(done.stdout))


async def _fill_and_ask(url: str, tickets: int, rounds: int) -> _Times:
    async with open_database(url):
        organizations = await _fill(tickets)
        times = _Times([], [])
        for number in range(rounds):
            chance = random.Random(number)  # noqa: S311 - repeatable
            typed = list(islice(_questions(chance), QUESTIONS))
            await _ask(typed[:20], SearchAudience.STAFF, None)  # plans and pages get warm
            times.desk.extend(await _ask(typed, SearchAudience.STAFF, None))
            who = chance.choice(organizations)
            times.customer.extend(await _ask(typed, SearchAudience.PUBLIC, who))
    return times


async def _fill(tickets: int) -> list[int]:
    """Make organizations, tickets and what finds them; return the organizations."""
    chance = random.Random(1)  # noqa: S311 - repeatable
    organizations = [
        (await Organization.create(name=f"Company {n}", kind=OrganizationKind.CUSTOMER)).id
        for n in range(ORGANIZATIONS)
    ]
    weights = list(accumulate(1 / n for n in range(1, VOCABULARY + 1)))
    for first in range(0, tickets, _BATCH):
        ids = new_ids(min(_BATCH, tickets - first))
        rows = [_ticket(i, first + n, organizations) for n, i in enumerate(ids)]
        await insert_records(writer(), rows)
        await _index(chance, weights, ids)
    await writer().execute_script("ANALYZE")  # as autovacuum does in its own time
    return organizations


def _ticket(ticket_id: int, number: int, organizations: Sequence[int]) -> Ticket:
    at = _EPOCH + timedelta(minutes=number)
    return Ticket(
        id=ticket_id,
        created_at=at,
        updated_at=at,
        number=number + 1,
        subject="of the benchmark",
        kind=TicketKind.QUESTION,
        status=TicketStatus.CLOSED,
        line=TicketLine.FIRST,
        channel=TicketChannel.PORTAL,
        locale="ru",
        organization_id=organizations[number * 7919 % len(organizations)],
    )


async def _index(chance: random.Random, weights: Sequence[float], ids: Sequence[int]) -> None:
    connection = writer()
    rows: list[list[object]] = []
    indexed: list[list[object]] = []
    vocabulary = range(VOCABULARY)
    for document_id, owner_id in zip(new_ids(len(ids)), ids, strict=True):
        picked = chance.choices(vocabulary, cum_weights=weights, k=MESSAGES * WORDS + 6)
        words = [_word(number) for number in picked]
        half = len(words) * 4 // 5  # the rest is notes of the desk
        columns = {
            TITLE: [kind_word(SearchKind.TICKET), *words[:6]],
            BODY: [*words[6:half], "2_14_0", "2_14", f"{chance.randrange(2_000)}"],
            STAFF_TITLE: [],
            STAFF_BODY: words[half:],
        }
        texts = [" ".join(column) for column in columns.values()]
        rows.append([document_id, SearchKind.TICKET.value, owner_id, "", 0, *texts])
        indexed.append([document_id, tsvector(columns)])
    await execute_many(
        connection,
        "INSERT INTO search_document (id, kind, owner_id, language, part, title, body,"
        f" staff_title, staff_body) VALUES ({placeholders(connection, 9)})",
        rows,
    )
    if not is_sqlite(connection):
        await execute_many(
            connection,
            "INSERT INTO search_index (document_id, words) VALUES ($1, $2::text::tsvector)",
            indexed,
        )


def _word(number: int) -> str:
    """Return the word of a rank, as no stemmer changes it: the 0th is the most common."""
    word = ""
    left = number + len(_SYLLABLES)
    while left:
        word = _SYLLABLES[left % len(_SYLLABLES)] + word
        left //= len(_SYLLABLES)
    return f"{word}з"


def _questions(chance: random.Random) -> Iterator[str]:
    """Yield what people type: mostly words that are neither the commonest nor the rarest."""

    def word() -> str:
        return _word(int(_COMMON * (VOCABULARY / _COMMON) ** chance.random()) % VOCABULARY)

    while True:
        yield word()
        yield f"{word()} {word()}"
        yield f"{_word(chance.randrange(_COMMON))} {word()}"
        yield f"{_word(chance.randrange(_COMMON))} {_word(chance.randrange(_COMMON))}"
        yield f"{word()} -{word()}"
        yield f'"{_word(chance.randrange(_COMMON))} {word()}"'
        yield f"{word()} 2.14.0"
        yield word()[:5]


async def _ask(
    typed: Sequence[str], audience: SearchAudience, organization_id: int | None
) -> list[float]:
    times: list[float] = []

    def narrow(conditions: Conditions) -> None:
        conditions.add("ticket.deleted_at IS NULL")
        if organization_id is not None:
            conditions.add("ticket.organization_id = ?", organization_id)

    for text in typed:
        started = time.perf_counter()
        await search(
            reader(),
            question=read_question(text, is_typing=True),
            kind=SearchKind.TICKET,
            audience=audience,
            limit=20,
            narrow=narrow,
        )
        times.append((time.perf_counter() - started) * 1_000)
    return times


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.url is None:
        print(table(figures(options.rounds, options.tickets)))
        return
    times = asyncio.run(_fill_and_ask(options.url, options.tickets, options.rounds))
    print(orjson.dumps({"desk": times.desk, "customer": times.customer}).decode())


if __name__ == "__main__":
    main()
