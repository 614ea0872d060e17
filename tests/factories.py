"""Builders with sane defaults: each makes what a test needs by the real use cases."""

import secrets
from dataclasses import replace

from api.adapters.argon2_hasher import Argon2Hasher
from api.adapters.fernet_sealer import FernetSealer
from models.domains import Domain
from models.links import Link
from models.organizations import Organization, OrganizationKind
from models.rules.reach import Reach
from models.rules.roles import ROLES
from models.rules.scopes import Scope, format_scopes
from models.users import Role, User
from resolvers.context import RequestContext, Viewer
from resolvers.links import create_link
from resolvers.ports import Ports
from resolvers.users import viewer_of

HOST = "go.test"


SEALER = FernetSealer([b"s" * 32])
PASSWORDS = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1)  # the least there is


async def make_domain(host: str = HOST) -> Domain:
    """Make a domain, or return the one there is."""
    domain, _ = await Domain.get_or_create(host=host)
    return domain


async def make_user(  # noqa: PLR0913 - one for each property of a person
    email: str | None = None,
    *,
    scopes: frozenset[Scope] = frozenset(Scope),
    is_staff: bool = False,
    locale: str = "en",
    reach: Reach | None = None,
    organization: Organization | None = None,
) -> User:
    """Make a person with a role of their own."""
    word = secrets.token_hex(4)
    reach = reach or (Reach.ALL if is_staff else Reach.OWN)
    role = await Role.create(name=f"role {word}", scopes=format_scopes(scopes), reach=reach)
    return await User.create(
        email=email or f"{word}@people.test",
        name=f"Person {word}",
        role=role,
        locale=locale,
        organization=organization,
    )


async def make_organization(
    name: str | None = None, *, max_links: int | None = None, max_users: int | None = None
) -> Organization:
    """Make an organization."""
    return await Organization.create(
        name=name or f"Company {secrets.token_hex(4)}",
        kind=OrganizationKind.CUSTOMER,
        max_links=max_links,
        max_users=max_users,
    )


async def make_built_in(
    role_name: str, email: str | None = None, *, organization: Organization | None = None
) -> User:
    """Make a person with one of the roles of models.rules.roles, as the service makes those."""
    wanted = ROLES[role_name]
    role, _ = await Role.get_or_create(
        name=role_name,
        defaults={
            "scopes": format_scopes(wanted.scopes),
            "reach": wanted.reach,
            "is_built_in": True,
        },
    )
    word = secrets.token_hex(4)
    return await User.create(
        email=email or f"{word}@people.test",
        name=f"Person {word}",
        role=role,
        organization=organization,
    )


def as_person(
    ports: Ports, user: User, *, scopes: frozenset[Scope] | None = None
) -> RequestContext:
    """Return the context of a request by a person from make_user."""
    viewer = viewer_of(user)
    return RequestContext(viewer if scopes is None else replace(viewer, scopes=scopes), ports)


def as_nobody(ports: Ports) -> RequestContext:
    """Return the context of an anonymous request."""
    return RequestContext(Viewer(), ports)


def as_command(ports: Ports) -> RequestContext:
    """Return the context of the command line: no person, every right."""
    return RequestContext(Viewer(scopes=frozenset(Scope), reach=Reach.ALL), ports)


async def make_link(
    context: RequestContext, *, slug: str | None = None, url: str = "https://example.org/"
) -> Link:
    """Make a link of the context's person on the default domain, which exists afterwards."""
    if not await Domain.exists():
        await make_domain()
    return await create_link(context, url=url, slug=slug)
