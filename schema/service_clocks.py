"""GraphQL face of the clocks of a ticket: what is promised, and how much of it is used."""

from datetime import datetime
from typing import Self

import strawberry

from resolvers.service_clocks import ClockView
from schema.context import Info
from schema.scalars import Count
from schema.service_enums import ClockKind, ClockState, PauseReason
from schema.service_policies import ServicePolicyType, policy_of


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
            policy_id=row.policy_id,
        )

    @strawberry.field(description="Which promised it.")
    async def policy(self, info: Info) -> ServicePolicyType | None:
        return await policy_of(self.policy_id, info)


async def clocks_of(ticket_id: int, info: Info) -> list[ServiceClockType]:
    """Return the clocks of a ticket; none for who is not of the desk."""
    return [
        ServiceClockType.of(view) for view in await info.context.loaders.desk.clocks.load(ticket_id)
    ]
