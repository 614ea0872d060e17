"""GraphQL face of the clocks of a ticket: what is promised, and how much of it is used."""

from datetime import UTC, datetime
from typing import Self

import strawberry

from models.rules.policy_format import terms_from_json
from models.service_clocks import ServiceClockEntry
from resolvers.service_clocks import ClockView
from schema.context import Info
from schema.costs import costs
from schema.scalars import Count
from schema.service_enums import ClockEntryKind, ClockKind, ClockState, PauseReason
from schema.service_policies import ServicePolicyType, policy_of


@strawberry.type(
    name="ServiceClockEntry",
    description="A line of the log of a clock, which says why it is late or not. Lines are never "
    "changed.",
)
class ServiceClockEntryType:
    kind: ClockEntryKind = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When, however late it was noticed.")
    used_seconds: Count = strawberry.field(description="Working seconds used until then.")
    budget_seconds: Count = strawberry.field(description="What is promised from then on.")
    former_budget_seconds: Count | None = strawberry.field(
        description="What was promised until then; null unless the terms changed."
    )
    percent: int | None = strawberry.field(description="Of a warning; null for others.")
    paused_for: PauseReason | None = strawberry.field(description="Of a pause; null for others.")
    late_by_seconds: Count | None = strawberry.field(
        description="Working seconds beyond the term, of a breach and of being met; null for "
        "others."
    )

    @classmethod
    def of(cls, row: ServiceClockEntry) -> Self:
        """Return the line of a row."""
        former = None if row.old_terms is None else terms_from_json(row.old_terms).budget_s
        return cls(
            kind=row.kind,
            at=datetime.fromtimestamp(row.at_s, UTC),
            used_seconds=Count(row.consumed_s),
            budget_seconds=Count(terms_from_json(row.terms).budget_s),
            former_budget_seconds=None if former is None else Count(former),
            percent=row.percent,
            paused_for=row.paused_for,
            late_by_seconds=None if row.late_by_s is None else Count(row.late_by_s),
        )


@strawberry.type(
    name="ServiceClock",
    description="A term of service of a ticket, in working time by the calendar of its policy.",
)
class ServiceClockType:
    kind: ClockKind = strawberry.field(description="What is promised.")
    round: int = strawberry.field(description="1, 2, 3 ... of its kind.")
    state: ClockState = strawberry.field(description="What it says now.")
    paused_for: PauseReason | None = strawberry.field(
        description="Why it stands; null while it runs and when it is met."
    )
    budget_seconds: Count = strawberry.field(description="Working seconds that are promised.")
    used_seconds: Count = strawberry.field(description="Working seconds that are used up.")
    deadline_at: datetime | None = strawberry.field(
        description="When the time is used up if nothing stops it; of an overdue one when that "
        "was. Null while it stands, and when it is met."
    )
    deadline_official: bool = strawberry.field(
        description="False: the deadline lies in a year whose moved days off nobody has published "
        "yet, so it may move. Say so beside it."
    )
    met_at: datetime | None = strawberry.field(description="When it was met; null until then.")
    breached_at: datetime | None = strawberry.field(
        description="When more was used than promised; null while that is not noted."
    )
    late_by_seconds: Count | None = strawberry.field(
        description="By how many working seconds it was met too late; 0 for in time, null for not "
        "met."
    )
    row_id: strawberry.Private[int]
    policy_id: strawberry.Private[int]

    @classmethod
    def of(cls, view: ClockView) -> Self:
        """Return the clock of a view."""
        row = view.row
        return cls(
            kind=row.kind,
            round=row.round,
            state=view.state,
            paused_for=row.paused_for,
            budget_seconds=Count(row.budget_s),
            used_seconds=Count(view.used_s),
            deadline_at=view.deadline_at,
            deadline_official=view.is_official,
            met_at=view.met_at,
            breached_at=view.breached_at,
            late_by_seconds=None if row.late_by_s is None else Count(row.late_by_s),
            row_id=row.id,
            policy_id=row.policy_id,
        )

    @strawberry.field(description="Which promised it.")
    async def policy(self, info: Info) -> ServicePolicyType | None:
        return await policy_of(self.policy_id, info)

    @strawberry.field(
        description="What happened to it, the oldest first: the last 200 lines.", **costs(5)
    )
    async def log(self, info: Info) -> list[ServiceClockEntryType]:
        rows = await info.context.loaders.desk.clock_log.load(self.row_id)
        return [ServiceClockEntryType.of(row) for row in rows]


async def clocks_of(ticket_id: int, info: Info) -> list[ServiceClockType]:
    """Return the clocks of a ticket; none for who is not of the desk."""
    return [
        ServiceClockType.of(view) for view in await info.context.loaders.desk.clocks.load(ticket_id)
    ]
