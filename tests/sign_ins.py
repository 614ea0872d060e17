"""People who are signed in, for tests of what only they may do."""

from dataclasses import replace

from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.users import User
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.sessions import start_session
from tests.factories import as_person


async def as_session(ports: Ports, user: User) -> RequestContext:
    """Return the context of a person who has signed in just now, with a session of their own."""
    context = as_person(ports, user)
    async with in_transaction("default") as connection:
        started = await start_session(context, connection, user=user, factors=["password"])
    now = ports.clock.now()
    viewer = replace(context.viewer, session_id=started.session_id, authenticated_at=now)
    return replace(context, viewer=viewer)


async def logged() -> list[str]:
    """Return the actions of the audit log in the order of time."""
    return [entry.action for entry in await AuditEntry.all().order_by("id")]
