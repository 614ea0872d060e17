"""People who sign in: what tests of sessions and passwords have in common."""

from dataclasses import replace

from tortoise.transactions import in_transaction

from models.mails import Mail
from models.users import User
from resolvers.context import Origin, RequestContext, Viewer
from resolvers.mails import SEALED_FOR
from resolvers.ports import Ports
from resolvers.session_lookup import find_session
from resolvers.sessions import StartedSession, start_session
from tests.factories import PASSWORDS, SEALER, make_user

PASSWORD = "three quiet herons"  # noqa: S105 - of people who live as long as a test
FROM = Origin(address="203.0.113.9", user_agent="Firefox", request_id="r1")


async def make_member(email: str = "ada@people.test", *, password: str = PASSWORD) -> User:
    """Make a person who can sign in by a password."""
    user = await make_user(email)
    user.password_hash = await PASSWORDS.hash(password)
    await user.save()
    return user


def as_visitor(ports: Ports, *, origin: Origin = FROM) -> RequestContext:
    """Return the context of a browser without a session."""
    return RequestContext(Viewer(), ports, origin)


async def begin(ports: Ports, user: User) -> StartedSession:
    """Begin a session without asking for anything."""
    async with in_transaction("default") as connection:
        return await start_session(as_visitor(ports), connection, user=user, factors=("password",))


async def seen(ports: Ports, token: str) -> Viewer | None:
    """Return whose session a token opens now; this is a use of it."""
    return await find_session(token, span=ports.access.sessions, now=ports.clock.now())


async def in_session(ports: Ports, user: User) -> RequestContext:
    """Return the context of a browser that has just signed in."""
    started = await begin(ports, user)
    viewer = await seen(ports, started.token)
    assert viewer is not None
    return replace(as_visitor(ports), viewer=viewer)


def letter_params(mail: Mail) -> str:
    """Return what a letter that was not sent yet says, as JSON."""
    return SEALER.open(mail.sealed_params, purpose=SEALED_FOR)


async def token_of_letter(template: str) -> str:
    """Return the one-time token of the only letter of a template."""
    mail = await Mail.get(template=template)
    return letter_params(mail).partition("#")[2].partition('"')[0]
