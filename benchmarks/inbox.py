"""The desk's inbox over 100,000 tickets with 1,000,000 messages, on PostgreSQL and SQLite.

`python -m benchmarks.inbox` prints its part of the table; `--tickets 20000` is quicker and
says less. A twelfth of the tickets is still to be done, in ten queues, by twenty agents.
Pages have 50 rows: folders of the desk from the first page to deep ones, lists of customers,
conversations, and the numbers beside the folders. Each waits for the one before; what counts
is the time from the use case to its rows.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final

import asyncpg
import orjson

from api.adapters.clock import SystemClock
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.migrate import migrate
from benchmarks.report import Figure, at_most, stated, table
from models.ids import new_ids
from models.organizations import Organization, OrganizationKind
from models.orm import open_database, writer
from models.rules.reach import Reach
from models.rules.roles import ROLES
from models.rules.scopes import Scope, format_scopes
from models.rules.ticket_states import ACTIVE, TicketChannel, TicketKind, TicketLine, TicketStatus
from models.ticket_queues import TicketQueue
from models.ticket_rows import insert_records
from models.tickets import Ticket
from models.users import Role, User
from resolvers.context import RequestContext, Viewer
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from resolvers.ticket_filters import TicketFilter, TicketOrder
from resolvers.ticket_lists import inbox_counts, ticket_cursor, tickets_page
from resolvers.ticket_timeline import timeline_page
from tests.factories import PASSWORDS, SEALER
from tests.servers import database_url, private_postgres

TICKETS: Final = 100_000
MESSAGES: Final = 10  # of a ticket
CUSTOMERS: Final = 2_000
AGENTS: Final = 20
QUEUES: Final = 10
ROWS: Final = 50  # of a page
REQUESTS: Final = 200  # of each kind and round
MOST_MS: Final = 100.0
_BATCH: Final = 1_000
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
# The same on both engines; an id of a row is its ticket's number and its own.
_MESSAGES: Final = f"""
WITH RECURSIVE place (k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM place WHERE k < {MESSAGES})
INSERT INTO ticket_message (id, created_at, updated_at, ticket_id, visibility, author_id,
  is_from_staff, is_automatic, channel, body_markdown, due_at, ticket_revision)
SELECT ticket.number * 100 + place.k, ticket.created_at, ticket.created_at, ticket.id,
  CASE WHEN place.k % 5 = 0 THEN 'INTERNAL' ELSE 'PUBLIC' END, ticket.requester_id,
  place.k % 2 = 0, FALSE, 'PORTAL', 'Words of a message that goes on for a line or two.',
  ticket.created_at, 1 FROM ticket CROSS JOIN place
"""
_EVENTS: Final = """
INSERT INTO ticket_event (id, created_at, ticket_id, kind, is_from_staff, is_for_customer,
  before, after, due_at)
SELECT ticket.number * 100, ticket.created_at, ticket.id, 'CREATED', FALSE, TRUE, '{}',
  '{"number":1}', ticket.created_at FROM ticket
