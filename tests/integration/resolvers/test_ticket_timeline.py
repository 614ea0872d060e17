"""The conversation as each side sees it, page by page, and in words."""

from datetime import timedelta

import pytest

from models.errors import CursorInvalidError
from models.rules.ticket_events import FOR_CUSTOMERS, TicketEventKind
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.ticket_messages import TicketEvent, TicketMessage
from resolvers.context import RequestContext
from resolvers.paging import PageWindow, encode_cursor
from resolvers.ports import Ports
from resolvers.ticket_assignments import take_ticket
from resolvers.ticket_edits import change_subject, set_tags
from resolvers.ticket_escalations import escalate_ticket
from resolvers.ticket_messages import ReplyThen, note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import schedule_ticket, wait_internal
from resolvers.ticket_timeline import (
    TimelineEntry,
    count_timelines,
    entry_cursor,
    event_text,
    timeline_page,
    timeline_pages,
)
from tests.desk import agent_of, customer_of, make_classified, make_ticket
from tests.fakes import FixedClock

ALL = PageWindow(first=100)


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


def shown(entry: TimelineEntry, locale: str = "en", *, is_for_desk: bool) -> str:
    if isinstance(entry, TicketMessage):
        return f"> {entry.body_markdown}"
    return event_text(entry, locale, is_for_desk=is_for_desk)


async def test_each_side_reads_its_own_story(
    agent: RequestContext, customer: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    ticket = await make_classified(ports, customer)
    minute = timedelta(minutes=1)
    clock.at += minute
    await take_ticket(agent, ticket_id=ticket.id)
    await set_tags(agent, ticket_id=ticket.id, tags=["x"])
    clock.at += minute
    await note_on_ticket(agent, ticket_id=ticket.id, body="Looks bad")
    await wait_internal(agent, ticket_id=ticket.id, note="the vendor")
    clock.at += minute
    await change_subject(agent, ticket_id=ticket.id, subject="Page 7")
    await escalate_ticket(agent, ticket_id=ticket.id, reason="Odd", checklist=["Read the log"])
    clock.at += minute
    then = ReplyThen(status=TicketStatus.RESOLVED, resolution=TicketResolution.SOLVED)
    await reply_to_ticket(agent, ticket_id=ticket.id, body="Fixed", then=then)
    clock.at += minute
    await reply_to_ticket(customer, ticket_id=ticket.id, body="Not yet!")
    clock.at += minute

    theirs = (await timeline_page(customer, ticket_id=ticket.id, window=ALL)).rows
    assert [shown(entry, is_for_desk=False) for entry in theirs] == [
        "The request was received.",
        "> Help!",
        "The request is now “In progress”.",
        "The request is now “In progress”.",
        "The subject is now “Page 7”.",
        "The request was passed to our specialists.",
        "> Fixed",
        "The request is now “Resolved”.",
        "> Not yet!",
        "The work on the request goes on.",
    ]
    ours = (await timeline_page(agent, ticket_id=ticket.id, window=ALL)).rows
    told = [shown(entry, is_for_desk=True) for entry in ours]
    assert "> Looks bad" in told
    assert "The ticket was assigned." in told
    assert "The ticket was escalated to the second line." in told
    assert "The status is now “Waiting for colleagues”." in told
    for entry in theirs:
        if isinstance(entry, TicketEvent):
            assert entry.kind in FOR_CUSTOMERS
            assert set(entry.values_after) <= {"status", "subject", "number", "channel"}
            assert set(entry.values_before) <= {"status", "subject"}
            assert entry.author_id is None or not entry.is_from_staff
            assert shown(entry, "ru", is_for_desk=False).endswith(".")


async def test_pages_go_through_the_story_both_ways(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    ticket, other = await make_ticket(customer), await make_ticket(customer)
    for number in range(8):
        clock.at += timedelta(seconds=number % 2 * 20)
        writer = customer if number % 3 else agent
        await reply_to_ticket(writer, ticket_id=ticket.id, body=str(number))
    clock.at += timedelta(minutes=1)

    for context in (agent, customer):
        everything = (await timeline_page(context, ticket_id=ticket.id, window=ALL)).rows
        assert [(each.due_at, each.id) for each in everything] == sorted(
            (each.due_at, each.id) for each in everything
        )
        for size in (1, 3):
            forth: list[int] = []
            window = PageWindow(first=size)
            while True:
                page = await timeline_page(context, ticket_id=ticket.id, window=window)
                forth += [each.id for each in page.rows]
                if not page.has_next:
                    break
                window = PageWindow(first=size, after=entry_cursor(page.rows[-1]))
            assert forth == [each.id for each in everything]
        last = await timeline_page(context, ticket_id=ticket.id, window=PageWindow(last=2))
        before = PageWindow(last=2, before=entry_cursor(last.rows[0]))
        page = await timeline_page(context, ticket_id=ticket.id, window=before)
        ids = [each.id for each in (*page.rows, *last.rows)]
        assert ids == [each.id for each in everything[-4:]]
        assert (page.has_next, page.has_previous) == (True, True)
        pages = await timeline_pages(
            context, ticket_ids=[other.id, 1, ticket.id], window=PageWindow(first=2)
        )
        assert [len(page.rows) for page in pages] == [2, 0, 2]
        assert [page.has_next for page in pages] == [False, False, True]
        counts = await count_timelines(context, [other.id, 1, ticket.id])
        assert counts == [2, 0, len(everything)]
    for cursor in ("x", encode_cursor("ticket NUMBER", 1, 1), encode_cursor("timeline", "1", 1)):
        with pytest.raises(CursorInvalidError):
            await timeline_page(
                agent, ticket_id=ticket.id, window=PageWindow(first=1, after=cursor)
            )


async def test_a_page_costs_the_same_however_long_the_story_is(
    agent: RequestContext, customer: RequestContext, sql: list[str]
) -> None:
    ticket = await make_ticket(customer)
    for number in range(6):
        await reply_to_ticket(customer, ticket_id=ticket.id, body=str(number))
    sql.clear()

    await timeline_page(agent, ticket_id=ticket.id, window=PageWindow(first=5))

    assert len(sql) == 5  # the ticket, what is merged into it, places, messages, events


async def test_what_is_put_off_again_is_told_in_words(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    ticket = await make_ticket(customer)
    for days in (1, 2):
        until = clock.at + timedelta(days=days)
        await schedule_ticket(agent, ticket_id=ticket.id, until=until)

    told = (await timeline_page(customer, ticket_id=ticket.id, window=ALL)).rows
    assert [shown(entry, is_for_desk=False) for entry in told[-2:]] == [
        "The request is now “Planned”.",
        "The work on the request was moved.",
    ]
    ours = (await timeline_page(agent, ticket_id=ticket.id, window=ALL)).rows
    assert shown(ours[-1], "ru", is_for_desk=True) == "Срок напоминания изменён."


@pytest.mark.parametrize("kind", TicketEventKind)
@pytest.mark.parametrize("locale", ["ru", "en"])
def test_every_event_has_words_for_those_who_see_it(kind: TicketEventKind, locale: str) -> None:
    after = '{"status": "OPEN", "assignee_id": 1, "clock": "RESOLUTION"}'
    event = TicketEvent(kind=kind, before="{}", after=after)

    assert event_text(event, locale, is_for_desk=True)
    if kind in FOR_CUSTOMERS:
        assert event_text(event, locale, is_for_desk=False)
