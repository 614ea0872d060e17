"""What becomes of the tickets of those who leave."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    LastAdministratorError,
    NotFoundError,
    ReachNotHeldError,
    StepUpRequiredError,
    ValueInvalidError,
)
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.scopes import Scope
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.ticket_errors import TicketTransferNotPossibleError
from models.ticket_messages import TicketEvent
from models.tickets import Ticket, TicketFollower
from models.users import User
from resolvers import ticket_transfers
from resolvers.context import NotPermittedError, RequestContext
from resolvers.ports import Ports
from resolvers.ticket_assignments import assign_ticket
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_edits import set_requester
from resolvers.ticket_followers import follow_ticket
from resolvers.ticket_lists import ticket_by_id
from resolvers.ticket_moves import resolve_ticket
from resolvers.ticket_requesters import Requester
from resolvers.ticket_transfers import TicketTransfer, transfer_tickets
from resolvers.user_edits import UserChanges, deactivate_user, update_user
from tests.desk import history, make_ticket, stored
from tests.factories import as_person, make_built_in, make_organization, make_user
from tests.fakes import FixedClock


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def everything() -> list[dict[str, Any]]:
    tables = (Ticket, TicketEvent, TicketFollower, AuditEntry)
    return [row for table in tables for row in await table.all().order_by("id").values()]


async def followers(ticket: Ticket) -> list[int]:
    rows = await TicketFollower.filter(ticket_id=ticket.id).order_by("user_id")
    return [row.user_id for row in rows]


async def test_what_was_asked_for_goes_to_a_colleague_in_batches(
    admin: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket_transfers, "BATCH", 2)
    place = await make_organization()
    leaver = await make_built_in(CUSTOMER, organization=place)
    heir = await make_built_in(CUSTOMER, organization=place)
    mine, theirs = as_person(ports, leaver), as_person(ports, heir)
    tickets = [await make_ticket(mine) for _ in range(5)]
    other = await make_ticket(theirs)
    await delete_ticket(admin, ticket_id=tickets[0].id)
    await AuditEntry.all().delete()

    moved = await transfer_tickets(admin, from_user_id=leaver.id, to_user_id=heir.id)

    assert moved == TicketTransfer(requested=4, assigned=0, followed=0)
    rows = [await stored(ticket) for ticket in [*tickets, other]]
    assert {(row.requester_id, row.organization_id) for row in rows} == {(heir.id, place.id)}
    assert [row.revision for row in rows] == [3, 2, 2, 2, 2, 1]
    assert (await history(tickets[1]))[1:] == [
        ("REQUESTER_CHANGED", {"requester_id": leaver.id}, {"requester_id": heir.id})
    ]
    assert await ticket_by_id(mine, tickets[1].id) is None
    assert await ticket_by_id(theirs, tickets[1].id) is not None
    entries = await AuditEntry.filter(action="user.tickets_transfer").order_by("id")
    assert [entry.subject_id for entry in entries] == [leaver.id] * 3
    assert [orjson.loads(entry.after)["requested"] for entry in entries] == [1, 2, 1]
    again = await transfer_tickets(admin, from_user_id=leaver.id, to_user_id=heir.id)
    assert again == TicketTransfer()


async def test_active_work_and_what_is_followed_go_to_somebody_of_the_desk(
    admin: RequestContext, ports: Ports
) -> None:
    customer = as_person(ports, await make_built_in(CUSTOMER))
    leaver, heir = await make_built_in(FIRST_LINE), await make_built_in(FIRST_LINE)
    active, done, watched = [await make_ticket(customer) for _ in range(3)]
    for ticket in (active, done):
        await assign_ticket(admin, ticket_id=ticket.id, assignee_id=leaver.id)
    await resolve_ticket(admin, ticket_id=done.id, resolution=TicketResolution.SOLVED)
    for ticket, person in ((watched, leaver), (done, leaver), (done, heir)):
        await follow_ticket(admin, ticket_id=ticket.id, user_id=person.id)

    moved = await transfer_tickets(admin, from_user_id=leaver.id, to_user_id=heir.id)

    assert moved == TicketTransfer(requested=0, assigned=1, followed=2)
    assert [(await stored(each)).assignee_id for each in (active, done)] == [heir.id, leaver.id]
    assert (await history(active))[-1] == (
        "ASSIGNED",
        {"assignee_id": leaver.id},
        {"assignee_id": heir.id},
    )
    assert (await stored(active)).revision == 3
    assert [await followers(each) for each in (watched, done)] == [[heir.id], [heir.id]]


async def test_what_is_followed_stays_where_the_other_person_may_not_see_it(
    admin: RequestContext, ports: Ports
) -> None:
    place = await make_organization()
    colleague = as_person(ports, await make_built_in(CUSTOMER, organization=place))
    leaver = await make_user(reach=Reach.ORGANIZATION, organization=place)
    heir = await make_built_in(CUSTOMER, organization=place)
    ticket = await make_ticket(colleague)
    await follow_ticket(as_person(ports, leaver), ticket_id=ticket.id)

    moved = await transfer_tickets(admin, from_user_id=leaver.id, to_user_id=heir.id)

    assert (moved, await followers(ticket)) == (TicketTransfer(), [leaver.id])


async def test_what_cannot_go_is_told_before_anything_went(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    leaver = await make_built_in(CUSTOMER, organization=here)
    agent, customer = await make_built_in(FIRST_LINE), await make_built_in(CUSTOMER)
    foreign = await make_built_in(CUSTOMER, organization=there)
    blind = await make_user(scopes=frozenset({Scope.LINK_READ}), organization=here)
    tickets = [await make_ticket(as_person(ports, leaver)) for _ in range(2)]
    await assign_ticket(admin, ticket_id=tickets[0].id, assignee_id=agent.id)
    before = await everything()

    for giver, taker, reason, count in (
        (leaver, foreign, "organization", 2),
        (leaver, customer, "organization", 2),
        (leaver, agent, "organization", 2),
        (leaver, blind, "right", 2),
        (agent, customer, "desk", 1),
    ):
        with pytest.raises(TicketTransferNotPossibleError) as refused:
            await transfer_tickets(admin, from_user_id=giver.id, to_user_id=taker.id)
        assert (refused.value.reason, refused.value.tickets) == (reason, count)

    assert await everything() == before


async def test_tickets_go_only_to_active_people_in_reach(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    here = await make_organization()
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=here))
    leaver, heir, gone = [await make_built_in(CUSTOMER, organization=here) for _ in range(3)]
    stranger, agent = await make_built_in(CUSTOMER), await make_built_in(FIRST_LINE)
    chief = await make_built_in(FIRST_LINE, organization=here)
    await deactivate_user(admin, user_id=gone.id)
    await make_ticket(as_person(ports, leaver))
    old = replace(boss.viewer, session_id=1, authenticated_at=clock.now() - timedelta(minutes=10))
    before = await everything()
    refusals: tuple[tuple[RequestContext, int, int, type[Exception]], ...] = (
        (boss, leaver.id, gone.id, ValueInvalidError),
        (boss, leaver.id, leaver.id, ValueInvalidError),
        (boss, leaver.id, stranger.id, NotFoundError),
        (boss, stranger.id, leaver.id, NotFoundError),
        (boss, leaver.id, 4, NotFoundError),
        (boss, agent.id, leaver.id, NotFoundError),
        (boss, leaver.id, chief.id, ReachNotHeldError),
        (replace(boss, viewer=old), leaver.id, heir.id, StepUpRequiredError),
        (as_person(ports, leaver), leaver.id, heir.id, NotPermittedError),
    )

    for who, from_id, to_id, refusal in refusals:
        with pytest.raises(refusal):
            await transfer_tickets(who, from_user_id=from_id, to_user_id=to_id)

    assert await everything() == before
    assert (await transfer_tickets(boss, from_user_id=leaver.id, to_user_id=heir.id)).requested == 1


async def test_what_was_left_with_a_former_organization_goes_to_its_people_alone(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    person = await make_built_in(CUSTOMER, organization=here)
    left = await make_ticket(as_person(ports, person))
    await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=there.id))
    new = await make_ticket(as_person(ports, await User.get(id=person.id).select_related("role")))
    former = await make_built_in(CUSTOMER, organization=here)
    heir = await make_built_in(CUSTOMER, organization=there)

    with pytest.raises(TicketTransferNotPossibleError):
        await transfer_tickets(admin, from_user_id=person.id, to_user_id=former.id)
    for taker in (heir, former):
        moved = await transfer_tickets(admin, from_user_id=person.id, to_user_id=taker.id)
        assert moved == TicketTransfer(requested=1)

    rows = [await stored(ticket) for ticket in (left, new)]
    assert [(row.requester_id, row.organization_id) for row in rows] == [
        (former.id, here.id),
        (heir.id, there.id),
    ]


async def test_a_ticket_that_is_changed_meanwhile_has_one_owner_and_loses_no_change(
    admin: RequestContext, ports: Ports
) -> None:
    customer = as_person(ports, await make_built_in(CUSTOMER))
    leaver, heir, third = [await make_built_in(FIRST_LINE) for _ in range(3)]
    tickets = [await make_ticket(customer) for _ in range(4)]
    for ticket in tickets:
        await assign_ticket(admin, ticket_id=ticket.id, assignee_id=leaver.id)
    requester = Requester(user_id=third.id)

    done = await asyncio.gather(
        transfer_tickets(admin, from_user_id=leaver.id, to_user_id=heir.id),
        *(assign_ticket(admin, ticket_id=each.id, assignee_id=third.id) for each in tickets[:2]),
        *(set_requester(admin, ticket_id=each.id, requester=requester) for each in tickets[2:]),
        transfer_tickets(admin, from_user_id=leaver.id, to_user_id=third.id),
    )

    assert all(not isinstance(each, Exception) for each in done)
    for ticket in tickets:
        row, events = await stored(ticket), (await history(ticket))[1:]
        assigned = [(was, now) for kind, was, now in events if kind == "ASSIGNED"]
        owners = [now["assignee_id"] for _, now in assigned]
        assert [was["assignee_id"] for was, _ in assigned] == [None, *owners[:-1]]
        assert row.assignee_id == owners[-1] != leaver.id
        assert row.revision == 1 + len(events) - 1  # the first one gave it a status, too
    assert {(await stored(each)).requester_id for each in tickets[2:]} == {third.id}


async def test_the_work_of_who_is_deactivated_waits_among_the_unassigned(
    admin: RequestContext, ports: Ports
) -> None:
    customer = as_person(ports, await make_built_in(CUSTOMER))
    agent = await make_built_in(FIRST_LINE)
    active, done = [await make_ticket(customer) for _ in range(2)]
    for ticket in (active, done):
        await assign_ticket(admin, ticket_id=ticket.id, assignee_id=agent.id)
    await resolve_ticket(admin, ticket_id=done.id, resolution=TicketResolution.SOLVED)

    await deactivate_user(admin, user_id=agent.id)
    await deactivate_user(admin, user_id=agent.id)

    row = await stored(active)
    assert (row.assignee_id, row.status, row.revision) == (None, TicketStatus.OPEN, 3)
    assert (await history(active))[-1] == (
        "ASSIGNED",
        {"assignee_id": agent.id},
        {"assignee_id": None},
    )
    assert (await stored(done)).assignee_id == agent.id
    [entry] = await AuditEntry.filter(action="user.deactivate")
    assert orjson.loads(entry.after)["tickets_unassigned"] == 1


async def test_who_stays_keeps_the_work(admin: RequestContext, ports: Ports) -> None:
    ticket = await make_ticket(as_person(ports, await make_built_in(CUSTOMER)))
    me = admin.viewer.user_id or 0
    await assign_ticket(admin, ticket_id=ticket.id, assignee_id=me)
    before = await everything()

    with pytest.raises(LastAdministratorError):
        await deactivate_user(admin, user_id=me)

    assert await everything() == before


async def test_nobody_who_is_deactivated_meanwhile_is_left_with_a_ticket(
    admin: RequestContext, ports: Ports
) -> None:
    ticket = await make_ticket(as_person(ports, await make_built_in(CUSTOMER)))
    for _ in range(4):
        agent = await make_built_in(FIRST_LINE)

        done = await asyncio.gather(
            assign_ticket(admin, ticket_id=ticket.id, assignee_id=agent.id),
            deactivate_user(admin, user_id=agent.id),
            return_exceptions=True,
        )

        assert [each for each in done if isinstance(each, Exception)] == [
            each for each in done if isinstance(each, DomainError)
        ]
        assert isinstance(done[1], User)
        assert (await stored(ticket)).assignee_id is None