"""


@dataclass(slots=True)
class _World:
    """Who there is, by row ids."""

    organization_id: int = 0
    customers: list[int] = field(default_factory=list[int])
    agents: list[int] = field(default_factory=list[int])
    queues: list[int] = field(default_factory=list[int])
    tickets: list[int] = field(default_factory=list[int])


def figures(rounds: int, tickets: int = TICKETS) -> list[Figure]:
    """Fill both engines once and ask them in every round."""
    found: list[Figure] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lkyinbox"))
        server = stack.enter_context(private_postgres())
        asyncio.run(_create_database(server))
        for engine, url in (
            ("PostgreSQL", database_url(server, "inbox")),
            ("SQLite", f"sqlite://{Path(folder) / 'inbox.sqlite3'}"),
        ):
            migrate(url)
            times = _run(url, tickets, rounds)
            found += [_figure(engine, what, each, tickets) for what, each in times.items()]
    return found


def _figure(engine: str, what: str, times: Sequence[float], tickets: int) -> Figure:
    cuts = quantiles(times, n=100)
    name = f"{what}, {tickets:,} tickets of {MESSAGES} messages, {engine}, 95th percentile"
    note = f"median {cuts[49]:.1f} ms, 99th percentile {cuts[98]:.0f} ms"
    if engine == "SQLite":
        return stated(name, f"{cuts[94]:.0f} ms", note=note)
    return at_most(name, cuts[94], MOST_MS, unit=" ms", note=note)


async def _create_database(server: str) -> None:
    connection = await asyncpg.connect(database_url(server, "postgres"))
    try:
        await connection.execute("CREATE DATABASE inbox")
    finally:
        await connection.close()


def _run(url: str, tickets: int, rounds: int) -> dict[str, list[float]]:
    """Fill and ask in a process of its own: Tortoise knows one engine in each."""
    command = [sys.executable, "-m", "benchmarks.inbox", "--url", url]
    options = ["--tickets", str(tickets), "--rounds", str(rounds)]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE)
    found: dict[str, list[float]] = orjson.loads(done.stdout)
    return found


async def _fill_and_ask(url: str, tickets: int, rounds: int) -> dict[str, list[float]]:
    async with open_database(url):
        world = await _fill(tickets)
        asking = _Asking(world)
        kinds: dict[str, Callable[[random.Random], Awaitable[None]]] = {
            "page of an inbox": asking.inbox,
            "page of a customer's list": asking.own,
            "page of a conversation": asking.conversation,
            "numbers beside the folders": asking.numbers,
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for number in range(rounds):
            for name, ask in kinds.items():
                chance = random.Random(number)  # noqa: S311 - repeatable
                for _ in range(10):  # plans and pages get warm
                    await ask(chance)
                for _ in range(REQUESTS):
                    started = time.perf_counter()
                    await ask(chance)
                    times[name].append((time.perf_counter() - started) * 1_000)
    return times


async def _fill(tickets: int) -> _World:
    world = _World()
    role = await Role.create(
        name="customer", scopes=format_scopes(ROLES["customer"].scopes), reach=Reach.OWN
    )
    company = await Organization.create(name="Company", kind=OrganizationKind.CUSTOMER)
    world.organization_id = company.id
    for number in range(CUSTOMERS + AGENTS):
        is_agent = number < AGENTS
        user = User(
            email=f"p{number}@people.test",
            name=f"Person {number}",
            role_id=role.id,
            organization_id=None if is_agent else company.id,
        )
        await user.save()
        (world.agents if is_agent else world.customers).append(user.id)
    for number in range(QUEUES):
        queue = await TicketQueue.create(name=f"Queue {number}", line=TicketLine.FIRST)
        world.queues.append(queue.id)
    chance = random.Random(1)  # noqa: S311 - repeatable
    for first in range(0, tickets, _BATCH):
        ids = new_ids(min(_BATCH, tickets - first))
        rows = [_ticket(world, chance, i, first + n + 1) for n, i in enumerate(ids)]
        await insert_records(writer(), rows)
        world.tickets += [row.id for row in rows]
    await writer().execute_script(f"{_MESSAGES}; {_EVENTS}")
    await writer().execute_script("ANALYZE")  # as autovacuum does in its own time
    return world


def _ticket(world: _World, chance: random.Random, ticket_id: int, number: int) -> Ticket:
    at = _EPOCH + timedelta(minutes=number)
    status = chance.choice(ACTIVE) if number % 12 == 0 else TicketStatus.CLOSED
    return Ticket(
        id=ticket_id,
        created_at=at,
        updated_at=at + timedelta(hours=chance.randrange(200)),
        number=number,
        subject=f"Printing stops at page {chance.randrange(1_000)}",
        kind=TicketKind.QUESTION,
        status=status,
        line=TicketLine.FIRST,
        channel=TicketChannel.PORTAL,
        locale="ru",
        requester_id=chance.choice(world.customers),
        organization_id=world.organization_id,
        queue_id=chance.choice(world.queues),
        assignee_id=None if number % 36 == 0 else chance.choice(world.agents),
    )


class _Asking:
    """Asks what people ask."""

    def __init__(self, world: _World) -> None:
        self._world = world
        self._ports = Ports(
            clock=SystemClock(),
            link_signal=QuietLinkSignal(),
            click_feed=QuietClickFeed(),
            sealer=SEALER,
            passwords=PASSWORDS,
            rates=RateCounters(bytes(32)),
        )

    def _agent(self, chance: random.Random) -> RequestContext:
        viewer = Viewer(
            user_id=chance.choice(self._world.agents), scopes=frozenset(Scope), reach=Reach.ALL
        )
        return RequestContext(viewer, self._ports)

    async def inbox(self, chance: random.Random) -> None:
        """Read a page of a folder; one in four is a later one."""
        filters = (
            TicketFilter(),
            TicketFilter(statuses=ACTIVE),
            TicketFilter(statuses=ACTIVE, is_mine=True),
            TicketFilter(statuses=ACTIVE, is_unassigned=True),
            TicketFilter(statuses=ACTIVE, queue_id=chance.choice(self._world.queues)),
            TicketFilter(statuses=(TicketStatus.NEW,)),
            TicketFilter(queue_id=chance.choice(self._world.queues)),
            TicketFilter(requester_id=chance.choice(self._world.customers)),
            TicketFilter(statuses=(TicketStatus.SPAM,)),
        )
        context, wanted, order = self._agent(chance), chance.choice(filters), TicketOrder()
        after: str | None = None
        if chance.random() < 0.25:  # noqa: PLR2004 - one in four
            at = _EPOCH + timedelta(minutes=chance.randrange(len(self._world.tickets)))
            after = ticket_cursor(Ticket(id=1, updated_at=at, number=1), order)
        window = PageWindow(first=ROWS, after=after)
        await tickets_page(context, filter=wanted, order=order, window=window)

    async def own(self, chance: random.Random) -> None:
        """Read the first page of a customer."""
        viewer = Viewer(
            user_id=chance.choice(self._world.customers),
            organization_id=self._world.organization_id,
            scopes=frozenset({Scope.TICKET_READ}),
        )
        window = PageWindow(first=ROWS)
        await tickets_page(
            RequestContext(viewer, self._ports),
            filter=TicketFilter(),
            order=TicketOrder(),
            window=window,
        )

    async def conversation(self, chance: random.Random) -> None:
        """Read a ticket from its first word on."""
        ticket_id = chance.choice(self._world.tickets)
        window = PageWindow(first=ROWS)
        await timeline_page(self._agent(chance), ticket_id=ticket_id, window=window)

    async def numbers(self, chance: random.Random) -> None:
        """Count what an inbox shows beside its folders."""
        await inbox_counts(self._agent(chance), TicketFilter())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inbox", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.url is None:
        print(table(figures(options.rounds, options.tickets)))
        return
    times = asyncio.run(_fill_and_ask(options.url, options.tickets, options.rounds))
    print(orjson.dumps(times).decode())


if __name__ == "__main__":
    main()
