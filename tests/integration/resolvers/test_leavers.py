"""What becomes of the links and the data of those who leave."""

import json
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from tortoise.models import Model
from tortoise.transactions import in_transaction

from models.api_keys import ApiKey
from models.audit_entries import AuditEntry
from models.errors import (
    NotFoundError,
    RequestUndoneError,
    ScopeNotHeldError,
    StepUpRequiredError,
    UserActiveError,
    ValueInvalidError,
)
from models.invitations import Invitation
from models.links import Link, LinkChange
from models.mails import Mail
from models.orm import MODEL_MODULES
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.scopes import Scope
from models.second_factors import Identity, Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.users import User
from resolvers import link_transfers, personal_data
from resolvers.api_keys import create_api_key
from resolvers.context import NotPermittedError, RequestContext
from resolvers.erasures import OWNED, erase_user
from resolvers.invitations import create_invitation
from resolvers.link_transfers import transfer_links
from resolvers.links import create_link, delete_link, link_by_id
from resolvers.personal_data import open_person, person_parts
from resolvers.ports import Ports
from resolvers.sessions import start_session
from resolvers.user_edits import UserChanges, activate_user, deactivate_user, update_user
from tests.factories import as_person, make_built_in, make_domain, make_organization, make_user
from tests.fakes import CountingSignal, FixedClock

URL = "https://example.org/"


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    await make_domain()
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def factors_of(context: RequestContext, user: User) -> None:
    """Give a person one row of everything that hangs on a person."""
    now = context.ports.clock.now()
    await Totp.create(user=user, sealed_secret="sealed", confirmed_at=now)  # noqa: S106
    await RecoveryCode.create(user=user, code_hash="c" * 64)
    await Passkey.create(user=user, credential_id="cred", public_key="key", label="Laptop")
    await Identity.create(user=user, issuer="https://id.test", subject="subject-1")
    await create_api_key(context, label="key of mine")
    async with in_transaction("default") as connection:
        await start_session(context, connection, user=user, factors=["password"])


async def test_all_links_go_in_batches_and_every_replica_hears_of_each(
    admin: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_transfers, "BATCH", 3)
    leaver, heir = await make_built_in(CUSTOMER), await make_built_in(CUSTOMER)
    mine = as_person(ports, leaver)
    links = [await create_link(mine, url=URL) for _ in range(8)]
    await delete_link(mine, link_id=links[0].id)
    theirs = await create_link(as_person(ports, heir), url=URL)
    await LinkChange.all().delete()
    await AuditEntry.all().delete()
    signal = ports.link_signal
    assert isinstance(signal, CountingSignal)
    signal.sent = 0

    moved = await transfer_links(admin, from_user_id=leaver.id, to_user_id=heir.id)

    assert moved == 7
    assert signal.sent == 1
    stored = {link.id: link for link in await Link.all()}
    assert {link.owner_id for link in stored.values()} == {heir.id}
    revisions = {link.id: stored[link.id].revision for link in links}
    assert revisions == {links[0].id: 3, **{link.id: 2 for link in links[1:]}}
    assert stored[theirs.id].revision == 1
    changes = await LinkChange.all().values_list("link_id", "revision")
    assert sorted(changes) == sorted(revisions.items())
    entries = await AuditEntry.all().order_by("id")
    assert [(entry.action, entry.subject_id) for entry in entries] == [
        ("user.links_transfer", leaver.id)
    ] * 3
    assert sum(json.loads(entry.after)["links"] for entry in entries) == 7
    assert await transfer_links(admin, from_user_id=leaver.id, to_user_id=heir.id) == 0
    assert await AuditEntry.all().count() == 3


