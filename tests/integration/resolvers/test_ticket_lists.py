"""Pages, filters, counts and cursors of tickets; and who sees which, by every path."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.errors import CursorInvalidError, NotFoundError, ValueInvalidError
from models.orm import reader
from models.raw_sql import fetch
from models.rules.roles import ADMINISTRATOR, AUDITOR, CUSTOMER, DEVELOPER, PARTNER
from models.rules.severities import TicketSeverity
from models.rules.ticket_fields import FieldType
from models.rules.ticket_states import (
    TicketKind,
    TicketLine,
    TicketLinkKind,
    TicketResolution,
    TicketStatus,
)
from models.ticket_messages import TicketEvent, TicketMessage
from models.ticket_rows import event_of, message_of, ticket_of
from models.tickets import Ticket, TicketLink
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.paging import PageWindow, SortDirection, encode_cursor
from resolvers.ports import Ports
from resolvers.ticket_assignments import take_ticket
from resolvers.ticket_categories import create_category
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_edits import TicketClassification, classify_ticket, set_tags
from resolvers.ticket_fields import create_field, fields_by_ticket_ids, fields_of_kind
from resolvers.ticket_filters import TicketFilter, TicketOrder, TicketOrderField
from resolvers.ticket_followers import (
    follow_ticket,
    followers_by_ticket_ids,
    links_by_ticket_ids,
    tags_by_ticket_ids,
    unfollow_ticket,
)
from resolvers.ticket_lists import (
    count_tickets,
    inbox_counts,
    ticket_by_id,
    ticket_by_number,
    ticket_cursor,
    tickets_by_ids,
    tickets_page,
)
from resolvers.ticket_messages import note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import resolve_ticket, wait_for_customer
from resolvers.ticket_timeline import count_timeline, timeline_page
from resolvers.tickets import Requester
from tests.desk import STOPPED, agent_of, customer_of, make_ticket, stored
from tests.factories import as_nobody, as_person, make_organization
from tests.fakes import FixedClock

ALL = PageWindow(first=100)
ORDERS = [
    TicketOrder(field=field, direction=direction)
    for field in TicketOrderField
    for direction in SortDirection
]


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


async def numbers(context: RequestContext, **conditions: Any) -> list[int]:  # noqa: ANN401
    """Return the numbers of a list, which its count and its folders agree with."""
    wanted = replace(TicketFilter(), **conditions)
    page = await tickets_page(
        context, filter=wanted, order=TicketOrder(field=TicketOrderField.NUMBER), window=ALL
    )
    assert await count_tickets(context, wanted) == len(page.rows)
    if not wanted.statuses:
        counts = await inbox_counts(context, wanted)
        assert sum(counts.by_status.values()) == len(page.rows)
    return [ticket.number for ticket in page.rows][::-1]


async def test_pages_of_every_order_go_through_all_tickets_both_ways(
    customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    start = clock.at
    made: list[Ticket] = []
    for number in range(11):
        clock.at = start + timedelta(microseconds=number // 3 * 500_000)  # with ties
        made.append(await make_ticket(customer))
    clock.at = start + timedelta(seconds=5)
    await wait_for_customer(agent, ticket_id=made[4].id)
    rows = [await stored(ticket) for ticket in made]

    for order in ORDERS:
        key = order.field.value.lower()
        expected = [
            row.id
            for row in sorted(
                rows,
                key=lambda row: (getattr(row, key), row.id),
                reverse=order.direction is SortDirection.DESC,
            )
        ]
        found: list[int] = []
        window = PageWindow(first=4)
        while True:
            page = await tickets_page(agent, filter=TicketFilter(), order=order, window=window)
            found += [row.id for row in page.rows]
            if not page.has_next:
                break
            window = PageWindow(first=4, after=ticket_cursor(page.rows[-1], order))
        assert found == expected
        last = await tickets_page(
            agent,
            filter=TicketFilter(),
            order=order,
            window=PageWindow(last=3, before=ticket_cursor(page.rows[-1], order)),
        )
        assert [row.id for row in last.rows] == expected[-4:-1]
        assert (last.has_next, last.has_previous) == (True, True)


async def test_a_cursor_of_something_else_is_none(agent: RequestContext) -> None:
    async def page(window: PageWindow) -> None:
        await tickets_page(agent, filter=TicketFilter(), order=TicketOrder(), window=window)

    name = "ticket UPDATED_AT"
    await page(PageWindow(first=1, after=encode_cursor(name, 1, 1)))
    for cursor in ("x", encode_cursor("ticket NUMBER", 1, 1), encode_cursor("UPDATED_AT", 1, 1)):
        with pytest.raises(CursorInvalidError):
            await page(PageWindow(first=1, after=cursor))
    for key in ("1", None, -1, 2**62):
        with pytest.raises(CursorInvalidError):
            await page(PageWindow(last=1, before=encode_cursor(name, key, 1)))
    with pytest.raises(ValueInvalidError):
        await page(PageWindow(first=1, last=1))


async def test_filters_hold_together(
    customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    place = await make_organization()
    start = clock.at
    one = await make_ticket(customer, "Печать не идёт", kind=TicketKind.FAULT)
    clock.at += timedelta(days=1)
    two = await make_ticket(
        agent, "50% off_", requester=Requester(email="a@b.test", organization_id=place.id)
    )
    three = await make_ticket(customer, "Number 1")
    await classify_ticket(
        agent, ticket_id=one.id, changes=TicketClassification(severity_inputs=STOPPED)
    )
    await take_ticket(agent, ticket_id=two.id)
    await set_tags(agent, ticket_id=three.id, tags=["VPN"])
    await follow_ticket(agent, ticket_id=three.id)
    await resolve_ticket(agent, ticket_id=three.id, resolution=TicketResolution.SOLVED)
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [1, 2, 3]),
        ({"search": "ПЕЧАТЬ"}, [1]),
        ({"search": " #1 "}, [1]),
        ({"search": "1"}, [1]),
        ({"search": "number"}, [3]),
        ({"search": "50% off_"}, [2]),
        ({"search": "_"}, [2]),
        ({"search": "9" * 30}, []),
        ({"search": "\0"}, []),
        ({"statuses": [TicketStatus.NEW]}, [1]),
        ({"statuses": [TicketStatus.NEW, TicketStatus.RESOLVED]}, [1, 3]),
        ({"statuses": [TicketStatus.OPEN], "is_mine": True}, [2]),
        ({"severities": [TicketSeverity.CRITICAL]}, [1]),
        ({"kinds": [TicketKind.QUESTION]}, [2, 3]),
        ({"lines": [TicketLine.SECOND]}, []),
        ({"lines": [TicketLine.FIRST]}, [1, 2, 3]),
        ({"assignee_id": agent.viewer.user_id}, [2]),
        ({"is_mine": True}, [2]),
        ({"is_unassigned": True}, [1, 3]),
        ({"is_followed": True}, [3]),
        ({"requester_id": customer.viewer.user_id}, [1, 3]),
        ({"requester_id": 2**70}, []),
        ({"organization_id": place.id}, [2]),
        ({"queue_id": 1}, []),
        ({"category_id": 1}, []),
        ({"tag": " vpn"}, [3]),
        ({"tag": ""}, []),
        ({"created_before": clock.at}, [1]),
        ({"created_after": clock.at}, [2, 3]),
        ({"updated_after": clock.at}, [1, 2, 3]),
        ({"updated_before": clock.at}, []),
        ({"created_after": start, "search": "off", "is_mine": True}, [2]),
    ]
    for conditions, found in cases:
        assert await numbers(agent, **conditions) == found, conditions
    counts = await inbox_counts(agent, TicketFilter(statuses=[TicketStatus.SPAM]))
    assert {status: n for status, n in counts.by_status.items() if n} == {
        "NEW": 1,
        "OPEN": 1,
        "RESOLVED": 1,
    }
    assert (counts.mine, counts.unassigned) == (1, 1)


async def test_a_category_finds_what_is_in_its_whole_branch(
    ports: Ports, customer: RequestContext, agent: RequestContext
) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    top = await create_category(boss, name_ru="а", name_en="a")
    below = await create_category(boss, name_ru="б", name_en="b", parent_id=top.id)
    leaf = await create_category(boss, name_ru="в", name_en="c", parent_id=below.id)
    for category in (top, below, leaf, None):
        await make_ticket(customer, category_id=None if category is None else category.id)

    assert await numbers(agent, category_id=top.id) == [1, 2, 3]
    assert await numbers(customer, category_id=below.id, search="print") == [2, 3]
    assert await numbers(agent, category_id=leaf.id) == [3]
    assert await numbers(agent, category_id=2**70) == []


async def test_customers_cannot_search_by_what_they_do_not_see(
    customer: RequestContext, agent: RequestContext
) -> None:
    ticket = await make_ticket(customer)
    await take_ticket(agent, ticket_id=ticket.id)
    await set_tags(agent, ticket_id=ticket.id, tags=["rude"])

    for conditions in (
        {"tag": "rude"},
        {"assignee_id": agent.viewer.user_id},
        {"is_unassigned": True},
        {"queue_id": 1},
        {"is_deleted": True},
    ):
        assert await numbers(customer, **conditions) == []
    assert await numbers(customer) == [1]


async def test_every_path_shows_what_the_viewer_may_see(
    ports: Ports, agent: RequestContext, clock: FixedClock
) -> None:
    ours, theirs = await make_organization(), await make_organization()
    ann = await customer_of(ports, organization=ours)
    bob = await customer_of(ports, organization=ours)
    boss = await customer_of(ports, organization=ours, role=PARTNER)
    stranger = await customer_of(ports, organization=theirs)
    of_ann, of_bob = await make_ticket(ann), await make_ticket(bob)
    gone = await make_ticket(ann)
    await delete_ticket(await agent_of(ports, ADMINISTRATOR), ticket_id=gone.id)
    note = await note_on_ticket(agent, ticket_id=of_ann.id, body="Difficult")
    await follow_ticket(agent, ticket_id=of_ann.id)
    await set_tags(agent, ticket_id=of_ann.id, tags=["x"])
    row = TicketLink(ticket_id=of_ann.id, other_id=of_bob.id, kind=TicketLinkKind.RELATED)
    await row.save()
    nobody = as_nobody(ports)
    nobody = replace(nobody, viewer=replace(nobody.viewer, scopes=ann.viewer.scopes))
    sees = {
        "ann": (ann, {of_ann.id}),
        "bob": (bob, {of_bob.id}),
        "boss": (boss, {of_ann.id, of_bob.id}),
        "stranger": (stranger, set[int]()),
        "nobody": (nobody, set[int]()),
        "agent": (agent, {of_ann.id, of_bob.id}),
        "auditor": (await agent_of(ports, AUDITOR), {of_ann.id, of_bob.id}),
        "developer": (await agent_of(ports, DEVELOPER), {of_ann.id, of_bob.id}),
    }
    asked = [of_ann.id, of_bob.id, gone.id, 1]

    for who, (context, seen) in sees.items():
        desk = who in {"agent", "developer"}
        both = seen == {of_ann.id, of_bob.id}
        assert {row.id for row in await tickets_by_ids(context, asked) if row} == seen, who
        by_number = [await ticket_by_number(context, number) for number in (1, 2, 3)]
        assert {each.id for each in by_number if each} == seen
        assert len(await numbers(context)) == len(seen)
        for ticket in (of_ann, of_bob, gone):
            page = await timeline_page(context, ticket_id=ticket.id, window=ALL)
            assert len(page.rows) == await count_timeline(context, ticket_id=ticket.id)
            assert bool(page.rows) is (ticket.id in seen)
            shown = {each.id for each in page.rows}
            assert (note.message.id in shown) is (desk and ticket is of_ann)
        followers = await followers_by_ticket_ids(context, asked)
        assert followers == [[agent.viewer.user_id] if desk else [], [], [], []]
        assert await tags_by_ticket_ids(context, asked) == [["x"] if desk else [], [], [], []]
        assert [len(each) for each in await links_by_ticket_ids(context, asked)] == (
            [1, 1, 0, 0] if both else [0, 0, 0, 0]
        )
    without = replace(ann, viewer=replace(ann.viewer, scopes=frozenset()))
    for attempt in (
        ticket_by_id(without, of_ann.id),
        count_tickets(without, TicketFilter()),
        timeline_page(without, ticket_id=of_ann.id, window=ALL),
        follow_ticket(without, ticket_id=of_ann.id),
        fields_of_kind(without),
    ):
        with pytest.raises(NotPermittedError):
            await attempt


async def test_what_somebody_left_with_a_former_organization_stays_there(
    database: None, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    ann = await customer_of(ports, organization=here)
    left = await make_ticket(ann)
    user = await User.get(id=ann.viewer.user_id or 0).select_related("role")
    user.organization_id = there.id
    await user.save()
    moved = as_person(ports, user)
    new = await make_ticket(moved)

    assert await ticket_by_id(moved, left.id) is None
    assert (new.organization_id, await numbers(moved)) == (there.id, [2])
    with pytest.raises(NotFoundError):
        await reply_to_ticket(moved, ticket_id=left.id, body="Hello?")


async def test_followers_are_people_who_see_the_ticket(
    ports: Ports, agent: RequestContext, customer: RequestContext
) -> None:
    ticket = await make_ticket(customer)
    place = await make_organization()
    theirs = await make_ticket(await customer_of(ports, organization=place))
    other = await customer_of(ports)
    ids = [each.viewer.user_id or 0 for each in (customer, agent, other)]

    await follow_ticket(customer, ticket_id=ticket.id)
    await follow_ticket(agent, ticket_id=ticket.id, user_id=ids[1])
    with pytest.raises(NotFoundError):
        await follow_ticket(agent, ticket_id=ticket.id, user_id=ids[2])
    with pytest.raises(NotFoundError):
        await follow_ticket(other, ticket_id=ticket.id)
    with pytest.raises(NotPermittedError):
        await follow_ticket(customer, ticket_id=ticket.id, user_id=ids[1])
    for role, sees in ((CUSTOMER, False), (PARTNER, True)):
        colleague = await customer_of(ports, organization=place, role=role)
        wanted = colleague.viewer.user_id or 0
        assert (await ticket_by_id(colleague, theirs.id) is not None) is sees
        if sees:
            await follow_ticket(agent, ticket_id=theirs.id, user_id=wanted)
        else:
            with pytest.raises(NotFoundError):
                await follow_ticket(agent, ticket_id=theirs.id, user_id=wanted)

    assert await followers_by_ticket_ids(agent, [ticket.id]) == [ids[:2]]
    assert await followers_by_ticket_ids(customer, [ticket.id]) == [ids[:1]]
    await unfollow_ticket(customer, ticket_id=ticket.id)
    await unfollow_ticket(customer, ticket_id=ticket.id)
    assert await followers_by_ticket_ids(agent, [ticket.id]) == [ids[1:2]]
    assert (await stored(ticket)).revision == 1


async def test_fields_of_the_desk_are_not_for_customers(
    ports: Ports, agent: RequestContext, customer: RequestContext
) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    for key, is_for_customers in (("cabinet", True), ("mood", False)):
        await create_field(
            boss,
            key=key,
            type=FieldType.TEXT,
            label_ru=key,
            label_en=key,
            is_for_customers=is_for_customers,
        )
    ticket = await make_ticket(customer, fields={"cabinet": "7"})
    with pytest.raises(ValueInvalidError):
        await make_ticket(customer, fields={"mood": "bad"})
    changes = TicketClassification(fields={"mood": "bad"})
    await classify_ticket(agent, ticket_id=ticket.id, changes=changes)

    assert await fields_by_ticket_ids(customer, [ticket.id]) == [{"cabinet": "7"}]
    assert await fields_by_ticket_ids(agent, [ticket.id]) == [{"cabinet": "7", "mood": "bad"}]
    keys = [field.key for field in await fields_of_kind(customer, kind=TicketKind.QUESTION)]
    assert keys == ["cabinet"]


async def test_a_raw_row_becomes_the_same_object_as_the_orm_makes(
    agent: RequestContext, customer: RequestContext
) -> None:
    ticket = await make_ticket(customer, severity_inputs=STOPPED)
    await reply_to_ticket(agent, ticket_id=ticket.id, body="So")
    for model, table, read in (
        (Ticket, "ticket", ticket_of),
        (TicketMessage, "ticket_message", message_of),
        (TicketEvent, "ticket_event", event_of),
    ):
        [row, *_] = await fetch(reader(), f"SELECT * FROM {table} ORDER BY id")
        by_orm = await model.all().order_by("id").first()
        assert by_orm is not None
        assert vars(read(row)) == vars(by_orm)
