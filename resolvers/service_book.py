"""The service terms in force: policies, and the working time of every calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.ids import new_id
from models.orm import placeholders
from models.raw_sql import execute, fetch
from models.rules.business_time import BusinessTime, CalendarVersion
from models.rules.calendar_format import calendar_from_json
from models.rules.clock_plans import Promise
from models.rules.policy_format import budgets_from_json, conditions_from_json, percents_from_json
from models.rules.production_calendar import DECREES_DIGEST
from models.rules.service_clocks import ClockKind, Terms
from models.rules.service_policies import PolicyChoice, PolicyField, PolicyRow, choose_policy
from models.service_calendars import ServiceCalendarVersion
from models.service_policies import ServicePolicy, ServicePolicyVersion, ServiceTermsState

_ROW: Final = 1  # of service_terms_state
_KEPT: Final = 4  # books
NO_GENERATION: Final = 0  # nobody has set any terms


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTerms:
    """The newest version of a policy.

    Attributes:
        version: its number.
        calendar_id: of the calendar that counts its working time.
        budgets: working seconds; a kind that is absent is not promised.
        warn_at: percents.
    """

    version: int
    calendar_id: int
    budgets: Mapping[ClockKind, int]
    warn_at: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsBook:
    """All terms of one generation.

    Attributes:
        generation: see models.service_policies.ServiceTermsState.
        rows: policies in force, as the choice reads them.
        policies: their newest versions, by policy.
        times: working time by calendar, of all calendars that ever were.
        calendar_versions: number of the newest version, by calendar.
    """

    generation: int = NO_GENERATION
    rows: Sequence[PolicyRow] = ()
    policies: Mapping[int, PolicyTerms]
    times: Mapping[int, BusinessTime]
    calendar_versions: Mapping[int, int]

    def choose(self, case: Mapping[PolicyField, str | None]) -> PolicyChoice:
        """Return the policy of a ticket."""
        return choose_policy(self.rows, case)

    def promise(self, policy_id: int | None, kind: ClockKind) -> Promise | None:
        """Return what a policy promises of a kind, None for nothing."""
        policy = None if policy_id is None else self.policies[policy_id]
        budget_s = None if policy is None else policy.budgets.get(kind)
        if policy_id is None or policy is None or budget_s is None:
            return None
        terms = Terms(
            policy_id=policy_id,
            policy_version=policy.version,
            calendar_id=policy.calendar_id,
            calendar_version=self.calendar_versions[policy.calendar_id],
            budget_s=budget_s,
            warn_at=policy.warn_at,
        )
        return Promise(terms, self.times[policy.calendar_id])

    @property
    def default_time(self) -> BusinessTime | None:
        """Working time by the default policy, None without one."""
        default = next((row.policy_id for row in self.rows if row.is_default), None)
        return None if default is None else self.times[self.policies[default].calendar_id]


NO_TERMS: Final = TermsBook(policies={}, times={}, calendar_versions={})
# Working time by a calendar is expensive to work out and never changes within a generation;
# generations are ids, of which there is no second one, whatever database they are of.
_books: Final[dict[int, TermsBook]] = {}


async def current_book(connection: BaseDBAsyncClient) -> TermsBook:
    """Return the terms in force, worked out once in each process."""
    rows = await fetch(connection, "SELECT generation FROM service_terms_state")
    if not rows:
        return NO_TERMS
    generation = int(rows[0]["generation"])
    book = _books.get(generation)
    if book is None:
        book = await _load(connection, generation)
        while len(_books) >= _KEPT:
            del _books[next(iter(_books))]
        _books[generation] = book
    return book


async def renew_generation(connection: BaseDBAsyncClient) -> None:
    """Begin a new generation; to be called first by every transaction that changes terms.

    Such transactions wait here for each other, so that each sees what the one before did.
    """
    await execute(
        connection,
        "INSERT INTO service_terms_state (id, generation, holidays)"
        f" VALUES ({placeholders(connection, 3)}) ON CONFLICT (id)"
        " DO UPDATE SET generation = excluded.generation, holidays = excluded.holidays",
        [_ROW, new_id(), DECREES_DIGEST],
    )


async def renew_for_holidays() -> bool:
    """Begin a new generation if the one in force was made with other holidays; say whether."""
    states = ServiceTermsState.exclude(holidays=DECREES_DIGEST)
    return bool(await states.update(generation=new_id(), holidays=DECREES_DIGEST))


async def load_times(connection: BaseDBAsyncClient) -> Mapping[int, BusinessTime]:
    """Return the working time of every calendar, from the database."""
    versions: dict[int, list[CalendarVersion]] = {}
    rows = ServiceCalendarVersion.all().using_db(connection)
    for row in await rows.order_by("calendar_id", "number"):
        version = CalendarVersion(
            row.number, seconds_of(row.valid_from), calendar_from_json(row.definition)
        )
        earlier = versions.setdefault(row.calendar_id, [])
        add_version(earlier, version)
    return {calendar_id: BusinessTime(each) for calendar_id, each in versions.items()}


def add_version(versions: list[CalendarVersion], version: CalendarVersion) -> None:
    """Let a newer version count from its moment: those that were to begin then or later do not."""
    while versions and versions[-1].valid_from_s >= version.valid_from_s:
        versions.pop()
    versions.append(version)


def seconds_of(moment: datetime) -> int:
    """Return an aware moment as whole seconds since 1970, the part of a second left out."""
    return int(moment.timestamp() // 1)


async def _load(connection: BaseDBAsyncClient, generation: int) -> TermsBook:
    times = await load_times(connection)
    rows: list[PolicyRow] = []
    policies: dict[int, PolicyTerms] = {}
    for policy in await ServicePolicy.filter(archived_at=None).using_db(connection).order_by("id"):
        version = await newest_version(connection, policy)
        conditions = conditions_from_json(version.conditions)
        rows.append(PolicyRow(policy.id, is_default=policy.is_default, conditions=conditions))
        policies[policy.id] = PolicyTerms(
            version=version.number,
            calendar_id=version.calendar_id,
            budgets=budgets_from_json(version.budgets),
            warn_at=percents_from_json(version.warn_at),
        )
    return TermsBook(
        generation=generation,
        rows=rows,
        policies=policies,
        times=times,
        calendar_versions={key: time.versions[-1].number for key, time in times.items()},
    )


async def newest_version(
    connection: BaseDBAsyncClient, policy: ServicePolicy
) -> ServicePolicyVersion:
    """Return the version of a policy that counts."""
    versions = ServicePolicyVersion.filter(policy_id=policy.id).using_db(connection)
    version = await versions.order_by("-number").first()
    if version is None:
        raise LookupError("a policy has at least one version")
    return version
