"""People leave: what they take along of tickets, and what stays without them."""

from typing import Any

import pytest
from tortoise.transactions import in_transaction

from models.files import FileOwnerKind, StoredFile
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.ticket_states import TicketKind, TicketResolution
from models.ticket_fields import TicketFieldValue
from models.ticket_messages import TicketEvent, TicketMessage
from models.tickets import Ticket
from models.users import User
from resolvers.context import RequestContext
from resolvers.erasures import erase_user
from resolvers.file_owners import attach_files
from resolvers.personal_data import open_person, person_parts
from resolvers.ports import Ports
from resolvers.ticket_assignments import take_ticket
from resolvers.ticket_edits import change_subject
from resolvers.ticket_filters import TicketFilter
from resolvers.ticket_followers import follow_ticket
from resolvers.ticket_lists import count_tickets
from resolvers.ticket_messages import note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import resolve_ticket
from resolvers.tickets import Requester
from resolvers.user_edits import deactivate_user
from tests.desk import agent_of, customer_of, make_ticket, stored
from tests.factories import as_person, make_built_in, make_organization
from tests.files import send_file
from tests.sign_ins import as_session

TOLD = "rivate"  # of names, addresses and texts


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports, ADMINISTRATOR)


async def document(context: RequestContext, user_id: int | None) -> dict[str, list[Any]]:
    person = await open_person(context, user_id=user_id or 0)
    parts: dict[str, list[Any]] = {}
    async for part, rows in person_parts(context, person):
        parts.setdefault(part, []).extend(rows)
    return parts


async def forget(admin: RequestContext, user_id: int | None) -> None:
    await deactivate_user(admin, user_id=user_id or 0)
    await erase_user(admin, user_id=user_id or 0)


async def test_a_persons_own_tickets_keep_no_word(admin: RequestContext, ports: Ports) -> None:
    ann = as_person(ports, await make_built_in(CUSTOMER, "ann@private.test"))
    agent = await agent_of(ports)
    mine = await make_ticket(
        ann,
        "My private matter",
        body="Private",
        kind=TicketKind.DATA_RESTORE,
        fields={"restore_what": "private files"},
        installation="Private",
    )
    by_mail = await make_ticket(agent, requester=Requester(email="ann@private.test"))
    await change_subject(agent, ticket_id=mine.id, subject="Another private matter")
    await reply_to_ticket(agent, ticket_id=mine.id, body="You wrote: Private")
    await note_on_ticket(agent, ticket_id=mine.id, body="Private!")
    await resolve_ticket(
        agent, ticket_id=mine.id, resolution=TicketResolution.SOLVED, note="private"
    )
    other = await make_ticket(await customer_of(ports), "Of somebody else")
    assert await count_tickets(agent, TicketFilter(search="private")) == 1

    await forget(admin, ann.viewer.user_id)

    row = await stored(mine)
    assert (row.number, row.subject, row.requester_id) == (1, "", None)
    assert (row.status, row.resolution, row.resolution_note) == ("RESOLVED", "SOLVED", None)
    assert (await stored(by_mail)).requester_id is None
    assert {each.body_markdown for each in await TicketMessage.filter(ticket_id=mine.id)} == {""}
    assert await count_tickets(agent, TicketFilter(search="private")) == 0
    assert await count_tickets(agent, TicketFilter(search="somebody")) == 1
    assert await TicketFieldValue.all().count() == 0
    told = [each.before + each.after for each in await TicketEvent.all()]
    assert [text for text in told if TOLD in text] == []
    assert not await TicketMessage.exists(author_id=ann.viewer.user_id)
    assert (await stored(other)).subject == "Of somebody else"


