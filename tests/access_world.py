"""The things that tests.access_matrix asks about, in every relation to whoever asks."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.files import Blob, ScanStatus, StoredFile
from models.ids import new_id
from models.invitations import Invitation
from models.organizations import Organization
from models.rules.click_classes import CLASS_OF, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.second_factors import Passkey
from models.sessions import Session
from models.users import Role, User
from resolvers.api_keys import create_api_key, revoke_api_key
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.context import RequestContext
from resolvers.links import delete_link
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.access_desk_world import DESK_MAKERS, DESK_TYPES
from tests.access_matrix import ASKING, COMPANY_ADMINISTRATOR, NOBODY
from tests.access_probes import Relation
from tests.factories import (
    as_command,
    as_nobody,
    as_person,
    make_built_in,
    make_domain,
    make_link,
    make_organization,
    make_user,
)


@dataclass(frozen=True)
class World:
    """One who asks, with a colleague in the same organization and a stranger in another.

    Attributes:
        context: of who asks.
        owner: of the thing, in the relation that is asked about.
        other: a further person whom everybody may be told to give things to.
    """

    ports: Ports
    context: RequestContext
    owner: User
    other: User


async def make_world(ports: Ports, who: str, relation: Relation) -> World:
    """Make the people. The organization of the one who asks is a partner's."""
    ours, theirs = await make_organization(), await make_organization()
    asking = await _person(who, ours)
    await make_built_in("administrator")  # whoever asks is not the last one
    owner = asking
    if relation is Relation.ORGANIZATION:
        owner = await make_built_in("customer", organization=ours)
    elif relation is Relation.FOREIGN:
        owner = await make_built_in("customer", organization=theirs)
    await make_domain()
    owner.last_seen_at, owner.max_links = ports.clock.now(), 1_000
    await owner.save()
    return World(
        ports=ports,
        context=as_nobody(ports) if who == NOBODY else await _signed_in(ports, asking),
        owner=owner,
        other=await make_built_in("customer", organization=ours),
    )


async def _person(who: str, organization: Organization) -> User:
    if who == COMPANY_ADMINISTRATOR:
        role = ASKING[who]
        return await make_user(scopes=role.scopes, reach=role.reach, organization=organization)
    return await make_built_in("customer" if who == NOBODY else who, organization=organization)


async def _signed_in(ports: Ports, user: User) -> RequestContext:
    """Return the context of a person who has just signed in."""
    context = as_person(ports, user)
    viewer = replace(
        context.viewer,
        session_id=await _session_of(ports, user),
        authenticated_at=ports.clock.now(),
    )
    return replace(context, viewer=viewer)


async def make_thing(world: World, noun: str, relation: Relation) -> str:
    """Make a thing of the world's owner and return its global id."""
    type_name = {"ClickedLink": "Link", "LoggedLink": "Link", **DESK_TYPES}.get(noun, noun)
    if relation is Relation.ABSENT:
        return encode_id(type_name, new_id())
    row_id = await _MAKERS[noun](world, is_deleted=relation is Relation.DELETED)
    return encode_id(type_name, row_id)


async def _link(world: World, *, is_deleted: bool) -> int:
    person = as_person(world.ports, world.owner)
    link = await make_link(as_person(world.ports, world.other))
    # A role without LINK_WRITE has links that were given to it.
    await (
        type(link)
        .filter(id=link.id)
        .update(owner_id=world.owner.id, organization_id=world.owner.organization_id)
    )
    if is_deleted:
        await delete_link(as_command(person.ports), link_id=link.id)
    return link.id


async def _clicked_link(world: World, *, is_deleted: bool) -> int:
    link_id = await _link(world, is_deleted=is_deleted)
    facts = ClickFacts(
        link_id=link_id,
        at_us=int((world.ports.clock.now() - timedelta(hours=1)).timestamp() * 1_000_000),
        click_class=CLASS_OF[Reason.BROWSER],
        reason=Reason.BROWSER,
        referrer_host="",
        browser="Chrome",
        os="Linux",
        device=DeviceKind.DESKTOP,
        language="ru",
        address=None,
        request_id=None,
    )
    numbers = await ValueNumbers().of(texts_of([facts]))
    async with in_transaction("default") as connection:
        await store(connection, tally([facts], numbers))
    return link_id


async def _logged_link(world: World, *, is_deleted: bool) -> int:
    """Leave nothing in the log but what the owner did with the link."""
    link_id = await _link(world, is_deleted=is_deleted)
    await AuditEntry.filter(subject_id=link_id).update(actor_id=world.owner.id)
    return link_id


async def _api_key(world: World, *, is_deleted: bool) -> int:
    person = as_person(world.ports, world.owner)
    key, _ = await create_api_key(person, label="thing")
    if is_deleted:
        await revoke_api_key(person, key_id=key.id)
    return key.id


async def _session(world: World, *, is_deleted: bool) -> int:
    return await _session_of(world.ports, world.owner, is_over=is_deleted)


async def _session_of(ports: Ports, user: User, *, is_over: bool = False) -> int:
    now = ports.clock.now()
    session = await Session.create(
        user_id=user.id,
        token_hash=secrets.token_hex(32),
        factors="password",
        authenticated_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(days=1),
        revoked_at=now if is_over else None,
        address="",
        user_agent="",
    )
    return session.id


async def _passkey(world: World, *, is_deleted: bool) -> int:
    passkey = await Passkey.create(
        user_id=world.owner.id, credential_id=secrets.token_hex(16), public_key="", label="thing"
    )
    if is_deleted:
        await passkey.delete()
    return passkey.id


async def _user(world: World, *, is_deleted: bool) -> int:
    if not is_deleted:
        return world.owner.id
    gone = await make_built_in("customer")
    await gone.delete()
    return gone.id


async def _role(world: World, *, is_deleted: bool) -> int:
    role = await Role.create(name=secrets.token_hex(4), scopes="LINK_READ")
    if is_deleted:
        await role.delete()
    return role.id


async def _organization(world: World, *, is_deleted: bool) -> int:
    if not is_deleted:
        return world.owner.organization_id or 0
    gone = await make_organization()
    await gone.delete()
    return gone.id


async def _invitation(world: World, *, is_deleted: bool) -> int:
    now = world.ports.clock.now()
    invitation = await Invitation.create(
        email=f"{secrets.token_hex(4)}@people.test",
        role_id=world.other.role_id,
        organization_id=world.owner.organization_id,
        locale="en",
        token_hash=secrets.token_hex(32),
        expires_at=now + timedelta(days=1),
        revoked_at=now if is_deleted else None,
    )
    return invitation.id


async def _stored_file(world: World, *, is_deleted: bool) -> int:
    blob = await Blob.create(
        sha256=secrets.token_hex(32),
        bytes=3,
        media_type="text/plain",
        scan_status=ScanStatus.UNSCANNED,
    )
    file = await StoredFile.create(
        blob=blob,
        name="x.txt",
        uploader=world.owner,
        organization_id=world.owner.organization_id,
        expires_at=world.ports.clock.now() + timedelta(days=1),
    )
    if is_deleted:
        await file.delete()
    return file.id


_MAKERS: Final[Mapping[str, Callable[..., Awaitable[int]]]] = {
    "Link": _link,
    "ClickedLink": _clicked_link,
    "LoggedLink": _logged_link,
    "ApiKey": _api_key,
    "Session": _session,
    "Passkey": _passkey,
    "User": _user,
    "Role": _role,
    "Organization": _organization,
    "Invitation": _invitation,
    "StoredFile": _stored_file,
    **DESK_MAKERS,
}
