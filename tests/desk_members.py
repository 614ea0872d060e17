"""People of the desk and their customers, at the GraphQL endpoint."""

from dataclasses import dataclass
from typing import Any

from models.organizations import Organization
from models.tickets import Ticket
from models.users import User
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import make_built_in
from tests.portal import Client, Portal, sign_in


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in."""

    user: User
    portal: Portal

    @property
    def id(self) -> str:
        """The person's global id."""
        return encode_id("User", self.user.id)

    async def change(self, operation: str, **input: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Send a mutation of frontend_contract and return its answer."""
        [answer] = (await self.portal.ask(operation, input=input)).values()
        found: dict[str, Any] = answer
        return found

    async def ask_for(self, subject: str = "It does not start", **more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Make a ticket and return it."""
        answer = await self.change(
            "TicketCreate", subject=subject, bodyMarkdown="Since **today**.", **more
        )
        assert answer["__typename"] == "TicketCreateSuccess", answer
        ticket: dict[str, Any] = answer["ticket"]
        return ticket

    async def see(self, number: int) -> dict[str, Any] | None:
        """Return a ticket with everything in it; None when it is not there for them."""
        found: dict[str, Any] | None = (await self.portal.ask("Ticket", number=number))["ticket"]
        return found


async def join(
    client: Client, ports: Ports, role: str, *, organization: Organization | None = None
) -> Member:
    """Make somebody of a built-in role and let them in."""
    user = await make_built_in(role, organization=organization)
    return Member(user, await sign_in(client, ports, user))


def said(ticket: dict[str, Any] | None) -> list[str]:
    """Return the bodies of the messages of a ticket that somebody sees."""
    assert ticket is not None
    return [each["bodyMarkdown"] for each in ticket["timeline"]["nodes"] if "bodyMarkdown" in each]


async def stored(ticket: dict[str, Any]) -> Ticket:
    """Return the row of a ticket that was answered."""
    return await Ticket.get(number=ticket["number"])
