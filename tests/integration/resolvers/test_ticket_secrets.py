"""Whatever is asked, by whichever path: nobody reads a word that is not for them.

Every text of a small world has a word of its own, which says for whom it is. Each viewer
asks everything there is to ask, and all words of all answers are looked at.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from models.rules.roles import ADMINISTRATOR, AUDITOR, DEVELOPER, PARTNER
from models.rules.ticket_fields import FieldType
from models.rules.ticket_states import TicketKind, TicketResolution
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.paging import PageWindow
from resolvers.personal_data import open_person, person_parts
from resolvers.ports import Ports
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_edits import TicketClassification, classify_ticket, set_tags
from resolvers.ticket_escalations import escalate_ticket
from resolvers.ticket_fields import create_field, fields_by_ticket_ids
from resolvers.ticket_filters import TicketFilter, TicketOrder, is_desk
from resolvers.ticket_followers import tags_by_ticket_ids
from resolvers.ticket_lists import count_tickets, inbox_counts, tickets_by_ids, tickets_page
from resolvers.ticket_merges import merge_tickets
from resolvers.ticket_messages import messages_by_ids, note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import resolve_ticket, wait_internal
from resolvers.ticket_search import search_tickets
from resolvers.ticket_timeline import event_text, timeline_pages
from tests.desk import agent_of, customer_of, make_classified
from tests.factories import make_organization
from tests.fakes import FixedClock

ALL = PageWindow(first=100)
WORD = re.compile(r"\b(?:open|desk|gone)word\d+\b")


@dataclass
class World:
    """Tickets full of words, and who asks."""

    viewers: dict[str, RequestContext]
    tickets: list[Ticket] = field(default_factory=list[Ticket])
    words: dict[str, Ticket] = field(default_factory=dict[str, Ticket])


def visible(context: RequestContext, ticket: Ticket) -> bool:
    """The rule, written down a second time."""
    viewer = context.viewer
    match viewer.reach.value:
        case "ALL":
            return True
        case "ORGANIZATION":
            return ticket.organization_id == viewer.organization_id
        case _:
            return ticket.requester_id == viewer.user_id


def expected(world: World, context: RequestContext) -> set[str]:
    """Return the words that somebody may read."""
    return {
        word
        for word, ticket in world.words.items()
        if visible(context, ticket)
        and (word.startswith("open") or (word.startswith("desk") and is_desk(context.viewer)))
    }


@pytest.fixture
async def world(database: None, ports: Ports, clock: FixedClock) -> World:
    here, there = await make_organization(), await make_organization()
    agent, boss = await agent_of(ports), await agent_of(ports, ADMINISTRATOR)
    made = World(
        {
            "ann": await customer_of(ports, organization=here),
            "bob": await customer_of(ports, organization=here),
            "partner": await customer_of(ports, organization=here, role=PARTNER),
            "stranger": await customer_of(ports, organization=there),
            "agent": agent,
            "developer": await agent_of(ports, DEVELOPER),
            "auditor": await agent_of(ports, AUDITOR),
            "administrator": boss,
        }
    )
    await create_field(
        boss, key="mood", type=FieldType.TEXT, label_ru="Настроение", label_en="Mood"
    )
    numbers = count()
    for who in ("ann", "ann", "bob", "stranger"):
        words: list[str] = []

        def word(kind: str, words: list[str] = words) -> str:
            words.append(f"{kind}word{next(numbers):03}")
            return words[-1]

        ticket = await make_classified(
            ports,
            made.viewers[who],
            subject=word("open"),
            body=word("open"),
            kind=TicketKind.FAULT,
            installation=word("open"),
        )
        key: dict[str, Any] = {"ticket_id": ticket.id}
        mood = TicketClassification(fields={"mood": word("desk")})
        await classify_ticket(agent, changes=mood, **key)
        await set_tags(agent, tags=[word("desk")], **key)
        await note_on_ticket(agent, body=word("desk"), **key)
        await wait_internal(agent, note=word("desk"), **key)
        await reply_to_ticket(agent, body=word("open"), **key)
        await escalate_ticket(agent, reason=word("desk"), checklist=[word("desk")], **key)
        clock.at += timedelta(minutes=1)
        await resolve_ticket(agent, resolution=TicketResolution.SOLVED, note=word("desk"), **key)
        made.tickets.append(ticket)
        made.words |= dict.fromkeys(words, ticket)
    for ticket in made.tickets:  # not sent yet
        unsent = f"deskword{next(numbers):03}"
        await reply_to_ticket(agent, ticket_id=ticket.id, body=unsent)
        made.words[unsent] = ticket
    first, second, *_ = made.tickets
    await merge_tickets(agent, ticket_id=second.id, into_id=first.id)
    gone = await make_classified(
        ports, made.viewers["ann"], subject="goneword901", body="goneword902"
    )
    await delete_ticket(boss, ticket_id=gone.id)
    made.tickets.append(gone)
    made.words |= dict.fromkeys(["goneword901", "goneword902"], gone)
    return made


async def answers(world: World, context: RequestContext) -> AsyncIterator[str]:
    """Ask everything, and yield all that comes back as text."""
    ids = [ticket.id for ticket in world.tickets]
    page = await tickets_page(context, filter=TicketFilter(), order=TicketOrder(), window=ALL)
    desk = is_desk(context.viewer)
    for ticket in [*page.rows, *(each for each in await tickets_by_ids(context, ids) if each)]:
        yield f"{ticket.subject} {ticket.installation}"
    for found in await timeline_pages(context, ticket_ids=ids, window=ALL):
        for entry in found.rows:
            if isinstance(entry, TicketMessage):
                yield entry.body_markdown
            else:
                yield f"{entry.before} {entry.after} {event_text(entry, 'en', is_for_desk=desk)}"
    messages = [message.id for message in await TicketMessage.all()]
    for message in await messages_by_ids(context, messages):
        yield "" if message is None else message.body_markdown
    yield str(await fields_by_ticket_ids(context, ids))
    yield str(await tags_by_ticket_ids(context, ids))


async def test_nobody_reads_finds_or_takes_along_a_word_that_is_not_for_them(
    world: World,
) -> None:
    for who, context in world.viewers.items():
        may_read = expected(world, context)
        told = " ".join([text async for text in answers(world, context)])
        assert set(WORD.findall(told)) == may_read, who
        if who in {"ann", "partner", "auditor", "agent"}:  # one of each kind is enough
            await _finds(world, context, may_read)
        if not is_desk(context.viewer):
            await _takes_along(world, context)


async def _finds(world: World, context: RequestContext, may_read: set[str]) -> None:
    for word, ticket in world.words.items():
        wanted = TicketFilter(search=word)
        found = await count_tickets(context, wanted)
        ranked = await search_tickets(context, typed=word)
        if word in may_read:
            assert found <= 1, word
            assert {each.id for each in ranked} <= {ticket.id}, word
            assert found == 1 or word != ticket.subject
        else:
            counts = await inbox_counts(context, wanted)
            assert (found, ranked, sum(counts.by_status.values())) == (0, [], 0), word


async def _takes_along(world: World, context: RequestContext) -> None:
    person = await open_person(context, user_id=context.viewer.user_id or 0)
    told = str([rows async for _, rows in person_parts(context, person)])
    theirs = {
        word
        for word, ticket in world.words.items()
        if ticket.requester_id == context.viewer.user_id and not word.startswith("desk")
    }
    assert set(WORD.findall(told)) <= theirs
    assert theirs == set() or WORD.search(told)
