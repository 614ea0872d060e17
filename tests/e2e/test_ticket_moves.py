"""The steps of a ticket over HTTP: what each refuses, and what `viewerCan` says of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketLine, TicketStatus
from models.ticket_categories import TicketCategory
from models.ticket_messages import TicketEvent
from models.tickets import Ticket
from models.users import User
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk_members import Member, join, stored
from tests.factories import make_organization
from tests.fakes import FixedClock
from tests.portal import Client

LATER: Final = "2100-01-01T00:00:00.000Z"
SEVERE: Final = {"effect": "DATA_AT_RISK", "impact": "ONE", "workaround": "NONE"}
# What each permission speaks of, and what else the mutation takes.
STEPS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "reply": ("TicketReply", {"bodyMarkdown": "x"}),
    "note": ("TicketNote", {"bodyMarkdown": "x"}),
    "edit": ("TicketRename", {"subject": "y"}),
    "assign": ("TicketTake", {}),
    "follow": ("TicketFollow", {}),
    "open": ("TicketOpen", {}),
    "waitForCustomer": ("TicketWaitForCustomer", {}),
    "waitInternal": ("TicketWaitInternal", {}),
    "schedule": ("TicketSchedule", {"until": LATER}),
    "resolve": ("TicketResolve", {"resolution": "SOLVED"}),
    "close": ("TicketClose", {}),
    "reopen": ("TicketReopen", {"reason": "x"}),
    "escalate": ("TicketEscalate", {"reason": "x", "checklist": ["x"]}),
    "return": ("TicketReturn", {"note": "x"}),
    "markSpam": ("TicketMarkSpam", {}),
    "unmarkSpam": ("TicketUnmarkSpam", {}),
    "unmerge": ("TicketUnmerge", {}),
    "delete": ("TicketDelete", {}),
}


@pytest.fixture
async def customer(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "customer", organization=await make_organization())


@pytest.fixture
async def agent(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "first_line")


async def test_a_ticket_goes_its_way_by_one_mutation_for_each_intent(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for(kind="FAULT", severity=SEVERE)
    id_ = ticket["id"]

    async def status(operation: str, **more: Any) -> str:  # noqa: ANN401 - JSON
        answer = await agent.change(operation, id=id_, **more)
        assert answer["__typename"] == f"{operation}Success", answer
        found: str = answer["ticket"]["status"]
        return found

    assert await status("TicketOpen") == "OPEN"
    assert await status("TicketWaitForCustomer") == "WAITING_FOR_CUSTOMER"
    assert await status("TicketWaitInternal", note="The supplier") == "WAITING_INTERNAL"
    assert await status("TicketSchedule", until=LATER) == "SCHEDULED"
    assert (await agent.see(ticket["number"]) or {})["snoozedUntil"] == LATER
    assert await status("TicketResolve", resolution="SOLVED", note="By hand") == "RESOLVED"
    assert await status("TicketReopen", reason="Again") == "OPEN"
    assert await status("TicketMarkSpam") == "SPAM"
    assert await status("TicketUnmarkSpam") == "OPEN"
    assert await status("TicketResolve", resolution="SOLVED") == "RESOLVED"
    closed = await customer.change("TicketClose", id=id_)
    assert closed["ticket"]["status"] == "CLOSED"
    seen = await agent.see(ticket["number"])
    assert seen is not None
    assert (seen["reopenCount"], seen["resolution"], seen["severity"]) == (1, "SOLVED", "CRITICAL")
    told = [each["kind"] for each in seen["timeline"]["nodes"] if "kind" in each]
    assert told[0] == "CREATED"
    assert told.count("STATUS_CHANGED") >= 7
    assert "REOPENED" in told
    history = (await agent.portal.ask("TicketHistory", number=ticket["number"]))["ticket"]
    opened = history["timeline"]["nodes"][2]  # after what the customer wrote, and that they did
    assert opened["kind"] == "STATUS_CHANGED"
    assert {"field": "status", "before": "NEW", "after": "OPEN"} in opened["changes"]
    assert all(each["text"] for each in seen["timeline"]["nodes"] if "kind" in each)


# What each role is asked for; the rest is the same to them for whatever ticket.
ASKED: Final[Mapping[str, Sequence[str]]] = {
    "customer": ("reply", "follow", "close", "reopen"),
    "first_line": tuple(
        name for name in STEPS if name not in {"note", "edit", "assign", "follow", "delete"}
    ),
}


@pytest.mark.parametrize("role", ASKED)
async def test_viewer_can_what_no_mutation_refuses(
    client: Client, ports: Ports, customer: Member, role: str
) -> None:
    asking = customer if role == "customer" else await join(client, ports, role)
    made = await customer.ask_for()
    id_ = (await stored(made)).id
    for status in TicketStatus:
        line = TicketLine.SECOND if status is TicketStatus.OPEN else TicketLine.FIRST
        kept = {"status": status, "status_before": TicketStatus.OPEN, "line": line}
        await Ticket.filter(id=id_).update(**kept)
        seen = await asking.see(made["number"])
        assert seen is not None
        for permission in ASKED[role]:
            operation, more = STEPS[permission]
            await Ticket.filter(id=id_).update(**kept)
            answer = await asking.change(operation, id=made["id"], **more)
            refused = answer["__typename"] == "TicketMoveNotPossibleProblem" and (
                set(answer["missing"]) <= {"resolution"}
            )
            assert refused is not seen["viewerCan"][permission], (permission, status, answer)


@pytest.mark.parametrize("role", ["customer", "developer", "auditor", "administrator"])
async def test_viewer_can_nothing_that_their_rights_forbid(
    client: Client, ports: Ports, customer: Member, role: str
) -> None:
    asking = customer if role == "customer" else await join(client, ports, role)
    made = await customer.ask_for()
    row = await stored(made)
    seen = await asking.see(made["number"])
    assert seen is not None
    for permission, (operation, more) in STEPS.items():
        await Ticket.filter(id=row.id).update(status=TicketStatus.NEW)
        answer = await asking.change(operation, id=made["id"], **more)
        if answer["__typename"] in {"ForbiddenProblem", "ReachNotHeldProblem"}:
            assert seen["viewerCan"][permission] is False, permission
        elif answer["__typename"] == f"{operation}Success":
            assert seen["viewerCan"][permission] is True, permission


async def test_deleted_ticket_is_seen_by_who_may_restore_it_alone(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    chief = await join(client, ports, "administrator")
    ticket = await customer.ask_for()
    await chief.change("TicketDelete", id=ticket["id"])

    for each in (customer, agent, chief):
        assert await each.see(ticket["number"]) is None
        assert (await each.portal.ask("Node", id=ticket["id"]))["node"] is None
        assert (await each.portal.ask("Tickets"))["tickets"]["totalCount"] == 0
    deleted = {"filter": {"deleted": True}}
    assert (await agent.portal.ask("Tickets", **deleted))["tickets"]["nodes"] == []
    [found] = (await chief.portal.ask("Tickets", **deleted))["tickets"]["nodes"]
    assert found["id"] == ticket["id"]
    assert (await agent.change("TicketRestore", id=ticket["id"]))[
        "__typename"
    ] == "ForbiddenProblem"
    back = await chief.change("TicketRestore", id=ticket["id"])
    assert (back["__typename"], back["ticket"]["status"]) == ("TicketRestoreSuccess", "NEW")
    assert await customer.see(ticket["number"]) is not None


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["category"]),
        ({"category": True}, ["severity"]),
        ({"category": True, "severity": SEVERE, "kind": "UPDATE_FAILURE"}, ["installation"]),
        (
            {"category": True, "severity": SEVERE, "kind": "DATA_RESTORE"},
            [
                "installation",
                "restore_what",
                "restore_lost_at",
                "restore_as_of",
                "restore_agreed_by",
            ],
        ),
    ],
)
async def test_escalation_says_what_the_ticket_lacks_and_leaves_it_where_it_is(
    customer: Member, agent: Member, given: dict[str, Any], missing: list[str]
) -> None:
    ticket = await customer.ask_for()
    category = await TicketCategory.create(name_ru="Печать", name_en="Printing")
    said = {key: value for key, value in given.items() if key != "category"}
    if "category" in given:
        said["categoryId"] = encode_id("TicketCategory", category.id)
    if said:
        await agent.change("TicketClassify", id=ticket["id"], **said)
    before = await stored(ticket)
    events = await TicketEvent.all().count()
    answer = await agent.change("TicketEscalate", id=ticket["id"], reason="x", checklist=["x"])

    assert answer["__typename"] == "TicketMoveNotPossibleProblem"
    assert (answer["status"], answer["missing"]) == ("NEW", missing)
    assert answer["message"]
    after = await stored(ticket)
    assert (after.revision, after.line, after.status) == (
        before.revision,
        TicketLine.FIRST,
        TicketStatus.NEW,
    )
    assert await TicketEvent.all().count() == events


async def test_ticket_goes_to_the_second_line_and_back_with_a_note(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    chief = await join(client, ports, "administrator")
    engineer = await join(client, ports, "second_line")
    category = await chief.change("TicketCategoryCreate", nameRu="Печать", nameEn="Printing")
    queue = await chief.change("QueueCreate", name="Engineers", line="SECOND")
    ticket = await customer.ask_for(severity=SEVERE)
    id_ = ticket["id"]
    await agent.change("TicketClassify", id=id_, categoryId=category["category"]["id"])
    up = await agent.change(
        "TicketEscalate",
        id=id_,
        reason="Needs the data",
        checklist=["Restarted"],
        queueId=queue["queue"]["id"],
    )
    again = await agent.change("TicketEscalate", id=id_, reason="x", checklist=["x"])
    down = await engineer.change("TicketReturn", id=id_, note="Ask for the log")

    assert (up["ticket"]["line"], up["ticket"]["queue"]["name"]) == ("SECOND", "Engineers")
    assert again["__typename"] == "TicketMoveNotPossibleProblem"
    assert again["missing"] == []
    assert (down["ticket"]["line"], down["ticket"]["bounceCount"]) == ("FIRST", 1)
    by_customer = await customer.see(ticket["number"])
    assert by_customer is not None
    assert "Needs the data" not in repr(by_customer)
    assert "Ask for the log" not in repr(by_customer)


async def test_customer_reopens_within_the_window_and_begins_anew_after_it(
    customer: Member, agent: Member, ports: Ports, clock: FixedClock
) -> None:
    ticket = await customer.ask_for()
    await agent.change("TicketResolve", id=ticket["id"], resolution="ANSWERED")
    clock.at += timedelta(days=ports.desk.reopen_days)
    in_time = await customer.change("TicketReopen", id=ticket["id"], reason="It is back")
    await agent.change("TicketResolve", id=ticket["id"], resolution="ANSWERED")
    clock.at += timedelta(days=ports.desk.reopen_days, seconds=1)
    too_late = await customer.change("TicketReopen", id=ticket["id"], reason="Once more")
    reply = await customer.change("TicketReply", id=ticket["id"], bodyMarkdown="Once more")

    assert in_time["ticket"]["status"] == "OPEN"
    assert too_late["__typename"] == "TicketMoveNotPossibleProblem"
    assert too_late["status"] == "RESOLVED"
    assert reply["ticket"]["number"] == ticket["number"] + 1
    seen = await customer.see(reply["ticket"]["number"])
    assert seen is not None
    [link] = seen["links"]
    assert (link["kind"], link["isLater"], link["ticket"]["id"]) == (
        "FOLLOW_UP",
        False,
        ticket["id"],
    )


REFUSED: Final[Sequence[tuple[str, Mapping[str, Any], str]]] = [
    ("TicketSchedule", {"until": "2001-01-01T00:00:00Z"}, "TicketMoveNotPossibleProblem"),
    ("TicketRename", {"subject": ""}, "ValidationProblem"),
    ("TicketTag", {"tags": ["x" * 65]}, "ValidationProblem"),
    ("TicketRequesterSet", {"requester": {"email": "nobody"}}, "ValidationProblem"),
    ("TicketRequesterSet", {"requester": {"userId": "nobody"}}, "NotFoundProblem"),
    ("TicketReopen", {"reason": "x" * 100_001}, "ValidationProblem"),
    ("TicketResolve", {"resolution": "SOLVED", "note": "x" * 10_001}, "ValidationProblem"),
    ("TicketQueueSet", {"queueId": encode_id("Queue", 7)}, "NotFoundProblem"),
    ("TicketClassify", {"categoryId": encode_id("TicketCategory", 7)}, "NotFoundProblem"),
    ("TicketReply", {"bodyMarkdown": "x", "then": {"status": "SPAM"}}, "ValidationProblem"),
    (
        "TicketReply",
        {"bodyMarkdown": "x", "then": {"status": "RESOLVED"}},
        "TicketMoveNotPossibleProblem",
    ),
    ("TicketUnmarkSpam", {}, "TicketMoveNotPossibleProblem"),
    ("TicketReturn", {"note": "x"}, "TicketMoveNotPossibleProblem"),
    ("TicketEscalate", {"reason": "", "checklist": []}, "TicketMoveNotPossibleProblem"),
]


async def test_refusals_are_typed_and_change_nothing(customer: Member, agent: Member) -> None:
    for operation, more, typename in REFUSED:
        ticket = await customer.ask_for()
        before, events = await stored(ticket), await TicketEvent.all().count()
        answer = await agent.change(operation, id=ticket["id"], **more)

        assert answer["__typename"] == typename, answer
        assert answer["message"]
        assert (await stored(ticket)).revision == before.revision
        assert await TicketEvent.all().count() == events


async def test_those_to_whom_tickets_can_be_given_are_people_of_the_desk_who_may_write(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    people = {role: await join(client, ports, role) for role in ("second_line", "administrator")}
    others = [await join(client, ports, role) for role in ("developer", "auditor", "partner")]
    gone = await join(client, ports, "first_line")
    await User.filter(id=gone.user.id).update(deactivated_at=ports.clock.now())
    ticket = await customer.ask_for()
    listed = (await agent.portal.ask("TicketAssignees"))["ticketAssignees"]

    assert {each["id"] for each in listed} == {agent.id, *(each.id for each in people.values())}
    for each in listed:
        given = await agent.change("TicketAssign", id=ticket["id"], assigneeId=each["id"])
        assert given["ticket"]["assignee"]["id"] == each["id"]
    for other in (customer, gone, *others):
        refused = await agent.change("TicketAssign", id=ticket["id"], assigneeId=other.id)
        assert (refused["__typename"], refused["path"]) == ("NotFoundProblem", ["assigneeId"])


@pytest.mark.parametrize("operation", ["TicketAssign", "TicketFollow"])
async def test_only_people_of_the_desk_can_be_given_a_ticket(
    client: Client, ports: Ports, customer: Member, agent: Member, operation: str
) -> None:
    ticket = await customer.ask_for()
    colleague = await join(client, ports, "second_line")
    name = "assigneeId" if operation == "TicketAssign" else "userId"
    good = await agent.change(operation, id=ticket["id"], **{name: colleague.id})
    bad = await agent.change(operation, id=ticket["id"], **{name: encode_id("User", 7)})

    assert good["__typename"] == f"{operation}Success"
    assert bad["__typename"] in {"NotFoundProblem", "ValidationProblem"}
    seen = await agent.see(ticket["number"])
    assert seen is not None
    assert colleague.id in repr([seen["assignee"], seen["followers"]])
    by_customer = await customer.see(ticket["number"])
    assert by_customer is not None
    assert (by_customer["assignee"], by_customer["followers"]) == (None, [])


async def test_every_move_of_the_table_has_a_mutation_or_a_job() -> None:
    by_jobs = {"WAKE", "CLOSE_BY_TIME", "CUSTOMER_REPLY", "DESK_REPLY"}
    operations = ["TicketMerge", *(operation for operation, _ in STEPS.values())]
    by_people = {operation.removeprefix("Ticket").lower() for operation in operations}

    left = [move for move in TicketMove if move.replace("_", "").lower() not in by_people]
    assert {move.value for move in left} == by_jobs
