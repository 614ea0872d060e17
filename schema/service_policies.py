"""GraphQL face of policies: what is promised to whom."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.rules.policy_format import (
    budgets_from_json,
    conditions_from_json,
    percents_from_json,
)
from models.rules.scopes import Scope
from models.rules.service_clocks import ClockKind
from models.rules.service_policies import USUAL_WARNINGS, PolicyField
from resolvers import service_policies
from resolvers.service_policies import PolicyConditions, PolicyDraft, ServicePolicyView
from resolvers.ticket_filters import is_desk
from schema.access import requires
from schema.context import Info
from schema.lookups import add_loader
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    ForbiddenProblem,
    NameTakenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ValidationProblem,
)
from schema.service_calendars import ServiceCalendarType, calendar_of
from schema.ticket_enums import TicketKind, TicketLine, TicketSeverity

_MINUTE_S = 60


@strawberry.type(description="What a ticket must have to be served by a policy.")
class ServicePolicyCondition:
    field: PolicyField = strawberry.field(description="What the condition is about.")
    values: list[str] = strawberry.field(
        description="Any of these: names of TicketSeverity, TicketKind or TicketLine, or ids of "
        "Organizations."
    )


@strawberry.type(description="A term of service.")
class ServiceBudget:
    kind: ClockKind = strawberry.field(description="What is promised.")
    minutes: int = strawberry.field(description="Working minutes.")


@strawberry.type(
    name="ServicePolicy", description="What is promised to whom, by its newest version."
)
class ServicePolicyType(Node):
    name: str = strawberry.field(description="Unique.")
    revision: int = strawberry.field(
        description="Number of the version; send it back as `ifRevision` to notice a parallel edit."
    )
    default: bool = strawberry.field(description="It serves what no other policy does.")
    archived_at: datetime | None = strawberry.field(
        description="From then on it serves nobody; null while it is in force."
    )
    conditions: list[ServicePolicyCondition] = strawberry.field(
        description="All hold at once, the most telling first; none for the default."
    )
    budgets: list[ServiceBudget] = strawberry.field(
        description="The terms; a kind that is absent is not promised."
    )
    warn_at: list[int] = strawberry.field(
        description="At which shares of a term the desk is warned, in percent."
    )
    view: strawberry.Private[ServicePolicyView]

    @classmethod
    def of(cls, view: ServicePolicyView) -> Self:
        """Return the policy of a view."""
        row, version = view.row, view.version
        stated = conditions_from_json(version.conditions)
        return cls(
            id=encode_id("ServicePolicy", row.id),
            name=row.name,
            revision=row.revision,
            default=row.is_default,
            archived_at=row.archived_at,
            conditions=[
                ServicePolicyCondition(field=field, values=_told(field, stated[field]))
                for field in PolicyField
                if field in stated
            ],
            budgets=[
                ServiceBudget(kind=kind, minutes=budget_s // _MINUTE_S)
                for kind, budget_s in budgets_from_json(version.budgets).items()
            ],
            warn_at=list(percents_from_json(version.warn_at)),
            view=view,
        )

    @strawberry.field(description="By which its terms are counted.")
    async def calendar(self, info: Info) -> ServiceCalendarType | None:
        return await calendar_of(self.view.version.calendar_id, info)


def _told(field: PolicyField, values: frozenset[str]) -> list[str]:
    if field is not PolicyField.ORGANIZATION:
        return sorted(values)
    return [encode_id("Organization", row_id) for row_id in sorted(int(each) for each in values)]


async def policy_of(row_id: int, info: Info) -> ServicePolicyType | None:
    """Return the policy of a row id; None for who is not of the desk."""
    view = await info.context.loaders.desk.policy.load(row_id)
    return None if view is None else ServicePolicyType.of(view)


async def _policies(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for the desk."""
    if not is_desk(info.context.viewer):
        return {}
    views = await info.context.loaders.desk.policy.load_many(ids)
    return {view.row.id: ServicePolicyType.of(view) for view in views if view is not None}


add_loader("ServicePolicy", _policies)


@strawberry.type
class ServicePolicyQueries:
    @strawberry.field(
        description="The policies of service, the default first, then by name.",
        **requires(Scope.TICKET_STAFF),
    )
    async def service_policies(
        self,
        info: Info,
        archived: Annotated[  # noqa: FBT002 - an argument of a field
            bool, strawberry.argument(description="True: with those out of force.")
        ] = False,
    ) -> list[ServicePolicyType]:
        views = await service_policies.list_policies(info.context, with_archived=archived)
        return [ServicePolicyType.of(view) for view in views]


@strawberry.input(
    description="Which tickets a policy serves; all conditions hold at once. Null or absent sets "
    "no condition; an empty list is refused, as it would serve none."
)
class ServicePolicyConditionsInput:
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of the customers' Organizations."
    )
    severities: list[TicketSeverity] | None = strawberry.field(
        default=None, description="Any of these."
    )
    kinds: list[TicketKind] | None = strawberry.field(default=None, description="Any of these.")
    lines: list[TicketLine] | None = strawberry.field(default=None, description="Any of these.")

    def to_conditions(self) -> PolicyConditions:
        """Return the conditions; an id of no organization is one that is not there."""
        ids = self.organization_ids
        return PolicyConditions(
            organization_ids=(
                None
                if ids is None
                else frozenset(row_id_of(each, "Organization") or 0 for each in ids)
            ),
            severities=None if self.severities is None else frozenset(self.severities),
            kinds=None if self.kinds is None else frozenset(self.kinds),
            lines=None if self.lines is None else frozenset(self.lines),
        )


