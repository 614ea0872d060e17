"""Files of tickets: sent before the message, seen with it, and by nobody else."""

from datetime import timedelta
from typing import Any

import pytest
from yarl import URL

from models.files import StoredFile
from models.rules.roles import CUSTOMER, FIRST_LINE
from models.tickets import Ticket
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import make_built_in
from tests.fakes import FixedClock
from tests.files import HTML, PNG
from tests.portal import Client, Portal, sign_in

FILES = """query ($id: ID!) { node(id: $id) { ... on Ticket { timeline(first: 50) { edges { node {
    ... on TicketMessage { id attachments { id name mediaType url } } } } } } } }"""


@pytest.fixture
async def customer(client: Client, ports: Ports) -> Portal:
    return await sign_in(client, ports, await make_built_in(CUSTOMER))


@pytest.fixture
async def desk(client: Client, ports: Ports) -> Portal:
    return await sign_in(client, ports, await make_built_in(FIRST_LINE))


async def sent(portal: Portal, content: bytes = PNG, *, name: str = "a.png") -> str:
    """Send a file and return its id."""
    fields = {"name": name, "bytes": len(content)}
    answer = (await portal.ask("FileUploadBegin", input=fields))["fileUploadBegin"]
    response = await portal.client.post(URL(answer["url"]).path, data=content)
    assert response.status == 201
    file_id: str = (await response.json())["file"]["id"]
    return file_id


async def made(portal: Portal, *file_ids: str, request_id: str | None = None) -> dict[str, Any]:
    """Make a ticket with files and return the answer."""
    fields = {
        "subject": "It does not print",
        "bodyMarkdown": "See the picture.",
        "fileIds": list(file_ids),
        "requestId": request_id,
    }
    answer: dict[str, Any] = (await portal.ask("TicketCreate", input=fields))["ticketCreate"]
    return answer


async def attachments(portal: Portal, ticket_id: str) -> list[list[dict[str, Any]]]:
    """Return the files of each message that somebody sees, the oldest message first."""
    node = (await portal.ask(FILES, id=ticket_id))["node"]
    if node is None:
        return []
    entries = [edge["node"] for edge in node["timeline"]["edges"]]
    return [entry["attachments"] for entry in entries if "attachments" in entry]


async def test_a_file_comes_with_a_ticket_and_the_desk_fetches_it(
    customer: Portal, desk: Portal, client: Client, ports: Ports
) -> None:
    picture, page = await sent(customer), await sent(customer, HTML, name="page.html")

    answer = await made(customer, picture, page, picture, request_id="once")
    again = await made(customer, picture, page, picture, request_id="once")

    ticket_id = answer["ticket"]["id"]
    assert again["ticket"]["id"] == ticket_id
    [found] = await attachments(desk, ticket_id)
    assert [(each["id"], each["mediaType"]) for each in found] == [
        (picture, "image/png"),
        (page, "text/html"),
    ]
    fetched = await client.get(URL(found[1]["url"]).path)
    assert (fetched.status, await fetched.read()) == (200, HTML)
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    assert [
        each["id"] for [*files] in await attachments(customer, ticket_id) for each in files
    ] == [
        picture,
        page,
    ]
    shown = (await customer.ask("Ticket", number=answer["ticket"]["number"]))["ticket"]
    messages = [each for each in shown["timeline"]["nodes"] if "attachmentCount" in each]
    assert [each["attachmentCount"] for each in messages] == [2]
    page_of = (await desk.ask("TicketMessageFiles", ids=[messages[0]["id"]]))["nodes"]
    assert [each["name"] for each in page_of[0]["attachments"]] == ["a.png", "page.html"]
    stranger = await sign_in(client, ports, await make_built_in(CUSTOMER))
    assert await attachments(stranger, ticket_id) == []
    assert await stranger.ask("StoredFile", id=picture) == {"node": None}
    used = (await customer.ask("FileDelete", input={"id": picture}))["fileDelete"]
    assert used["__typename"] == "NotFoundProblem"


async def test_files_of_others_and_used_ones_are_refused_with_the_whole_message(
    customer: Portal, desk: Portal
) -> None:
    theirs, mine = await sent(desk), await sent(customer, b"mine", name="a.txt")

    for bad in (theirs, "x"):
        answer = await made(customer, mine, bad)
        assert answer["__typename"] == "NotFoundProblem"
        assert answer["path"] == ["fileIds"]
    assert await Ticket.all().count() == 0
    first = await made(customer, mine)
    assert (await made(customer, mine))["__typename"] == "NotFoundProblem"
    many = await made(customer, *(encode_id("StoredFile", number) for number in range(21)))
    assert (many["__typename"], many["path"]) == ("ValidationProblem", ["fileIds"])

    assert await Ticket.all().count() == 1
    [[file]] = await attachments(customer, first["ticket"]["id"])
    assert file["id"] == mine


async def test_a_customer_sees_files_of_answers_once_sent_and_of_notes_never(
    customer: Portal, desk: Portal, clock: FixedClock
) -> None:
    ticket_id = (await made(customer))["ticket"]["id"]
    shown, hidden = await sent(desk), await sent(desk, b"internal", name="log.txt")
    fields = {"id": ticket_id, "bodyMarkdown": "Text"}

    await desk.ask("TicketNote", input={**fields, "fileIds": [hidden]})
    reply = (await desk.ask("TicketReply", input={**fields, "fileIds": [shown]}))["ticketReply"]

    assert [len(files) for files in await attachments(desk, ticket_id)] == [0, 1, 1]
    assert await attachments(customer, ticket_id) == [[]]  # the answer may still be taken back
    assert await customer.ask("StoredFile", id=shown) == {"node": None}
    taken = {"id": reply["ticketMessage"]["id"]}
    await desk.ask("TicketMessageTakeBack", input=taken)
    assert (await desk.ask("StoredFile", id=shown))["node"]["expiresAt"] is not None
    await desk.ask("TicketReply", input={**fields, "fileIds": [shown]})
    clock.at += timedelta(seconds=15)

    assert [[each["id"] for each in files] for files in await attachments(customer, ticket_id)] == [
        [],
        [shown],
    ]
    assert await customer.ask("StoredFile", id=hidden) == {"node": None}
    assert await StoredFile.filter(owner_kind=None).count() == 0
