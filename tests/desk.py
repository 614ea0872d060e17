"""People and tickets of the support desk: what its tests have in common."""

from typing import Any, Final

import orjson

from models.organizations import Organization
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.severities import SeverityInputs, TicketEffect, TicketImpact, TicketWorkaround
from models.rules.ticket_states import TicketKind
from models.ticket_messages import TicketEvent
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.ticket_categories import create_category
from resolvers.ticket_edits import TicketClassification, classify_ticket
from resolvers.tickets import create_ticket
from tests.factories import as_person, make_built_in

STOPPED: Final = SeverityInputs(
    effect=TicketEffect.STOPPED, impact=TicketImpact.EVERYBODY, workaround=TicketWorkaround.NONE
)


async def customer_of(
    ports: Ports, *, organization: Organization | None = None, role: str = CUSTOMER
) -> RequestContext:
    """Return the context of a new customer."""
    return as_person(ports, await make_built_in(role, organization=organization))


async def agent_of(ports: Ports, role: str = FIRST_LINE) -> RequestContext:
    """Return the context of somebody new on the desk."""
    return as_person(ports, await make_built_in(role))


async def make_ticket(
    context: RequestContext,
    subject: str = "It does not print",
    **fields: Any,  # noqa: ANN401 - those of create_ticket
) -> Ticket:
    """Make a ticket of the context's person."""
    fields.setdefault("body", "Help!")
    return await create_ticket(context, subject=subject, **fields)


async def make_classified(
    ports: Ports,
    customer: RequestContext,
    **fields: Any,  # noqa: ANN401 - those of create_ticket
) -> Ticket:
    """Make a ticket that the first line may escalate."""
    boss = await agent_of(ports, ADMINISTRATOR)
    category = await create_category(boss, name_ru="Печать", name_en="Printing")
    fields.setdefault("kind", TicketKind.FAULT)
    ticket = await make_ticket(customer, **fields)
    changes = TicketClassification(category_id=category.id, severity_inputs=STOPPED)
    return await classify_ticket(boss, ticket_id=ticket.id, changes=changes)


async def history(ticket: Ticket) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return what the events of a ticket say, in their order."""
    rows = await TicketEvent.filter(ticket_id=ticket.id).order_by("id")
    return [(row.kind.value, orjson.loads(row.before), orjson.loads(row.after)) for row in rows]


async def stored(ticket: Ticket) -> Ticket:
    """Return a ticket as the store has it."""
    return await Ticket.get(id=ticket.id)
