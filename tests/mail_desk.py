"""Mail that comes to the desk of a test: written, taken in, read."""

from dataclasses import dataclass, replace
from typing import Final

from models.files import FileOwnerKind, StoredFile
from models.raw_mails import RawMail, RawMailState
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from resolvers.context import RequestContext, Viewer
from resolvers.mail_desk import MailDesk
from resolvers.mail_intake import claim_raw_mails, process_raw_mail
from resolvers.mail_receiving import receive_mail
from resolvers.ports import Ports
from tests.mail_world import World

KEYS: Final = (b"k" * 32,)
DESK: Final = MailDesk(keys=KEYS, host="desk.test", addresses=("support@desk.test",))


@dataclass(frozen=True, slots=True)
class Stored:
    """A mail after it was read."""

    row: RawMail
    ticket: Ticket | None
    message: TicketMessage | None
    files: list[tuple[str, int]]


def as_job(ports: Ports) -> RequestContext:
    """Return the context of the worker: nobody, and everything allowed that jobs do."""
    return RequestContext(Viewer(), ports)


def world_of(ticket: Ticket, customer: str, *, message: int = 1) -> World:
    """Return the world of sample mails in which this ticket is the one that is answered."""
    return replace(
        World(), ticket=ticket.id, number=ticket.number, customer=customer, message=message
    )


async def take_in(job: RequestContext, raw: bytes, *, mailbox: str = "imap://support") -> int:
    """Store a new mail and return the id of its row."""
    row_id = await receive_mail(job, raw, mailbox=mailbox, received_at=job.ports.clock.now())
    assert row_id is not None
    return row_id


async def read_all(job: RequestContext) -> list[RawMailState | None]:
    """Read everything that waits, the oldest first."""
    claimed = await claim_raw_mails(job, limit=1_000)
    return [await process_raw_mail(job, each, desk=DESK) for each in claimed]


async def mail_in(job: RequestContext, raw: bytes) -> Stored:
    """Take a mail in, read it, and return all that became of it."""
    row_id = await take_in(job, raw)
    await read_all(job)
    return await stored_mail(row_id)


async def stored_mail(row_id: int) -> Stored:
    """Return what became of a mail."""
    row = await RawMail.get(id=row_id)
    ticket = await Ticket.get_or_none(id=row.ticket_id)
    message = await TicketMessage.get_or_none(id=row.ticket_message_id)
    files = StoredFile.filter(
        owner_kind=FileOwnerKind.TICKET_MESSAGE, owner_id=row.ticket_message_id
    ).select_related("blob")
    found = sorted((file.name, file.blob.bytes) for file in await files) if message else []
    return Stored(row, ticket, message, found)
