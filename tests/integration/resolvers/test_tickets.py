"""Tickets as customers make them, and as the desk makes them for customers."""

import asyncio

import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    InputInvalidError,
    NotFoundError,
    RateLimitedError,
    ReachNotHeldError,
    RequestIdReusedError,
    RequestUndoneError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.rate_limits import RateLimit
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, AUDITOR, DEVELOPER
from models.rules.scopes import Scope
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketKind,
    TicketLine,
    TicketStatus,
)
from models.ticket_messages import TicketEvent, TicketMessage
from models.ticket_rows import columns_of
from models.tickets import Ticket
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.limits import spend
from resolvers.ports import Ports
from resolvers.ticket_categories import archive_category, create_category
from resolvers.ticket_deletions import delete_ticket, restore_ticket
from resolvers.ticket_fields import fields_by_ticket_ids
from resolvers.ticket_followers import tags_by_ticket_ids
from resolvers.ticket_lists import ticket_by_id, ticket_by_number
from resolvers.ticket_queues import create_queue
from resolvers.tickets import Requester, create_ticket
from tests.desk import STOPPED, agent_of, customer_of, history, make_ticket, stored
from tests.factories import as_command, as_nobody, as_person, make_organization, make_user
from tests.fakes import FixedClock


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports, organization=await make_organization())


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


async def test_a_ticket_is_the_customers_words_under_a_new_number(
    customer: RequestContext, clock: FixedClock
) -> None:
    ticket = await create_ticket(
        customer,
        subject="  It does not print ",
        body="Since\r\nyesterday.",
        kind=TicketKind.FAULT,
        severity_inputs=STOPPED,
        module="Reports",
        installation="North",
        channel=TicketChannel.API,
    )

    row = await stored(ticket)
    assert {name: getattr(row, name) for name in columns_of(Ticket)} == {
        name: getattr(ticket, name) for name in columns_of(Ticket)
    }
    assert (row.number, row.subject, row.status) == (1, "It does not print", TicketStatus.NEW)
    assert (row.severity, row.effect, row.line) == ("CRITICAL", "STOPPED", TicketLine.FIRST)
    assert (row.requester_id, row.requester_email) == (customer.viewer.user_id, None)
    assert row.organization_id == customer.viewer.organization_id
    assert (row.created_at, row.updated_at, row.customer_wrote_at) == (clock.at,) * 3
    message = await TicketMessage.get(ticket_id=row.id)
    assert (message.body_markdown, message.visibility) == (
        "Since\nyesterday.",
        MessageVisibility.PUBLIC,
    )
    assert (message.author_id, message.is_from_staff) == (customer.viewer.user_id, False)
    assert (message.due_at, message.channel) == (clock.at, TicketChannel.API)
    assert await history(ticket) == [("CREATED", {}, {"number": 1, "channel": "API"})]
    entry = await AuditEntry.get(subject_id=row.id)
    assert (entry.action, entry.subject_type) == ("ticket.create", "ticket")
    assert "print" not in entry.after


async def test_numbers_rise_without_a_gap_however_many_come_at_once(
    customer: RequestContext,
) -> None:
    made = await asyncio.gather(*(make_ticket(customer, f"n{each}") for each in range(12)))
    with pytest.raises(NotFoundError):
        await make_ticket(customer, category_id=1)  # refused inside its transaction
    last = await make_ticket(customer)

    assert sorted(ticket.number for ticket in made) == list(range(1, 13))
    assert last.number == 13


async def test_a_deleted_ticket_keeps_its_number(ports: Ports, customer: RequestContext) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    first = await make_ticket(customer)
    gone = await delete_ticket(boss, ticket_id=first.id)

    assert (await make_ticket(customer)).number == 2
    assert await ticket_by_number(boss, 1) is None
    assert await ticket_by_id(customer, first.id) is None
    with pytest.raises(NotFoundError):
        await delete_ticket(boss, ticket_id=first.id)
    with pytest.raises(NotPermittedError):
        await restore_ticket(await agent_of(ports), ticket_id=first.id)

    back = await restore_ticket(boss, ticket_id=first.id, if_revision=gone.revision)
    assert (back.number, back.status, back.deleted_at) == (1, TicketStatus.NEW, None)
    found = await ticket_by_number(customer, 1)
    assert found is not None
    assert found.revision == gone.revision + 1 == 3
    with pytest.raises(NotFoundError):
        await restore_ticket(boss, ticket_id=first.id)
    assert [kind for kind, _, _ in await history(first)] == ["CREATED", "DELETED", "RESTORED"]


async def test_the_same_request_makes_one_ticket(ports: Ports, customer: RequestContext) -> None:
    made = await asyncio.gather(*(make_ticket(customer, "Once", request_id="r1") for _ in range(4)))
    assert len({ticket.id for ticket in made}) == 1
    assert await Ticket.all().count() == 1
    assert await TicketMessage.all().count() == 1
    with pytest.raises(RequestIdReusedError):
        await make_ticket(customer, "Twice", request_id="r1")
    boss = await agent_of(ports, ADMINISTRATOR)
    await delete_ticket(boss, ticket_id=made[0].id)
    with pytest.raises(RequestUndoneError):
        await make_ticket(customer, "Once", request_id="r1")
    assert await Ticket.all().count() == 1


async def test_a_form_hears_of_all_its_faults_and_nothing_is_made(
    customer: RequestContext,
) -> None:
    with pytest.raises(InputInvalidError) as refused:
        await make_ticket(customer, " ", body="\x00", module="x" * 121)

    assert [(each.__class__, each.path) for each in refused.value.problems] == [
        (ValueRequiredError, ("subject",)),
        (ValueInvalidError, ("bodyMarkdown",)),
        (TextTooLongError, ("productModule",)),
    ]
    assert await Ticket.all().count() == 0