async def test_links_come_to_the_organization_of_the_new_owner(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    leaver = await make_built_in(CUSTOMER, organization=here)
    link = await create_link(as_person(ports, leaver), url=URL)
    staff = await make_built_in(ADMINISTRATOR)
    people = [
        (await make_built_in(CUSTOMER, organization=here), here.id),
        (staff, here.id),
        (await make_built_in(CUSTOMER, organization=there), there.id),
        (await make_built_in(CUSTOMER), None),
    ]

    owner = leaver
    for heir, place in people:
        await transfer_links(admin, from_user_id=owner.id, to_user_id=heir.id)
        stored = await Link.get(id=link.id)
        assert (stored.owner_id, stored.organization_id) == (heir.id, place)
        assert await link_by_id(as_person(ports, heir), link.id) is not None
        if heir.organization_id != owner.organization_id and owner is not staff:
            assert await link_by_id(as_person(ports, owner), link.id) is None
        owner = heir


async def test_links_go_only_to_active_people_in_reach(admin: RequestContext, ports: Ports) -> None:
    here = await make_organization()
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=here))
    leaver = await make_built_in(CUSTOMER, organization=here)
    gone = await make_built_in(CUSTOMER, organization=here)
    stranger = await make_built_in(CUSTOMER)
    chief = await make_built_in(ADMINISTRATOR, organization=here)
    await deactivate_user(admin, user_id=gone.id)
    link = await create_link(as_person(ports, leaver), url=URL)
    few = as_person(
        ports,
        await make_user(
            scopes=frozenset({Scope.USER_ADMIN}), reach=Reach.ORGANIZATION, organization=here
        ),
    )

    for who, from_id, to_id, refusal in (
        (boss, leaver.id, gone.id, ValueInvalidError),
        (boss, leaver.id, leaver.id, ValueInvalidError),
        (boss, leaver.id, stranger.id, NotFoundError),
        (boss, stranger.id, leaver.id, NotFoundError),
        (boss, leaver.id, 4, NotFoundError),
        (few, leaver.id, chief.id, ScopeNotHeldError),
        (as_person(ports, leaver), leaver.id, chief.id, NotPermittedError),
    ):
        with pytest.raises(refusal):
            await transfer_links(who, from_user_id=from_id, to_user_id=to_id)

    stored = await Link.get(id=link.id)
    assert (stored.owner_id, stored.revision) == (leaver.id, 1)


async def test_a_link_left_with_a_former_organization_is_not_shown_any_more(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    person = await make_built_in(CUSTOMER, organization=here)
    link = await create_link(as_person(ports, person), url=URL, request_id="once")

    for place in (there.id, None):
        await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=place))
        now = as_person(ports, await User.get(id=person.id).select_related("role"))
        assert await link_by_id(now, link.id) is None
        with pytest.raises(RequestUndoneError):
            await create_link(now, url=URL, request_id="once")


async def test_what_a_person_left_behind_stays_with_the_former_organization(
    admin: RequestContext, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    person = await make_built_in(CUSTOMER, organization=here)
    left = await create_link(as_person(ports, person), url=URL)
    await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=there.id))
    moved = as_person(ports, await User.get(id=person.id).select_related("role"))
    new = await create_link(moved, url=URL)
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=there))
    heir = await make_built_in(CUSTOMER, organization=there)

    for reader in (moved, boss):
        found = await document(reader, person)
        assert [row["id"] for row in found["links"]] == [str(new.id)]
    everything = await document(admin, person)
    assert [row["id"] for row in everything["links"]] == [str(left.id), str(new.id)]

    assert await transfer_links(boss, from_user_id=person.id, to_user_id=heir.id) == 1
    owners = {link.id: (link.owner_id, link.organization_id) for link in await Link.all()}
    assert owners == {left.id: (person.id, here.id), new.id: (heir.id, there.id)}

    await deactivate_user(boss, user_id=person.id)
    await erase_user(boss, user_id=person.id, links_to_user_id=heir.id)
    stored = await Link.get(id=left.id)
    assert (stored.owner_id, stored.organization_id) == (None, here.id)


def test_every_table_that_belongs_to_a_person_is_erased() -> None:
    models = [value for name in MODEL_MODULES for value in vars(import_module(name)).values()]

    owned = {
        model
        for model in models
        if isinstance(model, type) and issubclass(model, Model) and "user" in model._meta.fields_map
    }

    assert owned == set(OWNED)


