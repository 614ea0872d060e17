"""The desk's things that tests.access_desk asks about, see tests.access_world."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

from models.files import Blob, FileOwnerKind, ScanStatus, StoredFile
from models.rules.ticket_fields import FieldType
from models.rules.ticket_states import MessageVisibility, TicketChannel, TicketLine
from models.service_calendars import ServiceCalendarVersion
from models.service_policies import ServicePolicyVersion
from models.ticket_categories import TicketCategory
from models.ticket_fields import TicketField
from models.ticket_messages import TicketMessage
from models.ticket_queues import TicketQueue
from models.tickets import Ticket, TicketFollower, TicketTag
from models.users import User
from resolvers.ports import Ports
from resolvers.service_policies import PolicyConditions
from resolvers.ticket_deletions import delete_ticket
from resolvers.tickets import create_ticket
from schema.nodes import decode_id, encode_id
from tests.factories import as_command, as_person, make_organization
from tests.service_terms import make_calendar, make_clock_row, make_policy


class People(Protocol):
    """Of a tests.access_world.World: whose a thing is, and somebody else."""

    @property
    def ports(self) -> Ports:
        """Of the test."""
        ...

    @property
    def owner(self) -> User:
        """Whose the thing is."""
        ...

    @property
    def other(self) -> User:
        """Somebody of the same organization as who asks."""
        ...


async def number_of(thing: str) -> int:
    """Return the number of a ticket by its global id; one that no ticket has for others."""
    decoded = decode_id(thing)
    ticket = None if decoded is None else await Ticket.get_or_none(id=decoded[1])
    return 10**9 if ticket is None else ticket.number


async def another_ticket(world: People) -> str:
    """Make a further ticket of the owner and return its global id."""
    return encode_id("Ticket", await _ticket(world, is_deleted=False))


async def _ticket(world: People, *, is_deleted: bool) -> int:
    """Make a ticket of the owner, whose role need not let them make one."""
    other = as_person(world.ports, world.other)
    ticket = await create_ticket(other, subject="thing", body="thing")
    await Ticket.filter(id=ticket.id).update(
        requester_id=world.owner.id, organization_id=world.owner.organization_id
    )
    if is_deleted:
        await delete_ticket(as_command(world.ports), ticket_id=ticket.id)
    return ticket.id


async def _worked_ticket(world: People, *, is_deleted: bool) -> int:
    """Make a ticket on which the desk has noted all that it keeps to itself."""
    ticket_id = await _ticket(world, is_deleted=is_deleted)
    queue_id = await _queue(world, is_deleted=False)
    await Ticket.filter(id=ticket_id).update(
        assignee_id=world.other.id, queue_id=queue_id, bounce_count=1, resolution_note="thing"
    )
    await TicketTag.create(ticket_id=ticket_id, name="thing")
    await TicketFollower.create(ticket_id=ticket_id, user_id=world.other.id)
    await make_clock_row(ticket_id)
    return ticket_id


async def _deleted_ticket(world: People, *, is_deleted: bool) -> int:
    return await _ticket(world, is_deleted=True)


async def _message(world: People, *, is_deleted: bool) -> int:
    ticket_id = await _ticket(world, is_deleted=is_deleted)
    return (await TicketMessage.get(ticket_id=ticket_id)).id


async def _attached_file(world: People, *, is_deleted: bool) -> int:
    """Make a file that a message of the owner's ticket refers to."""
    blob = await Blob.create(
        sha256=secrets.token_hex(32),
        bytes=3,
        media_type="text/plain",
        scan_status=ScanStatus.UNSCANNED,
    )
    file = await StoredFile.create(
        blob=blob,
        name="x.txt",
        owner_kind=FileOwnerKind.TICKET_MESSAGE,
        owner_id=await _message(world, is_deleted=is_deleted),
    )
    return file.id


async def _fresh_answer(world: People, *, is_deleted: bool) -> int:
    """Make an answer of the desk that was not sent yet."""
    now = world.ports.clock.now()
    message = await TicketMessage.create(
        ticket_id=await _ticket(world, is_deleted=False),
        visibility=MessageVisibility.PUBLIC,
        author_id=world.owner.id,
        is_from_staff=True,
        channel=TicketChannel.PORTAL,
        body_markdown="thing",
        due_at=now + timedelta(seconds=15),
        taken_back_at=now if is_deleted else None,
        ticket_revision=1,
    )
    return message.id


async def _category(world: People, *, is_deleted: bool) -> int:
    category = await TicketCategory.create(name_ru="вещь", name_en="thing")
    if is_deleted:
        await category.delete()
    return category.id


async def _field(world: People, *, is_deleted: bool) -> int:
    field = await TicketField.create(
        key=secrets.token_hex(4), type=FieldType.TEXT, label_ru="вещь", label_en="thing"
    )
    if is_deleted:
        await field.delete()
    return field.id


async def _queue(world: People, *, is_deleted: bool) -> int:
    queue = await TicketQueue.create(name=secrets.token_hex(4), line=TicketLine.FIRST)
    if is_deleted:
        await queue.delete()
    return queue.id


async def _calendar(world: People, *, is_deleted: bool) -> int:
    calendar = await make_calendar(as_command(world.ports), secrets.token_hex(4))
    if is_deleted:
        await ServiceCalendarVersion.filter(calendar_id=calendar.row.id).delete()
        await calendar.row.delete()
    return calendar.row.id


async def _policy(world: People, *, is_deleted: bool) -> int:
    command, company = as_command(world.ports), await make_organization()
    calendar = await make_calendar(command, secrets.token_hex(4))
    policy = await make_policy(
        command,
        secrets.token_hex(4),
        calendar_id=calendar.row.id,
        conditions=PolicyConditions(organization_ids=frozenset({company.id})),
    )
    if is_deleted:
        await ServicePolicyVersion.filter(policy_id=policy.row.id).delete()
        await policy.row.delete()
    return policy.row.id


DESK_TYPES: Final = {
    "WorkedTicket": "Ticket",
    "DeletedTicket": "Ticket",
    "FreshAnswer": "TicketMessage",
    "AttachedFile": "StoredFile",
}
DESK_MAKERS: Final[Mapping[str, Callable[..., Awaitable[int]]]] = {
    "Ticket": _ticket,
    "WorkedTicket": _worked_ticket,
    "DeletedTicket": _deleted_ticket,
    "TicketMessage": _message,
    "FreshAnswer": _fresh_answer,
    "AttachedFile": _attached_file,
    "TicketCategory": _category,
    "TicketFieldDefinition": _field,
    "Queue": _queue,
    "ServiceCalendar": _calendar,
    "ServicePolicy": _policy,
}