async def test_the_desk_takes_a_call_down_for_an_account_or_a_stranger(
    agent: RequestContext, customer: RequestContext
) -> None:
    place = await make_organization()
    user = await User.get(id=customer.viewer.user_id or 0)

    for requester in (Requester(user_id=user.id), Requester(email=user.email.upper())):
        ticket = await make_ticket(agent, requester=requester, channel=TicketChannel.PHONE)
        assert (ticket.requester_id, ticket.requester_email) == (user.id, None)
        assert ticket.organization_id == user.organization_id
        message = await TicketMessage.get(ticket_id=ticket.id)
        assert (message.author_id, message.is_from_staff) == (user.id, False)
        event = await TicketEvent.get(ticket_id=ticket.id)
        assert (event.author_id, event.is_from_staff) == (agent.viewer.user_id, True)
    stranger = Requester(email="Ann@Else.test", name=" Ann ", organization_id=place.id)
    ticket = await make_ticket(agent, requester=stranger)
    assert (ticket.requester_id, ticket.requester_email) == (None, "ann@else.test")
    assert (ticket.requester_name, ticket.organization_id) == ("Ann", place.id)


async def test_nobody_is_named_twice_or_not_at_all(
    ports: Ports, agent: RequestContext, customer: RequestContext
) -> None:
    gone = await make_user()
    gone.deactivated_at = ports.clock.now()
    await gone.save()
    refused: list[tuple[Requester, type[Exception]]] = [
        (Requester(), ValueRequiredError),
        (Requester(user_id=gone.id, email="a@b.test"), ValueInvalidError),
        (Requester(user_id=gone.id), NotFoundError),
        (Requester(email="nothing"), ValueInvalidError),
        (Requester(email="a@b.test", organization_id=1), NotFoundError),
    ]
    for requester, error in refused:
        with pytest.raises(error):
            await make_ticket(agent, requester=requester)
    with pytest.raises(ValueRequiredError):
        await make_ticket(as_command(ports))
    with pytest.raises(NotPermittedError):
        await make_ticket(customer, requester=Requester(email="a@b.test"))
    assert await Ticket.all().count() == 0


async def test_only_the_desk_sorts_a_ticket_as_it_comes(
    ports: Ports, agent: RequestContext, customer: RequestContext
) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    queue = await create_queue(boss, name="Calls", line=TicketLine.FIRST)
    with pytest.raises(NotPermittedError):
        await make_ticket(customer, tags=["a"])
    with pytest.raises(NotPermittedError):
        await make_ticket(customer, queue_id=queue.id)
    requester = Requester(user_id=customer.viewer.user_id)

    ticket = await make_ticket(agent, requester=requester, tags=["B", "a", "b"], queue_id=queue.id)

    assert ticket.queue_id == queue.id
    assert await tags_by_ticket_ids(agent, [ticket.id]) == [["a", "b"]]
    assert await tags_by_ticket_ids(customer, [ticket.id]) == [[]]


async def test_a_category_is_one_in_use(ports: Ports, customer: RequestContext) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    category = await create_category(boss, name_ru="Печать", name_en="Printing")

    assert (await make_ticket(customer, category_id=category.id)).category_id == category.id
    await archive_category(boss, category_id=category.id)
    with pytest.raises(NotFoundError):
        await make_ticket(customer, category_id=category.id)
    assert await Ticket.all().count() == 1


async def test_fields_are_checked_by_kind_and_type(customer: RequestContext) -> None:
    fields = {"restore_what": "all invoices", "restore_as_of": "2026-01-01T00:00+03:00"}

    ticket = await make_ticket(customer, kind=TicketKind.DATA_RESTORE, fields=fields)

    assert await fields_by_ticket_ids(customer, [ticket.id, 1]) == [
        {"restore_as_of": "2026-01-01T00:00:00+03:00", "restore_what": "all invoices"},
        {},
    ]
    for kind, wrong in (
        (TicketKind.FAULT, {"restore_what": "x"}),
        (TicketKind.DATA_RESTORE, {"restore_lost_at": "yesterday"}),
        (TicketKind.DATA_RESTORE, {"no_such": 1}),
    ):
        with pytest.raises(ValueInvalidError) as refused:
            await make_ticket(customer, kind=kind, fields=wrong)
        assert refused.value.path == ("customFields", next(iter(wrong)))
    assert await Ticket.all().count() == 1


async def test_who_may_not_write_makes_nothing(ports: Ports, customer: RequestContext) -> None:
    company = await make_user(
        scopes=frozenset(Scope), reach=Reach.ORGANIZATION, organization=await make_organization()
    )
    for context in (
        as_nobody(ports),
        await agent_of(ports, AUDITOR),
        await agent_of(ports, DEVELOPER),
    ):
        with pytest.raises(NotPermittedError):
            await make_ticket(context)
    with pytest.raises(ReachNotHeldError):
        await make_ticket(as_person(ports, company), tags=["x"])
    assert await Ticket.all().count() == 0


async def test_a_customer_cannot_flood_the_desk(
    agent: RequestContext, customer: RequestContext
) -> None:
    await spend(customer, RateLimit.TICKET_WRITE, str(customer.viewer.user_id), cost=60)

    with pytest.raises(RateLimitedError):
        await make_ticket(customer)
    assert await Ticket.all().count() == 0
    requester = Requester(user_id=customer.viewer.user_id)
    await make_ticket(agent, requester=requester)
