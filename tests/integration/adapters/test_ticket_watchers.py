"""Live tickets of one process: they look only while somebody watches, and lose nothing."""

import asyncio
import gc
from datetime import timedelta

import pytest

from api.adapters.ticket_watchers import TicketWatchers
from models.tickets import Ticket
from resolvers.ports import Ports
from resolvers.ticket_messages import note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import open_ticket
from tests.desk import agent_of, customer_of, make_ticket
from tests.fakes import FixedClock

TIMEOUT_S = 5.0


@pytest.fixture
def watchers(clock: FixedClock) -> TicketWatchers:
    return TicketWatchers(clock, look_s=0.001)


async def test_every_change_of_a_ticket_is_told_and_those_of_others_are_not(
    database: None, ports: Ports, clock: FixedClock, watchers: TicketWatchers
) -> None:
    agent, customer = await agent_of(ports), await customer_of(ports)
    ticket, other = await make_ticket(customer), await make_ticket(customer)
    watcher, idle = watchers.watch(ticket.id), watchers.watch(other.id)
    async with asyncio.timeout(TIMEOUT_S):
        await anext(watcher)
        await anext(idle)
        other_told = asyncio.ensure_future(anext(idle))
        await open_ticket(agent, ticket_id=ticket.id)
        await anext(watcher)
        await note_on_ticket(agent, ticket_id=ticket.id, body="x")
        await anext(watcher)
        await reply_to_ticket(agent, ticket_id=ticket.id, body="x")
        await anext(watcher)
        clock.at += timedelta(minutes=1)  # the answer is sent
        await anext(watcher)
        assert not other_told.done()
        await Ticket.filter(id=other.id).delete()
        await other_told
    for each in (watcher, idle):
        await each.aclose()


async def test_nobody_looks_when_nobody_watches(
    database: None, ports: Ports, watchers: TicketWatchers, sql: list[str]
) -> None:
    closed, dropped = watchers.watch(1), watchers.watch(2)
    async with asyncio.timeout(TIMEOUT_S):
        await anext(closed)
        await anext(dropped)
    await closed.aclose()
    task = watchers._task
    assert task is not None
    del dropped
    gc.collect()
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.wait([task])
    sql.clear()
    await asyncio.sleep(0.01)

    assert sql == []
    again = watchers.watch(3)
    async with asyncio.timeout(TIMEOUT_S):
        await anext(again)
    await again.aclose()


async def test_readers_learn_of_a_fault_instead_of_waiting_for_ever(
    watchers: TicketWatchers,
) -> None:
    """Without tables there is nothing to look at."""
    watcher = watchers.watch(1)

    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(RuntimeError):
            await anext(watcher)
    await watcher.aclose()
