"""Calendars, policies and clocks over HTTP: made by administrators, read by the desk."""

from datetime import timedelta
from typing import Any, Final

import pytest

from models.service_calendars import ServiceCalendar
from models.service_policies import ServicePolicy
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk_members import Member, join
from tests.fakes import FixedClock
from tests.portal import Client
from tests.service_terms import moscow

WORKDAY: Final = [{"start": "09:00", "end": "13:00"}, {"start": "14:00", "end": "18:00"}]
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")
WEEK: Final = dict.fromkeys(DAYS, WORKDAY)
OFFICE: Final[dict[str, Any]] = {
    "timeZone": "Europe/Moscow",
    "week": WEEK,
    "holidays": "RUSSIA",
    "days": [{"day": "2026-11-30", "name": "Moving", "rule": {"off": True}}],
}
TERMS: Final = {"firstResponseMinutes": 60, "resolutionMinutes": 960}


@pytest.fixture
async def admin(client: Client, ports: Ports, clock: FixedClock, database: None) -> Member:
    clock.at = moscow("23T08:00")
    return await join(client, ports, "administrator")


async def _calendar(admin: Member, name: str = "Office", **draft: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = await admin.change("ServiceCalendarCreate", name=name, **{**OFFICE, **draft})
    assert answer["__typename"] == "ServiceCalendarCreateSuccess", answer
    found: dict[str, Any] = answer["calendar"]
    return found


async def _policy(admin: Member, calendar: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    draft = {"name": "Everybody", "default": True, "budgets": TERMS, **more}
    answer = await admin.change("ServicePolicyCreate", calendarId=calendar["id"], **draft)
    assert answer["__typename"] == "ServicePolicyCreateSuccess", answer
    found: dict[str, Any] = answer["policy"]
    return found


def _fields(answer: dict[str, Any]) -> list[str]:
    assert answer["__typename"] == "ValidationProblem", answer
    return [".".join(each["path"]) for each in answer["fieldProblems"]]


async def test_a_calendar_is_looked_through_made_and_shown(admin: Member) -> None:
    draft = await admin.portal.ask("ServiceCalendarPreview", draft=OFFICE, year=2026)
    preview = draft["serviceCalendarPreview"]
    made = await _calendar(admin)
    node = (await admin.portal.ask("ServiceCalendarYear", id=made["id"], year=2028))["node"]

    assert (preview["workingDays"], preview["official"]) == (246, True)
    assert preview["decree"] == "Постановление Правительства РФ от 24.09.2025 № 1466"
    assert {"day": "2026-11-30", "reason": "OWN_DAY_OFF", "name": "Moving", "hours": []} in (
        preview["differingDays"]
    )
    assert (node["preview"]["official"], node["preview"]["decree"]) == (False, None)
    assert [each["weekday"] for each in made["week"] if each["hours"] == WORKDAY] == [
        each.upper() for each in DAYS
    ]
    assert made["ownDays"] == [
        {
            "day": "2026-11-30",
            "name": "Moving",
            "off": True,
            "shortenedByMinutes": None,
            "likeWeekday": None,
            "hours": [],
        }
    ]
    listed = (await admin.portal.ask("ServiceCalendars"))["serviceCalendars"]
    assert [(each["name"], each["revision"]) for each in listed] == [("Office", 1)]


async def test_every_wrong_field_of_a_calendar_is_named(admin: Member) -> None:
    night = {"start": "22:00", "end": "06:00"}
    wrong = {
        **OFFICE,
        "week": {"monday": [night], "tuesday": [{"start": "noon", "end": "18:00"}]},
        "days": [{"day": "2026-11-30", "rule": {"shortenedByMinutes": 0}}],
    }

    preview = await admin.portal.ask("ServiceCalendarPreview", draft=wrong, year=2026)
    made = await admin.change("ServiceCalendarCreate", name="Office", **wrong)

    assert _fields(preview["serviceCalendarPreview"]) == _fields(made)
    assert _fields(made) == [
        "week.monday.0.end",
        "week.tuesday.0.start",
        "days.0.rule.shortenedByMinutes",
    ]
    assert await ServiceCalendar.all().count() == 0


async def test_a_calendar_changes_by_versions_and_names_are_unique(admin: Member) -> None:
    made = await _calendar(admin)
    other = await _calendar(admin, "Other")
    change = {"id": made["id"], **OFFICE, "days": [], "ifRevision": 1}

    published = await admin.change("ServiceCalendarPublish", **change)
    late = await admin.change("ServiceCalendarPublish", **change)
    past = await admin.change(
        "ServiceCalendarPublish", **{**change, "ifRevision": 2, "validFrom": "2026-01-01T00:00:00Z"}
    )
    taken = await admin.change("ServiceCalendarRename", id=other["id"], name="Office")
    renamed = await admin.change("ServiceCalendarRename", id=other["id"], name="Bureau")
    absent = await admin.change("ServiceCalendarRename", id=made["id"][:-4], name="X")

    assert (published["calendar"]["revision"], published["calendar"]["ownDays"]) == (2, [])
    assert (late["__typename"], late["currentRevision"]) == ("RevisionConflictProblem", 2)
    assert _fields(past) == ["validFrom"]
    assert taken["__typename"] == "NameTakenProblem"
    assert (renamed["name"], renamed["calendarId"]) == ("Bureau", other["id"])
    assert absent["__typename"] == "NotFoundProblem"


async def test_a_policy_is_made_changed_and_archived(admin: Member) -> None:
    calendar = await _calendar(admin)
    conditions = {"severities": ["MAJOR", "CRITICAL"], "lines": ["SECOND"]}
    made = await _policy(admin, calendar, name="Severe", default=False, conditions=conditions)
    draft = {"id": made["id"], "calendarId": calendar["id"], "conditions": conditions}

    published = await admin.change(
        "ServicePolicyPublish", **draft, budgets={"resolutionMinutes": 30}, warnAt=[80]
    )
    archived = await admin.change("ServicePolicyArchive", id=made["id"], ifRevision=2)
    late = await admin.change("ServicePolicyArchive", id=made["id"], ifRevision=1)

    assert made["conditions"] == [
        {"field": "SEVERITY", "values": ["CRITICAL", "MAJOR"]},
        {"field": "LINE", "values": ["SECOND"]},
    ]
    assert made["budgets"] == [
        {"kind": "FIRST_RESPONSE", "minutes": 60},
        {"kind": "RESOLUTION", "minutes": 960},
    ]
    assert (made["warnAt"], made["calendar"]["name"]) == ([50, 75, 90], "Office")
    assert published["policy"]["budgets"] == [{"kind": "RESOLUTION", "minutes": 30}]
    assert published["policy"]["warnAt"] == [80]
    assert archived["policyId"] == made["id"]
    assert late["__typename"] == "RevisionConflictProblem"
    assert (await admin.portal.ask("ServicePolicies"))["servicePolicies"] == []
    [found] = (await admin.portal.ask("ServicePolicies", archived=True))["servicePolicies"]
    assert found["archivedAt"] == "2026-11-23T05:00:00.000Z"


async def test_a_wrong_policy_is_refused_with_its_fields(admin: Member) -> None:
    calendar = await _calendar(admin)
    await _policy(admin, calendar)

    async def refusal(**draft: Any) -> list[str]:  # noqa: ANN401 - JSON
        values = {"name": "X", "calendarId": calendar["id"], "budgets": TERMS, **draft}
        return _fields(await admin.change("ServicePolicyCreate", **values))

    assert await refusal() == ["conditions"]
    assert await refusal(conditions={"kinds": []}) == ["conditions.kinds"]
    assert await refusal(default=True) == ["default"]
    assert await refusal(default=True, budgets={}) == ["budgets"]
    assert await refusal(
        default=True, budgets={"firstResponseMinutes": 0, "resolutionMinutes": -5}
    ) == [
        "budgets.firstResponseMinutes",
        "budgets.resolutionMinutes",
        "budgets.resolutionMinutes",
    ]
    assert await refusal(default=True, warnAt=[90, 50]) == ["warnAt"]
    nowhere = await admin.change(
        "ServicePolicyCreate", name="X", calendarId="x", default=True, budgets=TERMS
    )
    taken = await admin.change(
        "ServicePolicyCreate",
        name="Everybody",
        calendarId=calendar["id"],
        conditions={"organizationIds": [encode_id("Organization", 7)]},
        budgets=TERMS,
    )
    assert (nowhere["__typename"], nowhere["path"]) == ("NotFoundProblem", ["calendarId"])
    assert (taken["__typename"], taken["path"]) == (
        "NotFoundProblem",
        ["conditions", "organizationIds"],
    )
    assert await ServicePolicy.all().count() == 1


async def test_the_desk_sees_the_clocks_of_a_ticket_and_customers_none(
    admin: Member, client: Client, ports: Ports, clock: FixedClock
) -> None:
    policy = await _policy(admin, await _calendar(admin))
    customer, agent = await join(client, ports, "customer"), await join(client, ports, "first_line")
    clock.at = moscow("23T09:00")
    ticket = await customer.ask_for()
    clock.at += timedelta(minutes=30)

    seen, theirs = await agent.see(ticket["number"]), await customer.see(ticket["number"])

    assert seen is not None
    assert theirs is not None
    assert theirs["clocks"] == []
    first, resolution = seen["clocks"]
    assert first == {
        "kind": "FIRST_RESPONSE",
        "round": 1,
        "state": "RUNNING",
        "pausedFor": None,
        "budgetSeconds": 3600,
        "usedSeconds": 1800,
        "deadlineAt": "2026-11-23T07:00:00.000Z",
        "deadlineOfficial": True,
        "metAt": None,
        "breachedAt": None,
        "lateBySeconds": None,
        "policy": {"id": policy["id"], "name": "Everybody"},
    }
    assert (resolution["kind"], resolution["deadlineAt"]) == (
        "RESOLUTION",
        "2026-11-24T15:00:00.000Z",
    )


async def test_the_log_of_a_clock_says_why_it_is_late(
    admin: Member, client: Client, ports: Ports, clock: FixedClock
) -> None:
    calendar = await _calendar(admin)
    policy = await _policy(admin, calendar)
    customer, agent = await join(client, ports, "customer"), await join(client, ports, "first_line")
    clock.at = moscow("23T09:00")
    ticket = await customer.ask_for()
    await admin.change(
        "ServicePolicyPublish",
        id=policy["id"],
        calendarId=calendar["id"],
        budgets={"firstResponseMinutes": 30},
        warnAt=[],
    )
    clock.at = moscow("23T10:00")
    await agent.change("TicketReply", id=ticket["id"], bodyMarkdown="Try again.")

    asked = await agent.portal.ask("TicketClockLog", number=ticket["number"])

    first, resolution = asked["ticket"]["clocks"]
    assert [
        (each["kind"], each["at"][11:16], each["usedSeconds"], each["lateBySeconds"])
        for each in first["log"]
    ] == [
        ("STARTED", "06:00", 0, None),
        ("WARNED", "06:30", 1800, None),
        ("WARNED", "06:45", 2700, None),
        ("WARNED", "06:54", 3240, None),
        ("MET", "07:00", 3600, 0),
    ]
    assert resolution["log"][-1]["kind"] == "PAUSED"
    assert resolution["log"][-1]["pausedFor"] == "NOT_PROMISED"


async def test_only_administrators_of_the_desk_change_terms(
    client: Client, ports: Ports, database: None
) -> None:
    agent = await join(client, ports, "first_line")

    refused = await agent.change("ServiceCalendarCreate", name="Mine", **OFFICE)

    assert (refused["__typename"], refused["scope"]) == ("ForbiddenProblem", "USER_ADMIN")
    assert await ServiceCalendar.all().count() == 0
