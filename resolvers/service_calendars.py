"""Working calendars: administrators make them and publish new versions, the desk looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import NameTakenError, NotFoundError, RevisionConflictError, ValueInvalidError
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.business_time import BusinessTime, CalendarVersion
from models.rules.calendar_checks import check_calendar
from models.rules.calendar_format import calendar_from_json, calendar_to_json
from models.rules.calendar_years import YearPreview, preview_year
from models.rules.calendars import Calendar, DayRule, HolidaySource
from models.rules.plain_text import check_name
from models.rules.policy_format import budgets_from_json
from models.rules.service_policies import check_reachable
from models.rules.working_hours import DayHours
from models.service_calendars import (
    MAX_CALENDAR_NAME_LENGTH,
    ServiceCalendar,
    ServiceCalendarVersion,
)
from models.service_policies import ServicePolicy
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID
from resolvers.service_book import (
    add_version,
    load_times,
    newest_version,
    renew_generation,
    seconds_of,
)
from resolvers.ticket_filters import is_desk, require_desk, require_desk_administrator

_FIRST: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDraft:
    """What somebody wants a calendar to say, see models.rules.calendar_checks.check_calendar."""

    zone: str
    week: Sequence[DayHours]
    holidays: HolidaySource = HolidaySource.NONE
    days: Sequence[tuple[date, DayRule]] = field(default_factory=tuple[tuple[date, DayRule], ...])

    def checked(self) -> Calendar:
        """Return the calendar.

        Raises:
            InputInvalidError, ValueInvalidError, TextTooLongError: see check_calendar.
        """
        return check_calendar(
            zone=self.zone, week=self.week, holidays=self.holidays, days=self.days
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCalendarView:
    """A calendar with the version that was published last.

    Attributes:
        row: the calendar.
        version: its newest version, which may be still to come.
        calendar: what that says.
    """

    row: ServiceCalendar
    version: ServiceCalendarVersion
    calendar: Calendar


async def list_calendars(context: RequestContext) -> list[ServiceCalendarView]:
    """Return every calendar, by name. For the desk."""
    require_desk(context.viewer, writes=False)
    rows = await ServiceCalendar.all().using_db(reader()).order_by("name")
    versions = ServiceCalendarVersion.all().using_db(reader()).order_by("number")
    newest = {version.calendar_id: version for version in await versions}
    return [_view(row, newest[row.id]) for row in rows if row.id in newest]


async def calendars_by_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[ServiceCalendarView | None]:
    """Return calendars by id in the order of `ids`; None for all but the desk."""
    found: dict[int, ServiceCalendarView] = {}
    if is_desk(context.viewer):
        found = {view.row.id: view for view in await list_calendars(context)}
    return [found.get(each) for each in ids]


async def calendar_versions(
    context: RequestContext, *, calendar_id: int
) -> list[ServiceCalendarVersion]:
    """Return all versions of a calendar, the newest first; none of one there is not."""
    require_desk(context.viewer, writes=False)
    wanted = calendar_id if 0 <= calendar_id <= MAX_ID else -1
    rows = ServiceCalendarVersion.filter(calendar_id=wanted).using_db(reader())
    return await rows.order_by("-number")


async def create_calendar(
    context: RequestContext, *, name: str, draft: CalendarDraft
) -> ServiceCalendarView:
    """Make a calendar.

    Args:
        context: of who tends the desk.
        name: that no other calendar has.
        draft: what it says.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NameTakenError: another calendar has the name.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: name or draft.
    """
    require_desk_administrator(context.viewer)
    now = context.ports.clock.now()
    row = ServiceCalendar(name=check_name(name, length=MAX_CALENDAR_NAME_LENGTH))
    calendar = draft.checked()
    version = _version(context, row, calendar, number=_FIRST, valid_from=now)
    try:
        async with in_transaction("default") as connection:
            await renew_generation(connection)
            await row.save(using_db=connection)
            await version.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.SERVICE_CALENDAR_CREATE,
                subject_id=row.id,
                after={"name": row.name, **_told(version)},
            )
    except IntegrityError:
        raise NameTakenError(name=row.name) from None
    return _view(row, version)


async def publish_calendar(
    context: RequestContext,
    *,
    calendar_id: int,
    draft: CalendarDraft,
    valid_from: datetime | None = None,
    if_revision: int | None = None,
) -> ServiceCalendarView:
    """Let a calendar say something else from a moment on.

    What was counted until then stays; clocks that run are counted anew from the moment on,
    soon after this. Versions that were to count from the same moment or a later one do not.

    Args:
        context: of who tends the desk.
        calendar_id: of the calendar.
        draft: what it says.
        valid_from: not in the past; None at once.
        if_revision: the newest version that the viewer knows of.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such calendar.
        RevisionConflictError: somebody published since `if_revision`.
        ValueInvalidError: the moment has passed; a policy in force would promise what
            never falls due.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: the draft.
    """
    require_desk_administrator(context.viewer)
    calendar, now = draft.checked(), context.ports.clock.now()
    if valid_from is not None and valid_from < now:
        raise ValueInvalidError(path=("validFrom",), reason="past")
    async with in_transaction("default") as connection:
        await renew_generation(connection)
        row = await _locked(connection, calendar_id, if_revision)
        before = await _newest(connection, row)
        row.revision += 1
        version = _version(
            context, row, calendar, number=row.revision, valid_from=valid_from or now
        )
        await _check_promises(context, connection, version, calendar)
        await row.save(using_db=connection)
        await version.save(using_db=connection)
        await log_action(
            context,
            connection,
            AuditAction.SERVICE_CALENDAR_UPDATE,
            subject_id=row.id,
            before=_told(before),
            after=_told(version),
        )
    return _view(row, version)


async def rename_calendar(
    context: RequestContext, *, calendar_id: int, name: str
) -> ServiceCalendar:
    """Give a calendar another name; what it says stays.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such calendar.
        NameTakenError: another calendar has the name.
        ValueRequiredError, TextTooLongError, ValueInvalidError: the name.
    """
    require_desk_administrator(context.viewer)
    name = check_name(name, length=MAX_CALENDAR_NAME_LENGTH)
    try:
        async with in_transaction("default") as connection:
            row = await _locked(connection, calendar_id, None)
            if row.name != name:
                before, row.name = row.name, name
                await row.save(using_db=connection)
                await log_action(
                    context,
                    connection,
                    AuditAction.SERVICE_CALENDAR_UPDATE,
                    subject_id=row.id,
                    before={"name": before},
                    after={"name": name},
                )
    except IntegrityError:
        raise NameTakenError(name=name) from None
    return row


async def preview_calendar(
    context: RequestContext, *, draft: CalendarDraft, year: int
) -> YearPreview:
    """Return a year of a calendar that nobody has published yet. For who tends the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: the
            draft, or the year.
    """
    require_desk_administrator(context.viewer)
    return preview_year(draft.checked(), year)


async def preview_year_of(context: RequestContext, *, calendar: Calendar, year: int) -> YearPreview:
    """Return a year of a published calendar. For the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        ValueInvalidError: the year.
    """
    require_desk(context.viewer, writes=False)
    return preview_year(calendar, year)


def _view(row: ServiceCalendar, version: ServiceCalendarVersion) -> ServiceCalendarView:
    return ServiceCalendarView(
        row=row, version=version, calendar=calendar_from_json(version.definition)
    )


def _version(
    context: RequestContext,
    row: ServiceCalendar,
    calendar: Calendar,
    *,
    number: int,
    valid_from: datetime,
) -> ServiceCalendarVersion:
    return ServiceCalendarVersion(
        created_at=context.ports.clock.now(),
        calendar_id=row.id,
        number=number,
        valid_from=valid_from,
        definition=calendar_to_json(calendar),
        author_id=context.viewer.user_id,
    )


def _told(version: ServiceCalendarVersion) -> dict[str, object]:
    return {
        "number": version.number,
        "valid_from": version.valid_from,
        "definition": orjson.loads(version.definition),
    }


async def _locked(
    connection: BaseDBAsyncClient, calendar_id: int, if_revision: int | None
) -> ServiceCalendar:
    rows = ServiceCalendar.filter(id=calendar_id if 0 <= calendar_id <= MAX_ID else -1)
    row = await rows.using_db(connection).select_for_update(no_key=True).first()
    if row is None:
        raise NotFoundError
    if if_revision is not None and if_revision != row.revision:
        raise RevisionConflictError(current_revision=row.revision)
    return row


async def _newest(connection: BaseDBAsyncClient, row: ServiceCalendar) -> ServiceCalendarVersion:
    versions = ServiceCalendarVersion.filter(calendar_id=row.id).using_db(connection)
    version = await versions.order_by("-number").first()
    if version is None:
        raise LookupError("a calendar has at least one version")
    return version


async def _check_promises(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    version: ServiceCalendarVersion,
    calendar: Calendar,
) -> None:
    """Refuse a version by which a policy in force would promise what never falls due."""
    times = await load_times(connection)
    versions = list(times[version.calendar_id].versions)
    from_s = seconds_of(version.valid_from)
    add_version(versions, CalendarVersion(version.number, from_s, calendar))
    time = BusinessTime(versions)
    begin_s = max(from_s, seconds_of(context.ports.clock.now()))
    for policy in await ServicePolicy.filter(archived_at=None).using_db(connection):
        terms = await newest_version(connection, policy)
        if terms.calendar_id == version.calendar_id:
            check_reachable(budgets_from_json(terms.budgets), time, begin_s)
