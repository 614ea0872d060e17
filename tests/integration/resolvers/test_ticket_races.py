"""Many at once on one ticket: one wins, the others are told, and nothing is half done."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from models.errors import RevisionConflictError
from models.orm import writer
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError
from models.ticket_messages import TicketMessage
from models.tickets import Ticket, TicketFollower
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.ticket_assignments import take_ticket
from resolvers.ticket_followers import follow_ticket
from resolvers.ticket_messages import reply_to_ticket, take_back_message
from resolvers.ticket_moves import close_ticket, resolve_ticket, wait_for_customer
from resolvers.ticket_saving import save_quietly, snapshot
from resolvers.ticket_steps import StepInput, take_step
from tests.desk import agent_of, customer_of, history, make_ticket, stored


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


async def outcomes(*attempts: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*attempts, return_exceptions=True)


async def test_two_agents_who_take_a_ticket_do_not_both_have_it(
    customer: RequestContext, ports: Ports
) -> None:
    ticket = await make_ticket(customer)
    agents = [await agent_of(ports) for _ in range(4)]

    done = await outcomes(
        *(take_ticket(agent, ticket_id=ticket.id, if_revision=1) for agent in agents)
    )

    won = [each for each in done if isinstance(each, Ticket)]
    lost = [each for each in done if isinstance(each, RevisionConflictError)]
    assert (len(won), [each.current_revision for each in lost]) == (1, [2, 2, 2])
    assert (await stored(ticket)).assignee_id == won[0].assignee_id
    assert [kind for kind, _, _ in await history(ticket)] == [
        "CREATED",
        "ASSIGNED",
        "STATUS_CHANGED",
    ]


async def test_a_step_is_taken_once_however_many_take_it(
    customer: RequestContext, ports: Ports
) -> None:
    ticket = await make_ticket(customer)
    agents = [await agent_of(ports) for _ in range(3)]
    solved = TicketResolution.SOLVED

    done = await outcomes(
        *(resolve_ticket(each, ticket_id=ticket.id, resolution=solved) for each in agents),
        close_ticket(customer, ticket_id=ticket.id),
    )

    refused = [each for each in done if isinstance(each, TicketMoveNotPossibleError)]
    assert [each for each in done if not isinstance(each, Ticket)] == refused
    assert len(refused) in {2, 3}  # after a resolution the customer may still close
    events = [after["status"] for _, _, after in (await history(ticket))[1:]]
    assert events in (["RESOLVED"], ["CLOSED"], ["RESOLVED", "CLOSED"])
    row = await stored(ticket)
    assert (row.status.value, row.revision) == (events[-1], 1 + len(events))


async def test_no_reply_is_lost_and_each_has_its_revision(
    customer: RequestContext, ports: Ports
) -> None:
    ticket = await make_ticket(customer)
    agent = await agent_of(ports)
    await wait_for_customer(agent, ticket_id=ticket.id)

    done = await outcomes(
        *(
            reply_to_ticket(writer, ticket_id=ticket.id, body=str(number))
            for number, writer in enumerate([customer, agent] * 5)
        )
    )

    assert {type(each).__name__ for each in done} == {"Reply"}
    row = await stored(ticket)
    assert row.revision == 12
    revisions = [each.ticket_revision for each in await TicketMessage.all().order_by("id")]
    assert sorted(revisions) == [1, *range(3, 13)]


async def test_an_answer_is_taken_back_once(customer: RequestContext, ports: Ports) -> None:
    ticket = await make_ticket(customer)
    agent = await agent_of(ports)
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="So")

    done = await outcomes(
        *(take_back_message(agent, message_id=reply.message.id) for _ in range(3))
    )

    assert sorted(type(each).__name__ for each in done) == [
        "NotFoundError",
        "NotFoundError",
        "Reply",
    ]
    assert (await stored(ticket)).revision == 3


async def test_following_twice_at_once_is_following(customer: RequestContext, ports: Ports) -> None:
    ticket = await make_ticket(customer)
    agent = await agent_of(ports)

    done = await outcomes(*(follow_ticket(agent, ticket_id=ticket.id) for _ in range(4)))

    assert [type(each) for each in done] == [Ticket] * 4
    assert await TicketFollower.all().count() == 1


async def test_a_change_of_what_is_there_no_more_is_refused(
    customer: RequestContext, ports: Ports
) -> None:
    """Compare and set: the second line of defence, should a lock ever be missing."""
    ticket = await make_ticket(customer)
    agent = await agent_of(ports)
    stale = await stored(ticket)
    before = snapshot(stale)
    await wait_for_customer(agent, ticket_id=ticket.id)
    take_step(agent, stale, TicketMove.RESOLVE, StepInput(resolution=TicketResolution.SOLVED))

    with pytest.raises(RevisionConflictError) as refused:
        await save_quietly(agent, writer(), stale, before)

    assert refused.value.current_revision == 2
    assert (await stored(ticket)).status is TicketStatus.WAITING_FOR_CUSTOMER
