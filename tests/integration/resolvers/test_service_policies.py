"""Administrators make calendars and policies; the desk reads them."""

import asyncio
from datetime import date

import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    InputInvalidError,
    NameTakenError,
    NotFoundError,
    ReachNotHeldError,
    RevisionConflictError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.calendars import DayOff
from models.rules.policy_format import budgets_from_json
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.scopes import Scope
from models.rules.service_clocks import ClockKind
from models.rules.severities import TicketSeverity
from models.rules.ticket_states import TicketLine
from models.service_calendars import ServiceCalendar, ServiceCalendarVersion
from models.service_policies import ServicePolicy, ServicePolicyVersion
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.personal_data import person_parts
from resolvers.ports import Ports
from resolvers.service_calendars import (
    CalendarDraft,
    calendar_versions,
    create_calendar,
    list_calendars,
    preview_calendar,
    publish_calendar,
    rename_calendar,
)
from resolvers.service_policies import (
    PolicyConditions,
    PolicyDraft,
    archive_policy,
    create_policy,
    list_policies,
    publish_policy,
)
from tests.factories import as_person, make_built_in, make_organization, make_user
from tests.fakes import FixedClock
from tests.service_terms import ANY, BUDGETS, HOUR, make_calendar, make_policy, moscow, office

SECOND = PolicyConditions(lines=frozenset({TicketLine.SECOND}))