@strawberry.input(
    description="Terms in working minutes, from 1 minute to a year; null or absent promises "
    "nothing of the kind."
)
class ServiceBudgetsInput:
    first_response_minutes: int | None = strawberry.field(
        default=None, description="From the ticket to the first answer."
    )
    next_response_minutes: int | None = strawberry.field(
        default=None, description="From each further message of the customer to the next answer."
    )
    resolution_minutes: int | None = strawberry.field(
        default=None, description="From the ticket to its being resolved."
    )

    def to_budgets(self) -> Mapping[ClockKind, int]:
        """Return the terms in working seconds."""
        minutes = {
            ClockKind.FIRST_RESPONSE: self.first_response_minutes,
            ClockKind.NEXT_RESPONSE: self.next_response_minutes,
            ClockKind.RESOLUTION: self.resolution_minutes,
        }
        return {kind: each * _MINUTE_S for kind, each in minutes.items() if each is not None}


@strawberry.input(description="What a policy shall say.")
class ServicePolicyDraftInput:
    calendar_id: strawberry.ID = strawberry.field(
        description="Id of the ServiceCalendar by which its terms are counted."
    )
    conditions: ServicePolicyConditionsInput = strawberry.field(
        default_factory=ServicePolicyConditionsInput,
        description="Which tickets it serves: at least one condition, but none for the default.",
    )
    budgets: ServiceBudgetsInput = strawberry.field(description="At least one term.")
    warn_at: list[int] = strawberry.field(
        default_factory=lambda: list(USUAL_WARNINGS),
        description="At which shares of a term the desk is warned: at most five, in percent, "
        "ascending.",
    )

    def to_draft(self) -> PolicyDraft:
        """Return the draft."""
        return PolicyDraft(
            calendar_id=row_id_of(self.calendar_id, "ServiceCalendar") or 0,
            conditions=self.conditions.to_conditions(),
            budgets=self.budgets.to_budgets(),
            warn_at=tuple(self.warn_at),
        )


@strawberry.input(description="What a new policy is.")
class ServicePolicyCreateInput(ServicePolicyDraftInput):
    name: str = strawberry.field(description="Unique, at most 200 characters.")
    default: bool = strawberry.field(
        default=False, description="True: it serves what no other policy does."
    )


@strawberry.input(description="Which policy, and what it shall say from now on.")
class ServicePolicyPublishInput(ServicePolicyDraftInput):
    id: strawberry.ID = strawberry.field(description="Of the policy.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last one to publish wins.",
    )


@strawberry.input(description="Which policy.")
class ServicePolicyArchiveInput:
    id: strawberry.ID = strawberry.field(description="Of the policy.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: whatever it is.",
    )


@strawberry.type(description="There is a new policy; it serves its tickets within seconds.")
class ServicePolicyCreateSuccess:
    policy: ServicePolicyType = strawberry.field(description="As stored.")


@strawberry.type(
    description="The policy has a new version. Clocks that run count against it within seconds; "
    "what they have used stays used."
)
class ServicePolicyPublishSuccess:
    policy: ServicePolicyType = strawberry.field(description="As stored now.")


@strawberry.type(description="The policy serves nobody any more.")
class ServicePolicyArchiveSuccess:
    policy_id: strawberry.ID = strawberry.field(description="Of the policy.")


ServicePolicyCreateResult: TypeAlias = Annotated[
    ServicePolicyCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("ServicePolicyCreateResult", description="The policy, or why not."),
]
ServicePolicyPublishResult: TypeAlias = Annotated[
    ServicePolicyPublishSuccess
    | ValidationProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("ServicePolicyPublishResult", description="The policy, or why not."),
]
ServicePolicyArchiveResult: TypeAlias = Annotated[
    ServicePolicyArchiveSuccess
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("ServicePolicyArchiveResult", description="The id, or why not."),
]


@strawberry.type
class ServicePolicyMutations:
    @strawberry.mutation(
        description="Make a policy. Administrators of the desk alone.",
        **requires(Scope.USER_ADMIN),
    )
    async def service_policy_create(
        self,
        info: Info,
        input: Annotated[
            ServicePolicyCreateInput, strawberry.argument(description="The new policy.")
        ],
    ) -> ServicePolicyCreateResult:
        view = await service_policies.create_policy(
            info.context, name=input.name, draft=input.to_draft(), is_default=input.default
        )
        return ServicePolicyCreateSuccess(policy=ServicePolicyType.of(view))

    @strawberry.mutation(
        description="Let a policy say something else from now on.", **requires(Scope.USER_ADMIN)
    )
    async def service_policy_publish(
        self,
        info: Info,
        input: Annotated[
            ServicePolicyPublishInput, strawberry.argument(description="The new version.")
        ],
    ) -> ServicePolicyPublishResult:
        view = await service_policies.publish_policy(
            info.context,
            policy_id=row_id_of(input.id, "ServicePolicy") or 0,
            draft=input.to_draft(),
            if_revision=input.if_revision,
        )
        return ServicePolicyPublishSuccess(policy=ServicePolicyType.of(view))

    @strawberry.mutation(
        description="Take a policy out of force; its tickets are served by the next that fits.",
        **requires(Scope.USER_ADMIN),
    )
    async def service_policy_archive(
        self,
        info: Info,
        input: Annotated[
            ServicePolicyArchiveInput, strawberry.argument(description="Which policy.")
        ],
    ) -> ServicePolicyArchiveResult:
        await service_policies.archive_policy(
            info.context,
            policy_id=row_id_of(input.id, "ServicePolicy") or 0,
            if_revision=input.if_revision,
        )
        return ServicePolicyArchiveSuccess(policy_id=input.id)