@pytest.mark.parametrize("to", ["heir", "nobody"])
async def test_erasure_leaves_nothing_that_says_who_it_was(
    admin: RequestContext, ports: Ports, to: str
) -> None:
    place = await make_organization()
    person = await make_built_in(CUSTOMER, "anna.private@people.test", organization=place)
    heir = await make_built_in(CUSTOMER, organization=place)
    context = as_person(ports, person)
    await factors_of(context, person)
    link = await create_link(context, url=URL, request_id="once")
    await create_invitation(admin, email=person.email, role="customer")
    await update_user(admin, user_id=person.id, changes=UserChanges(name="Anna Private"))
    await deactivate_user(admin, user_id=person.id)

    erased = await erase_user(
        admin, user_id=person.id, links_to_user_id=heir.id if to == "heir" else None
    )
    again = await erase_user(
        admin, user_id=person.id, links_to_user_id=heir.id if to == "heir" else None
    )

    assert erased.erased_at == again.erased_at == ports.clock.now()
    assert again.revision == erased.revision
    stored = await User.get(id=person.id)
    assert (stored.name, stored.email) == ("", f"erased-{person.id}@erased.invalid")
    assert stored.password_hash is None
    for table in OWNED:
        assert not await table.exists(user_id=person.id), table
    assert await Invitation.all().count() == 0
    assert not await Mail.exists(to_address="anna.private@people.test")
    kept = await Link.get(id=link.id)
    assert (kept.owner_id, kept.organization_id) == (heir.id if to == "heir" else None, place.id)
    for entry in await AuditEntry.all():
        assert "rivate" not in entry.before + entry.after, entry.action
    for attempt in (
        activate_user(admin, user_id=person.id),
        update_user(admin, user_id=person.id, changes=UserChanges(name="Back")),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    namesake = await make_built_in(CUSTOMER, "anna.private@people.test")  # the address is free
    assert namesake.id != person.id


async def test_erasure_wants_a_deactivated_person_and_a_fresh_proof(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    person = await make_built_in(CUSTOMER)
    link = await create_link(as_person(ports, person), url=URL)
    viewer = replace(
        admin.viewer, session_id=1, authenticated_at=clock.now() - timedelta(minutes=10)
    )

    with pytest.raises(UserActiveError):
        await erase_user(admin, user_id=person.id)
    await deactivate_user(admin, user_id=person.id)
    with pytest.raises(StepUpRequiredError):
        await erase_user(replace(admin, viewer=viewer), user_id=person.id)

    assert (await User.get(id=person.id)).erased_at is None
    assert (await Link.get(id=link.id)).owner_id == person.id


async def document(context: RequestContext, user: User) -> dict[str, list[Any]]:
    person = await open_person(context, user_id=user.id)
    parts: dict[str, list[Any]] = {}
    async for part, rows in person_parts(context, person):
        parts.setdefault(part, []).extend(rows)
    return parts


async def test_a_person_takes_along_everything_that_is_stored_about_them(
    admin: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal_data, "BATCH", 2)
    person = await make_built_in(CUSTOMER)
    other = await make_built_in(CUSTOMER)
    context = as_person(ports, person)
    await factors_of(context, person)
    await factors_of_other(as_person(ports, other), other)
    links = [await create_link(context, url=URL, request_id=f"r{n}") for n in range(5)]
    await create_link(as_person(ports, other), url=URL)
    await create_invitation(admin, email=person.email, role="customer")

    found = await document(context, person)

    assert [row["email"] for row in found["person"]] == [person.email]
    assert [row["id"] for row in found["links"]] == [str(link.id) for link in links]
    counts = {part: len(rows) for part, rows in found.items()}
    assert counts.pop("audit_entries") == await AuditEntry.filter(actor_id=person.id).count()
    assert counts == {
        "person": 1,
        "sessions": 1,
        "api_keys": 1,
        "authenticator_apps": 1,
        "recovery_codes": 1,
        "passkeys": 1,
        "identities": 1,
        "one_time_tokens": 0,
        "invitations": 1,
        "letters": 1,
        "mails_received": 0,
        "repeated_requests": 5,
        "links": 5,
        "article_texts": 0,
        "article_votes": 0,
        "files": 0,
        "tickets": 0,
        "ticket_messages": 0,
        "ticket_messages_by_mail": 0,
        "ticket_events": 0,
        "followed_tickets": 0,
        "ticket_queues": 0,
        "service_calendars": 0,
        "service_policies": 0,
    }
    told = str(found)
    for secret in (await ApiKey.get(user_id=person.id)).secret_hash, "c" * 64, "sealed":
        assert secret not in told
    for session in await Session.all():
        assert session.token_hash not in told
    assert other.email not in told


async def factors_of_other(context: RequestContext, user: User) -> None:
    """Give another person a key and a session."""
    await create_api_key(context, label="of another")
    async with in_transaction("default") as connection:
        await start_session(context, connection, user=user, factors=["password"])


async def test_only_the_person_and_their_administrators_take_the_data(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    here = await make_organization()
    person = await make_built_in(CUSTOMER, organization=here)
    context = as_person(ports, person)
    narrow = replace(context, viewer=replace(context.viewer, scopes=frozenset({Scope.LINK_READ})))
    stale = replace(
        context,
        viewer=replace(
            context.viewer, session_id=1, authenticated_at=clock.now() - timedelta(minutes=11)
        ),
    )
    boss = as_person(
        ports, await make_user(reach=Reach.ORGANIZATION, organization=await make_organization())
    )
    colleague = as_person(ports, await make_built_in(CUSTOMER, organization=here))

    for who, refusal in (
        (narrow, NotPermittedError),
        (stale, StepUpRequiredError),
        (boss, NotFoundError),
        (colleague, NotFoundError),
    ):
        with pytest.raises(refusal):
            await open_person(who, user_id=person.id)
    assert await AuditEntry.all().count() == 0

    assert (await open_person(admin, user_id=person.id)).id == person.id
    [entry] = await AuditEntry.all()
    assert (entry.action, entry.subject_id, entry.actor_id) == (
        "user.export",
        person.id,
        admin.viewer.user_id,
    )