@pytest.fixture
async def admin(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = moscow("23T08:00")
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def _actions() -> list[str]:
    return [each.action for each in await AuditEntry.all().order_by("id")]


async def test_a_calendar_is_listed_with_its_newest_version(admin: RequestContext) -> None:
    made = await make_calendar(admin, " Office ")
    await publish_calendar(
        admin,
        calendar_id=made.row.id,
        draft=office("10:00-19:00"),
        valid_from=moscow("30T00:00"),
        if_revision=1,
    )

    [found] = await list_calendars(admin)
    assert (found.row.name, found.row.revision, found.version.number) == ("Office", 2, 2)
    assert found.calendar == office("10:00-19:00").checked()
    versions = await calendar_versions(admin, calendar_id=made.row.id)
    assert [(each.number, each.valid_from) for each in versions] == [
        (2, moscow("30T00:00")),
        (1, moscow("23T08:00")),
    ]
    assert await _actions() == ["service_calendar.create", "service_calendar.update"]


async def test_a_calendar_can_be_named_anew(admin: RequestContext) -> None:
    made = await make_calendar(admin)
    await make_calendar(admin, "Other")

    with pytest.raises(NameTakenError):
        await rename_calendar(admin, calendar_id=made.row.id, name="Other")
    await rename_calendar(admin, calendar_id=made.row.id, name="Bureau")

    assert [each.row.name for each in await list_calendars(admin)] == ["Bureau", "Other"]
    with pytest.raises(NameTakenError):
        await make_calendar(admin, "Bureau")
    assert await ServiceCalendar.all().count() == 2


async def test_a_wrong_calendar_is_refused_whole(admin: RequestContext) -> None:
    draft = CalendarDraft(
        zone="Nowhere", week=((),) * 7, days=[(date(2026, 1, 1), DayOff("x" * 101))]
    )

    with pytest.raises(InputInvalidError) as refused:
        await create_calendar(admin, name="Office", draft=draft)

    assert [each.path[0] for each in refused.value.problems] == ["timeZone", "week", "days"]
    assert await ServiceCalendarVersion.all().count() == 0
    assert await _actions() == []


async def test_the_past_of_a_calendar_stays_as_it_was(
    admin: RequestContext, clock: FixedClock
) -> None:
    made = await make_calendar(admin)
    clock.at = moscow("24T08:00")

    with pytest.raises(ValueInvalidError) as refused:
        await publish_calendar(
            admin, calendar_id=made.row.id, draft=office(), valid_from=moscow("24T07:59")
        )

    assert (refused.value.path, refused.value.reason) == (("validFrom",), "past")
    assert await ServiceCalendarVersion.all().count() == 1


async def test_of_two_who_publish_the_second_is_told(admin: RequestContext) -> None:
    made = await make_calendar(admin)

    results = await asyncio.gather(
        *(
            publish_calendar(admin, calendar_id=made.row.id, draft=office(), if_revision=1)
            for _ in range(2)
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in results) == [
        "RevisionConflictError",
        "ServiceCalendarView",
    ]
    assert (await ServiceCalendar.get(id=made.row.id)).revision == 2


async def test_a_calendar_that_breaks_a_promise_is_refused(admin: RequestContext) -> None:
    made = await make_calendar(admin)
    await make_policy(admin, calendar_id=made.row.id, budgets={ClockKind.RESOLUTION: 300 * HOUR})
    minute = CalendarDraft(zone="UTC", week=(office("09:00-09:01").week[0],) + ((),) * 6)

    with pytest.raises(ValueInvalidError) as refused:
        await publish_calendar(admin, calendar_id=made.row.id, draft=minute)

    assert (refused.value.path, refused.value.reason) == (
        ("budgets", "resolutionMinutes"),
        "budget_never",
    )
    assert (await ServiceCalendar.get(id=made.row.id)).revision == 1


async def test_a_preview_publishes_nothing(admin: RequestContext) -> None:
    preview = await preview_calendar(admin, draft=office(), year=2026)

    assert (preview.working_days, preview.is_official) == (247, True)
    assert await ServiceCalendar.all().count() == 0


async def test_policies_are_listed_the_default_first(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    await make_policy(admin, "Anybody", calendar_id=calendar.row.id, conditions=SECOND)
    default = await make_policy(admin, "Rest", calendar_id=calendar.row.id)

    found = await list_policies(admin)

    assert [(each.row.name, each.version.conditions) for each in found] == [
        ("Rest", "{}"),
        ("Anybody", '{"LINE":["SECOND"]}'),
    ]
    assert budgets_from_json(default.version.budgets) == BUDGETS


async def test_there_is_one_default_in_force(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    first = await make_policy(admin, "First", calendar_id=calendar.row.id)

    with pytest.raises(ValueInvalidError) as refused:
        await make_policy(admin, "Second", calendar_id=calendar.row.id)
    await archive_policy(admin, policy_id=first.row.id, if_revision=1)
    await make_policy(admin, "Third", calendar_id=calendar.row.id)

    assert (refused.value.path, refused.value.reason, refused.value.params) == (
        ("default",),
        "default_taken",
        {"name": "First"},
    )
    assert [each.row.name for each in await list_policies(admin)] == ["Third"]
    everything = await list_policies(admin, with_archived=True)
    assert sorted(each.row.name for each in everything) == ["First", "Third"]


async def test_only_one_of_two_racing_defaults_wins(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)

    results = await asyncio.gather(
        *(make_policy(admin, f"Policy {n}", calendar_id=calendar.row.id) for n in range(2)),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in results) == [
        "ServicePolicyView",
        "ValueInvalidError",
    ]
    assert await ServicePolicy.filter(is_default=True).count() == 1


async def test_two_policies_cannot_have_the_same_conditions(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    await make_policy(admin, "First", calendar_id=calendar.row.id, conditions=SECOND)

    with pytest.raises(ValueInvalidError) as refused:
        await make_policy(admin, "Second", calendar_id=calendar.row.id, conditions=SECOND)

    assert (refused.value.path, refused.value.reason) == (("conditions",), "conditions_taken")
    assert await ServicePolicyVersion.all().count() == 1


async def test_a_blank_policy_is_no_catch_all(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    blank = PolicyDraft(calendar_id=calendar.row.id, conditions=ANY, budgets=BUDGETS)
    empty = PolicyDraft(
        calendar_id=calendar.row.id,
        conditions=PolicyConditions(severities=frozenset[TicketSeverity]()),
        budgets=BUDGETS,
    )

    for draft, path in ((blank, ("conditions",)), (empty, ("conditions", "severities"))):
        with pytest.raises(ValueRequiredError) as refused:
            await create_policy(admin, name="Blank", draft=draft)
        assert refused.value.path == path
    assert await ServicePolicy.all().count() == 0


async def test_a_policy_needs_a_calendar_and_organizations_that_exist(
    admin: RequestContext,
) -> None:
    calendar = await make_calendar(admin)
    company = await make_organization()
    both = PolicyConditions(organization_ids=frozenset({company.id, 7}))
    known = PolicyConditions(organization_ids=frozenset({company.id}))

    with pytest.raises(NotFoundError) as without_calendar:
        await make_policy(admin, calendar_id=7)
    with pytest.raises(NotFoundError) as without_company:
        await make_policy(admin, calendar_id=calendar.row.id, conditions=both)
    made = await make_policy(admin, calendar_id=calendar.row.id, conditions=known)

    assert without_calendar.value.path == ("calendarId",)
    assert without_company.value.path == ("conditions", "organizationIds")
    assert made.version.conditions == f'{{"ORGANIZATION":["{company.id}"]}}'
    assert await ServicePolicy.all().count() == 1


async def test_a_policy_changes_by_a_new_version(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    made = await make_policy(admin, "Second line", calendar_id=calendar.row.id, conditions=SECOND)
    draft = PolicyDraft(
        calendar_id=calendar.row.id,
        conditions=SECOND,
        budgets={ClockKind.RESOLUTION: HOUR},
        warn_at=(80,),
    )

    await publish_policy(admin, policy_id=made.row.id, draft=draft, if_revision=1)
    with pytest.raises(RevisionConflictError):
        await publish_policy(admin, policy_id=made.row.id, draft=draft, if_revision=1)

    versions = await ServicePolicyVersion.all().order_by("number")
    assert [(each.number, each.budgets, each.warn_at) for each in versions][1:] == [
        (2, '{"RESOLUTION":3600}', "[80]")
    ]
    assert (await _actions())[-1] == "service_policy.update"


async def test_an_archived_policy_changes_no_more(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    made = await make_policy(admin, calendar_id=calendar.row.id)
    await archive_policy(admin, policy_id=made.row.id)
    again = await archive_policy(admin, policy_id=made.row.id)
    draft = PolicyDraft(calendar_id=calendar.row.id, conditions=ANY, budgets=BUDGETS)

    with pytest.raises(NotFoundError):
        await publish_policy(admin, policy_id=made.row.id, draft=draft)

    assert again.archived_at is not None
    assert (await _actions()).count("service_policy.archive") == 1


async def test_the_desk_reads_and_administrators_write(admin: RequestContext, ports: Ports) -> None:
    calendar = await make_calendar(admin)
    agent = as_person(ports, await make_built_in(FIRST_LINE))
    customer = as_person(ports, await make_built_in(CUSTOMER))
    near = as_person(ports, await make_user(reach=Reach.ORGANIZATION))

    assert len(await list_calendars(agent)) == 1
    assert await list_policies(agent) == []
    for person in (agent, customer):
        with pytest.raises(NotPermittedError):
            await make_calendar(person, "Mine")
        with pytest.raises(NotPermittedError):
            await make_policy(person, calendar_id=calendar.row.id)
        with pytest.raises(NotPermittedError):
            await archive_policy(person, policy_id=1)
        with pytest.raises(NotPermittedError):
            await preview_calendar(person, draft=office(), year=2026)
    for read in (list_calendars, list_policies):
        with pytest.raises(NotPermittedError) as refused:
            await read(customer)
        assert refused.value.scope is Scope.TICKET_STAFF
    with pytest.raises(ReachNotHeldError):
        await publish_calendar(near, calendar_id=calendar.row.id, draft=office())
    assert await ServiceCalendar.all().count() == 1
    assert await ServicePolicy.all().count() == 0


async def test_what_is_not_there_is_not_found(admin: RequestContext) -> None:
    draft = PolicyDraft(calendar_id=1, conditions=ANY, budgets=BUDGETS)
    for number in (1, -1, 2**63):
        with pytest.raises(NotFoundError):
            await publish_calendar(admin, calendar_id=number, draft=office())
        with pytest.raises(NotFoundError):
            await publish_policy(admin, policy_id=number, draft=draft)
        with pytest.raises(NotFoundError):
            await archive_policy(admin, policy_id=number)
        assert await calendar_versions(admin, calendar_id=number) == []


async def test_who_published_is_told_what(admin: RequestContext) -> None:
    calendar = await make_calendar(admin)
    policy = await make_policy(admin, calendar_id=calendar.row.id)
    assert admin.viewer.user_id is not None
    person = await User.get(id=admin.viewer.user_id)

    parts = {part: rows async for part, rows in person_parts(admin, person)}

    assert [row["calendar_id"] for row in parts["service_calendars"]] == [str(calendar.row.id)]
    assert [row["policy_id"] for row in parts["service_policies"]] == [str(policy.row.id)]
