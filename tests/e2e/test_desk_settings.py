"""Queues, custom fields and the tree of categories over HTTP."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from models.rules.reach import Reach
from models.ticket_categories import TicketCategory
from models.ticket_fields import TicketField
from models.ticket_queues import TicketQueue
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk_members import Member, join
from tests.factories import make_organization, make_user
from tests.portal import Client, sign_in

Model: TypeAlias = type[TicketCategory] | type[TicketQueue] | type[TicketField]
NOUNS: Mapping[str, tuple[str, dict[str, str], Model]] = {
    "TicketCategory": ("category", {"nameRu": "Печать", "nameEn": "Printing"}, TicketCategory),
    "Queue": ("queue", {"name": "Printing", "line": "FIRST"}, TicketQueue),
    "TicketField": (
        "field",
        {"key": "printer", "type": "TEXT", "labelRu": "Принтер", "labelEn": "Printer"},
        TicketField,
    ),
}
NODES = {"TicketField": "TicketFieldDefinition"}
# What another save of each changes.
THEIRS = {
    "TicketCategory": {"nameEn": "Theirs"},
    "Queue": {"name": "Theirs"},
    "TicketField": {"labelEn": "Theirs"},
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
    saved = await chief.change(f"{noun}Update", id=thing["id"], **THEIRS[noun])
    late = {"id": thing["id"], "ifRevision": thing["revision"]}
    answers = [
        await chief.change(f"{noun}Update", **late, **THEIRS[noun]),
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
    ids = [encode_id(NODES.get(noun, noun), 7), encode_id("User", chief.user.id), "nonsense", ""]
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
        ("TicketFieldCreate", {"key": "Ключ", "type": "TEXT", "labelRu": "x", "labelEn": "x"}),
        ("TicketFieldCreate", {"key": "x", "type": "CHOICE", "labelRu": "x", "labelEn": "x"}),
    ],
)
async def test_name_that_says_nothing_or_too_much_is_refused(
    chief: Member, operation: str, input: dict[str, Any]
) -> None:
    answer = await chief.change(operation, **input)

    assert answer["__typename"] == "ValidationProblem"
    for _, _, model in NOUNS.values():
        assert await model.all().count() == 0


async def test_custom_field_is_in_the_form_in_the_ticket_and_out_of_use_in_neither(
    client: Client, ports: Ports, chief: Member, customer: Member
) -> None:
    shown = await made(chief, "TicketField", isForCustomers=True, kind="FAULT")
    hidden = await made(chief, "TicketField", key="margin", type="NUMBER")
    choice = await made(
        chief, "TicketField", key="os", type="CHOICE", choices=["A", "B"], isForCustomers=True
    )
    twice = await chief.change("TicketFieldCreate", **NOUNS["TicketField"][1])
    assert (twice["__typename"], twice["code"]) == ("NameTakenProblem", "NAME_TAKEN")

    form = (await customer.portal.ask("TicketForm", kind="FAULT"))["ticketFields"]
    assert [each["key"] for each in form] == ["printer", "os"]
    ticket = await customer.ask_for(
        kind="FAULT",
        customFields=[{"key": "printer", "text": "=1+1"}, {"key": "os", "text": "B"}],
    )
    agent = await join(client, ports, "first_line")
    values = [{"key": "margin", "number": 2.5}, {"key": "os", "text": None}]
    said = await agent.change("TicketClassify", id=ticket["id"], customFields=values)
    assert said["__typename"] == "TicketClassifySuccess"
    wrong = await customer.change(
        "TicketCreate", subject="x", bodyMarkdown="x", customFields=[{"key": "margin", "number": 1}]
    )
    assert wrong["__typename"] == "ValidationProblem"

    by_agent, by_customer = [await each.see(ticket["number"]) for each in (agent, customer)]
    assert by_agent is not None
    assert by_customer is not None
    printer = {
        "key": "printer",
        "label": "Printer",
        "text": "=1+1",
        "number": None,
        "boolean": None,
    }
    margin = {"key": "margin", "label": "Printer", "text": None, "number": 2.5, "boolean": None}
    assert by_agent["customFields"] == [printer, margin]
    assert by_customer["customFields"] == [printer]

    for each in (shown, hidden, choice):
        gone = await chief.change("TicketFieldArchive", id=each["id"])
        assert gone["field"]["archivedAt"] is not None
    assert (await customer.portal.ask("TicketForm", kind="FAULT"))["ticketFields"] == []
    assert (await chief.portal.ask("TicketFieldDefinitions"))["ticketFieldDefinitions"] == []
    after = await customer.see(ticket["number"])
    assert after is not None
    assert [each["text"] for each in after["customFields"]] == ["=1+1"]


async def test_rights_of_the_desk_without_its_reach_are_not_enough(
    client: Client, ports: Ports, customer: Member
) -> None:
    """A company's own administrator sees the company's tickets, and is not of the desk."""
    home = await make_organization()
    user = await make_user(reach=Reach.ORGANIZATION, organization=home)
    boss = Member(user, await sign_in(client, ports, user))
    colleague = await join(client, ports, "customer", organization=home)
    ticket = await colleague.ask_for()

    refused = [
        await boss.change("TicketTake", id=ticket["id"]),
        await boss.change("TicketNote", id=ticket["id"], bodyMarkdown="x"),
        await boss.change("TicketDelete", id=ticket["id"]),
        await boss.change("QueueCreate", name="x", line="FIRST"),
    ]
    assert {each["__typename"] for each in refused} == {"ReachNotHeldProblem"}
    assert {each["reach"] for each in refused} == {"ALL"}
    [error] = await boss.portal.errors("Queues")
    assert error["extensions"]["code"] == "REACH_NOT_HELD"
    seen = await boss.see(ticket["number"])
    assert seen is not None
    assert (seen["revision"], seen["bounceCount"], seen["requesterAddress"]) == (1, None, None)
    assert seen["viewerCan"]["reply"] is True
    assert seen["viewerCan"]["note"] is seen["viewerCan"]["assign"] is False
