"""Queues and the tree of categories over HTTP."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from models.ticket_categories import TicketCategory
from models.ticket_queues import TicketQueue
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk_members import Member, join
from tests.portal import Client

Model: TypeAlias = type[TicketCategory] | type[TicketQueue]
NOUNS: Mapping[str, tuple[str, dict[str, str], Model]] = {
    "TicketCategory": ("category", {"nameRu": "Печать", "nameEn": "Printing"}, TicketCategory),
    "Queue": ("queue", {"name": "Printing", "line": "FIRST"}, TicketQueue),
}


@pytest.fixture
async def chief(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "administrator")


@pytest.fixture
async def customer(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "customer")


async def made(chief: Member, noun: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a category or a queue and return it."""
    field, form, _ = NOUNS[noun]
    answer = await chief.change(f"{noun}Create", **{**form, **more})
    assert answer["__typename"] == f"{noun}CreateSuccess", answer
    found: dict[str, Any] = answer[field]
    return found


async def test_customers_choose_from_the_tree_in_their_language(
    chief: Member, customer: Member
) -> None:
    root = await made(chief, "TicketCategory")
    leaf = await made(chief, "TicketCategory", nameRu="Чеки", nameEn="Bills", parentId=root["id"])
    russian = customer.portal.with_headers(Accept_Language="ru")
    tree = (await russian.ask("TicketForm"))["ticketCategories"]

    assert tree == [
        {"id": root["id"], "name": "Печать", "parent": None},
        {"id": leaf["id"], "name": "Чеки", "parent": {"id": root["id"]}},
    ]
    assert leaf["name"] == "Bills"


async def test_category_moves_in_the_tree_but_never_below_itself(chief: Member) -> None:
    root = await made(chief, "TicketCategory")
    leaf = await made(chief, "TicketCategory", parentId=root["id"])
    circle = await chief.change("TicketCategoryUpdate", id=root["id"], parentId=leaf["id"])
    moved = await chief.change("TicketCategoryUpdate", id=leaf["id"], parentId=None, position=7)

    assert circle["__typename"] == "ValidationProblem"
    assert (moved["category"]["parent"], moved["category"]["position"]) == (None, 7)
    assert await TicketCategory.filter(parent_id__not_isnull=True).count() == 0


async def test_category_with_others_below_it_stays_in_use(chief: Member) -> None:
    root = await made(chief, "TicketCategory")
    leaf = await made(chief, "TicketCategory", parentId=root["id"])
    refused = await chief.change("TicketCategoryArchive", id=root["id"])
    done = [await chief.change("TicketCategoryArchive", id=each["id"]) for each in (leaf, root)]

    assert (refused["__typename"], refused["code"]) == ("CategoryInUseProblem", "CATEGORY_IN_USE")
    assert [each["__typename"] for each in done] == ["TicketCategoryArchiveSuccess"] * 2
    assert (await chief.portal.ask("TicketForm"))["ticketCategories"] == []
    back = await chief.change("TicketCategoryRestore", id=root["id"])
    assert back["category"]["archivedAt"] is None


async def test_queue_has_its_people_and_goes_out_of_use(
    client: Client, ports: Ports, chief: Member
) -> None:
    agent = await join(client, ports, "first_line")
    queue = await made(chief, "Queue", memberIds=[agent.id])
    renamed = await chief.change("QueueUpdate", id=queue["id"], name="Paper", memberIds=[chief.id])
    twice = await chief.change("QueueCreate", name="Paper", line="SECOND")
    gone = await chief.change("QueueArchive", id=queue["id"])

    assert [each["id"] for each in queue["members"]] == [agent.id]
    assert [each["id"] for each in renamed["queue"]["members"]] == [chief.id]
    assert (twice["__typename"], twice["code"]) == ("NameTakenProblem", "NAME_TAKEN")
    assert gone["queue"]["archivedAt"] is not None
    assert (await agent.portal.ask("Queues"))["queues"] == []
    [old] = (await agent.portal.ask("Queues", archived=True))["queues"]
    assert old["name"] == "Paper"
    back = await chief.change("QueueRestore", id=queue["id"])
    assert (back["__typename"], back["queue"]["archivedAt"]) == ("QueueRestoreSuccess", None)


@pytest.mark.parametrize("noun", NOUNS)
async def test_older_revision_is_a_conflict_and_nothing_is_saved(chief: Member, noun: str) -> None:
    field, _, model = NOUNS[noun]
    thing = await made(chief, noun)
    name = {"name": "Theirs"} if noun == "Queue" else {"nameEn": "Theirs"}
    saved = await chief.change(f"{noun}Update", id=thing["id"], **name)
    late = {"id": thing["id"], "ifRevision": thing["revision"]}
    answers = [
        await chief.change(f"{noun}Update", **late, **name),
        await chief.change(f"{noun}Archive", **late),
        await chief.change(f"{noun}Restore", **late),
    ]

    assert saved[field]["revision"] == thing["revision"] + 1
    assert {each["__typename"] for each in answers} == {"RevisionConflictProblem"}
    assert {each["currentRevision"] for each in answers} == {thing["revision"] + 1}
    row = await model.all().get()
    assert (row.revision, row.archived_at) == (thing["revision"] + 1, None)


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("role", ["first_line", "customer"])
async def test_only_administrators_tend_the_desk(
    client: Client, ports: Ports, chief: Member, noun: str, role: str
) -> None:
    other = await join(client, ports, role)
    thing = await made(chief, noun)
    _, form, model = NOUNS[noun]
    answers = [
        await other.change(f"{noun}Create", **form),
        *[
            await other.change(f"{noun}{verb}", id=thing["id"])
            for verb in ("Update", "Archive", "Restore")
        ],
    ]

    assert {each["__typename"] for each in answers} == {"ForbiddenProblem"}
    assert await model.all().count() == 1
    assert (await model.all().get()).revision == thing["revision"]


@pytest.mark.parametrize("noun", NOUNS)
async def test_absent_and_mistyped_ids_look_the_same(chief: Member, noun: str) -> None:
    ids = [encode_id(noun, 7), encode_id("User", chief.user.id), "nonsense", ""]
    answers = [
        await chief.change(f"{noun}{verb}", id=each)
        for verb in ("Update", "Archive", "Restore")
        for each in ids
    ]

    assert {each["__typename"] for each in answers} == {"NotFoundProblem"}


@pytest.mark.parametrize(
    ("operation", "input"),
    [
        ("TicketCategoryCreate", {"nameRu": "", "nameEn": "x"}),
        ("TicketCategoryCreate", {"nameRu": "x", "nameEn": "x" * 201}),
        ("QueueCreate", {"name": " ", "line": "FIRST"}),
    ],
)
async def test_name_that_says_nothing_or_too_much_is_refused(
    chief: Member, operation: str, input: dict[str, Any]
) -> None:
    answer = await chief.change(operation, **input)

    assert answer["__typename"] == "ValidationProblem"
    assert await TicketCategory.all().count() + await TicketQueue.all().count() == 0
