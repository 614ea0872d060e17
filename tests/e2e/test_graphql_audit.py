"""The audit log over GraphQL: who may read what of it, filtered and page by page."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.audit_entries import AuditEntry
from models.errors import SlugTakenError
from models.links import Link
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.api_keys import revoke_api_key
from resolvers.audit_chain import chain_entries
from resolvers.context import Origin, RequestContext
from resolvers.key_uses import uses_written
from resolvers.links import LinkChanges, delete_link, update_link
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import as_command, as_person, make_link, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in

_SECOND = timedelta(seconds=1)


@pytest.fixture
async def person(database: None) -> User:
    return await make_user(scopes=frozenset({Scope.LINK_READ, Scope.LINK_WRITE}))


@pytest.fixture
async def auditor(client: Client, ports: Ports) -> Portal:
    """Somebody who sees everything; the log is empty again after their sign-in."""
    scopes = frozenset({Scope.AUDIT_READ, Scope.LINK_READ})
    portal = await sign_in(client, ports, await make_user(scopes=scopes, is_staff=True))
    await AuditEntry.all().delete()
    return portal


@pytest.fixture
def acting(ports: Ports, person: User) -> RequestContext:
    """A request of the person from somewhere."""
    origin = Origin(address="192.0.2.7", request_id="request-1")
    return replace(as_person(ports, person), origin=origin)


async def entries(portal: Portal, **variables: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    page = (await portal.ask("AuditEntries", **variables))["auditEntries"]
    return [edge["node"] for edge in page["edges"]]


async def make_history(context: RequestContext, clock: FixedClock) -> Link:
    """Make, change and delete a link, a second between each."""
    link = await make_link(context, slug="a", url="https://example.org/1")
    clock.at += _SECOND
    await update_link(context, link_id=link.id, changes=LinkChanges(title="T", slug="b"))
    clock.at += _SECOND
    return await delete_link(context, link_id=link.id)


async def test_an_entry_says_who_did_what_from_where(
    auditor: Portal, person: User, acting: RequestContext, clock: FixedClock
) -> None:
    link = await make_link(acting, slug="a", url="https://example.org/1")
    await update_link(acting, link_id=link.id, changes=LinkChanges(title="T"))
    await chain_entries()

    newest, oldest = await entries(auditor)

    assert newest == {
        "id": newest["id"],
        "at": "2026-01-02T03:04:05.000Z",
        "action": "link.update",
        "via": "COMMAND",  # a context without session and key, as the command line's
        "address": "192.0.2.7",
        "requestId": "request-1",
        "subjectType": "link",
        "seq": 2,
        "actor": {"id": encode_id("User", person.id), "name": person.name},
        "subject": {"__typename": "Link", "id": encode_id("Link", link.id)},
        "changes": [{"field": "title", "before": None, "after": "T"}],
    }
    assert oldest["action"] == "link.create"
    assert [(each["field"], each["before"], each["after"]) for each in oldest["changes"]] == [
        ("domain_id", None, str(link.domain_id)),
        ("owner_id", None, str(person.id)),
        ("slug", None, "a"),
        ("url", None, "https://example.org/1"),
    ]


async def test_a_request_is_traced_to_its_key(
    client: Client, ports: Ports, auditor: Portal, person: User
) -> None:
    portal = await sign_in(client, ports, person)
    await AuditEntry.all().delete()

    answer = await portal.send('mutation { apiKeyCreate(input: {label: "x"}) { __typename } }')
    [entry] = await entries(auditor)

    assert (entry["action"], entry["via"], entry["address"]) == (
        "api_key.create",
        "API_KEY",
        "127.0.0.1",
    )
    assert entry["requestId"] == answer.headers["X-Request-ID"]
    assert entry["subject"] is None  # another person's key
    assert not [each for each in entry["changes"] if "secret" in each["field"]]


async def test_what_is_gone_or_hidden_is_null_and_the_entry_stays(
    auditor: Portal, acting: RequestContext, clock: FixedClock, person: User
) -> None:
    link = await make_history(acting, clock)
    await Link.filter(id=link.id).delete()
    await User.filter(id=person.id).delete()

    found = await entries(auditor, filter={"subjectId": encode_id("Link", link.id)})

    assert [(each["action"], each["actor"], each["subject"]) for each in found] == [
        ("link.delete", None, None),
        ("link.update", None, None),
        ("link.create", None, None),
    ]
    assert [(c["field"], c["before"]) for c in found[0]["changes"]] == [
        ("deleted_at", None),
        ("domain_id", str(link.domain_id)),
        ("slug", "b"),
        ("url", "https://example.org/1"),
    ]


async def test_filters_hold_all_at_once(
    auditor: Portal, ports: Ports, person: User, acting: RequestContext, clock: FixedClock
) -> None:
    began = clock.at
    link = await make_history(acting, clock)
    other = await make_user()
    elsewhere = replace(as_person(ports, other), origin=Origin(address="2001:db8::1"))
    clock.at += _SECOND
    theirs = await make_link(elsewhere, slug="c")

    async def actions(**filter: object) -> list[str]:
        return [f"{e['action']} {e['at'][17:19]}" for e in await entries(auditor, filter=filter)]

    all_ = ["link.create 08", "link.delete 07", "link.update 06", "link.create 05"]
    own = encode_id("User", person.id)
    assert await actions() == all_
    assert await actions(actorId=own) == all_[1:]
    assert await actions(action="link.create") == [all_[0], all_[3]]
    assert await actions(action="link.create", actorId=own) == [all_[3]]
    assert await actions(subjectType="link") == all_
    assert await actions(subjectType="user") == []
    assert await actions(subjectId=encode_id("Link", theirs.id)) == [all_[0]]
    assert await actions(subjectId=encode_id("Link", link.id), subjectType="user") == []
    assert await actions(subjectId=encode_id("User", link.id)) == []
    assert await actions(subjectId="nonsense") == []
    assert await actions(actorId="nonsense") == []
    assert await actions(action="no.such") == []
    assert await actions(address="2001:DB8:0::1") == [all_[0]]
    assert await actions(address="192.0.2.7", action="link.delete") == [all_[1]]
    since, until = ((began + n * _SECOND).isoformat() for n in (1, 3))
    assert await actions(since=since, until=until) == all_[1:3]


async def test_pages_follow_each_other_in_both_directions(
    auditor: Portal, acting: RequestContext, clock: FixedClock
) -> None:
    for number in range(7):  # some at one moment
        clock.at += _SECOND * (number % 2)
        await make_link(acting, slug=f"s{number}")
    everything = [each["id"] for each in await entries(auditor)]
    assert len(everything) == 7

    forward: list[str] = []
    variables: dict[str, object] = {"first": 3}
    while True:
        page = (await auditor.ask("AuditEntries", **variables))["auditEntries"]
        forward += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = page["pageInfo"]["endCursor"]
    backward: list[str] = []
    variables = {"last": 3}
    while True:
        page = (await auditor.ask("AuditEntries", **variables))["auditEntries"]
        backward = [edge["node"]["id"] for edge in page["edges"]] + backward
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        variables["before"] = page["pageInfo"]["startCursor"]

    assert forward == everything
    assert backward == everything


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"first": 1, "last": 1}, "INVALID_VALUE"), ({"after": "nonsense"}, "CURSOR_INVALID")],
)
async def test_a_window_that_makes_no_sense_is_refused(
    auditor: Portal, variables: dict[str, object], code: str
) -> None:
    [error] = await auditor.errors("AuditEntries", **variables)

    assert error["extensions"]["code"] == code


async def test_a_page_costs_the_same_queries_whatever_its_length(
    auditor: Portal, acting: RequestContext, ports: Ports, sql: list[str]
) -> None:
    await make_link(acting, slug="s")
    await make_link(as_person(ports, await make_user()), slug="t")
    await entries(auditor)
    await uses_written()  # the key's use is noted once a minute, after the answer
    sql.clear()
    await entries(auditor)
    few = len(sql)
    for number in range(10):
        await make_link(as_person(ports, await make_user()), slug=f"s{number}")
    sql.clear()

    assert len(await entries(auditor)) == 12
    assert len(sql) == few


async def test_the_log_is_closed_without_its_scope(
    client: Client, ports: Ports, acting: RequestContext
) -> None:
    await make_link(acting, slug="s")
    [entry] = await AuditEntry.all()
    others = await make_user(scopes=frozenset(Scope) - {Scope.AUDIT_READ}, is_staff=True)
    portal = await sign_in(client, ports, others)

    [error] = await portal.errors("AuditEntries")
    [nobodys] = await Portal(client).errors("AuditEntries")

    assert error["extensions"]["code"] == "FORBIDDEN"
    assert nobodys["extensions"]["code"] == "UNAUTHENTICATED"
    assert await portal.ask("Node", id=encode_id("AuditEntry", entry.id)) == {"node": None}


async def test_who_does_not_see_everything_sees_what_they_did(
    client: Client, ports: Ports, acting: RequestContext
) -> None:
    person = await make_user()
    await make_link(acting, slug="theirs")
    await make_link(as_person(ports, person), slug="own")
    [theirs] = await AuditEntry.filter(actor_id=acting.viewer.user_id)
    await Role.filter(id=person.role_id).update(reach=Reach.ORGANIZATION)
    portal = await sign_in(client, ports, person)

    found = await entries(portal, filter={"action": "link.create"})

    assert [each["actor"]["id"] for each in found] == [encode_id("User", person.id)]
    assert await portal.ask("Node", id=encode_id("AuditEntry", theirs.id)) == {"node": None}


async def test_an_entry_can_be_fetched_again(auditor: Portal, acting: RequestContext) -> None:
    await make_link(acting, slug="s")
    [entry] = await entries(auditor)

    again = await auditor.ask(
        "query($id: ID!) { node(id: $id) { ... on AuditEntry { id action subject { id } } } }",
        id=entry["id"],
    )

    assert again["node"] == {key: entry[key] for key in ("id", "action")} | {
        "subject": {"id": entry["subject"]["id"]}
    }


async def test_a_key_made_void_twice_is_noted_once(ports: Ports, client: Client) -> None:
    person = await make_user()
    await sign_in(client, ports, person)
    [made] = await AuditEntry.filter(action="api_key.create")
    context = as_person(ports, person)

    for _ in range(2):
        await revoke_api_key(context, key_id=made.subject_id or 0)

    [revoked] = await AuditEntry.filter(action="api_key.revoke")
    assert (revoked.subject_id, revoked.actor_id) == (made.subject_id, person.id)
    assert (revoked.before, revoked.after) == (
        '{"revoked_at":null}',
        '{"revoked_at":"2026-01-02T03:04:05+00:00"}',
    )


async def test_a_refused_change_leaves_no_entry(ports: Ports, acting: RequestContext) -> None:
    await make_link(acting, slug="s")

    with pytest.raises(SlugTakenError):
        await make_link(as_command(ports), slug="s")

    assert await AuditEntry.all().count() == 1
