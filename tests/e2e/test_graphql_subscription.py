"""subscription clickRecorded: who gets which clicks, and for how long."""

import pytest

from models.api_keys import ApiKey
from models.links import Link
from models.users import User
from resolvers.links import delete_link
from resolvers.ports import Ports
from schema import clicks
from schema.nodes import encode_id
from tests.contract.test_graphql_transport_ws import click, open_socket, receive, watching
from tests.factories import as_person, make_link, make_user
from tests.portal import Client, Portal, operation, sign_in


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


@pytest.fixture
async def link(ports: Ports, person: User) -> Link:
    return await make_link(as_person(ports, person), slug="watched")


def watch(**filter: object) -> dict[str, object]:
    payload = {"query": operation("ClickRecorded"), "variables": {"links": filter or None}}
    return {"id": "w", "type": "subscribe", "payload": payload}


async def test_click_carries_what_a_list_shows(portal: Portal, ports: Ports, link: Link) -> None:
    socket = await open_socket(portal)
    await socket.send_json(watch())
    await (await watching(ports)).publish([click(ports, link.id)])

    assert await receive(socket) == {
        "id": "w",
        "type": "next",
        "payload": {
            "data": {
                "clickRecorded": {
                    "id": encode_id("Click", 1),
                    "at": "2026-01-02T03:04:05.000Z",
                    "class": "HUMAN",
                    "reason": "BROWSER",
                    "referrerHost": "example.com",
                    "browser": "Firefox",
                    "os": "Linux",
                    "device": "DESKTOP",
                    "address": None,
                    "link": {"id": encode_id("Link", link.id), "slug": "watched", "clickCount": 0},
                }
            }
        },
    }


async def test_only_clicks_of_own_links_under_the_filter_come(
    portal: Portal, ports: Ports, person: User, link: Link
) -> None:
    context = as_person(ports, person)
    unwanted = await make_link(context, slug="unwanted")
    foreign = await make_link(as_person(ports, await make_user()), slug="watched-too")
    socket = await open_socket(portal)
    await socket.send_json(watch(search="watched"))
    feed = await watching(ports)
    await feed.publish(
        [
            click(ports, unwanted.id, 1),
            click(ports, foreign.id, 2),
            click(ports, 7, 3),
            click(ports, link.id, 4),
        ]
    )

    message = await receive(socket)
    assert message["payload"]["data"]["clickRecorded"]["id"] == encode_id("Click", 4)


async def test_permission_is_looked_at_again(
    portal: Portal, ports: Ports, person: User, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "RECHECK_S", 0.0)
    socket = await open_socket(portal)
    await socket.send_json(watch())
    feed = await watching(ports)
    await feed.publish([click(ports, link.id, 1)])
    assert (await receive(socket))["type"] == "next"

    await ApiKey.filter(user_id=person.id).update(scopes="LINK_READ")
    await feed.publish([click(ports, link.id, 2)])

    message = await receive(socket)
    assert [each["extensions"]["code"] for each in message["payload"]["errors"]] == ["FORBIDDEN"]
    assert await receive(socket) == {"id": "w", "type": "complete"}


async def test_revoked_key_ends_the_subscription(
    portal: Portal, ports: Ports, person: User, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "RECHECK_S", 0.0)
    socket = await open_socket(portal)
    await socket.send_json(watch())
    feed = await watching(ports)
    await ApiKey.filter(user_id=person.id).update(revoked_at=ports.clock.now())
    await feed.publish([click(ports, link.id)])

    message = await receive(socket)
    codes = [each["extensions"]["code"] for each in message["payload"]["errors"]]
    assert codes == ["UNAUTHENTICATED"]


async def test_link_that_was_deleted_is_no_longer_told_of(
    portal: Portal, ports: Ports, person: User, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "RECHECK_S", 0.0)
    context = as_person(ports, person)
    kept = await make_link(context, slug="kept")
    socket = await open_socket(portal)
    await socket.send_json(watch())
    feed = await watching(ports)
    await delete_link(context, link_id=link.id)
    await feed.publish([click(ports, link.id, 1), click(ports, kept.id, 2)])

    message = await receive(socket)
    assert message["payload"]["data"]["clickRecorded"]["id"] == encode_id("Click", 2)


async def test_clicks_of_one_link_cost_no_statement_each(
    portal: Portal, ports: Ports, link: Link, sql: list[str]
) -> None:
    socket = await open_socket(portal)
    query = "subscription { clickRecorded { id } }"
    await socket.send_json({"id": "w", "type": "subscribe", "payload": {"query": query}})
    feed = await watching(ports)
    await feed.publish([click(ports, link.id, 1)])
    await receive(socket)
    sql.clear()
    await feed.publish([click(ports, link.id, number) for number in range(2, 12)])
    for _ in range(10):
        await receive(socket)

    assert sql == []