@pytest.mark.parametrize("is_private", [True, False])
async def test_files_go_with_the_words_they_came_with(
    admin: RequestContext,
    ports: Ports,
    is_private: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    place = None if is_private else await make_organization()
    ann = await as_session(ports, await make_built_in(CUSTOMER, organization=place))
    ticket = await make_ticket(ann)
    message = await TicketMessage.get(ticket_id=ticket.id)
    file = await send_file(ann)
    async with in_transaction("default") as connection:
        await attach_files(
            ann,
            connection,
            file_ids=[file.id],
            owner_kind=FileOwnerKind.TICKET_MESSAGE,
            owner_id=message.id,
        )

    await forget(admin, ann.viewer.user_id)

    row = await StoredFile.get(id=file.id)
    assert row.uploader_id is None
    assert (row.owner_id, row.expires_at) == (
        (None, ports.clock.now()) if is_private else (message.id, None)
    )


async def test_tickets_of_an_organization_keep_what_was_said_without_the_name(
    admin: RequestContext, ports: Ports
) -> None:
    place = await make_organization()
    ann = await customer_of(ports, organization=place)
    stranger = Requester(email="bob@private.test", name="Bob Private", organization_id=place.id)
    agent = await agent_of(ports)
    hers = await make_ticket(ann, "It does not print", body="Paper jam")
    his = await make_ticket(agent, requester=stranger, body="Paper jam")
    bob = await make_built_in(CUSTOMER, "bob@private.test")
    before = (await stored(hers)).revision

    await forget(admin, ann.viewer.user_id)
    await forget(admin, bob.id)

    for ticket in (hers, his):
        row = await stored(ticket)
        assert (row.subject, row.organization_id) == ("It does not print", place.id)
        assert (row.requester_id, row.requester_email, row.requester_name) == (None, None, None)
        message = await TicketMessage.get(ticket_id=ticket.id)
        assert message.body_markdown == "Paper jam"
        assert (message.author_id, message.author_email, message.author_name) == (None,) * 3
    assert (await stored(hers)).revision == before + 1


async def test_who_worked_on_the_desk_is_nobody_afterwards(
    admin: RequestContext, ports: Ports
) -> None:
    agent = await agent_of(ports)
    ticket = await make_ticket(await customer_of(ports))
    await take_ticket(agent, ticket_id=ticket.id)
    await reply_to_ticket(agent, ticket_id=ticket.id, body="So")
    await follow_ticket(agent, ticket_id=ticket.id)

    await forget(admin, agent.viewer.user_id)

    row = await stored(ticket)
    assert (row.assignee_id, row.status) == (None, "OPEN")
    messages = await TicketMessage.filter(is_from_staff=True)
    assert [(each.author_id, each.body_markdown) for each in messages] == [(None, "So")]
    assert not await TicketEvent.exists(author_id=agent.viewer.user_id)


async def test_people_take_along_what_they_wrote_and_no_words_of_others(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    ann = await customer_of(ports, organization=here)
    agent = await agent_of(ports)
    left = await make_ticket(ann, "Left behind")
    user = await User.get(id=ann.viewer.user_id or 0).select_related("role")
    user.organization_id = there.id
    await user.save()
    ann = as_person(ports, user)
    ticket = await make_ticket(ann, "It does not print", body="Paper jam")
    await reply_to_ticket(agent, ticket_id=ticket.id, body="Dear Ann")
    await note_on_ticket(agent, ticket_id=ticket.id, body="Difficult")
    await follow_ticket(ann, ticket_id=ticket.id)
    by_mail = Requester(email=user.email, name="A.")
    await User.filter(id=user.id).update(email="elsewhere@people.test")
    mailed = await make_ticket(agent, requester=by_mail, body="By mail")
    await User.filter(id=user.id).update(email=user.email)

    hers = await document(ann, user.id)
    theirs = await document(agent, agent.viewer.user_id)

    assert [each["subject"] for each in hers["tickets"]] == ["It does not print"]
    assert [each["body_markdown"] for each in hers["ticket_messages"]] == ["Paper jam"]
    assert [each["body_markdown"] for each in hers["ticket_messages_by_mail"]] == ["By mail"]
    assert hers["ticket_messages_by_mail"][0]["ticket_id"] == str(mailed.id)
    assert [each["ticket_id"] for each in hers["followed_tickets"]] == [str(ticket.id)]
    assert [each["kind"] for each in hers["ticket_events"]] == ["CREATED", "CREATED"]
    assert [each["body_markdown"] for each in theirs["ticket_messages"]] == [None, None]
    assert theirs["tickets"] == []
    everything = await document(admin, user.id)
    assert [each["number"] for each in everything["tickets"]] == [left.number, ticket.number]
    assert await Ticket.all().count() == 3
