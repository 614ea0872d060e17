"""GraphQL face of what administrators do to working calendars."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import service_calendars
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import (
    ForbiddenProblem,
    NameTakenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ValidationProblem,
)
from schema.service_calendar_inputs import (
    ServiceCalendarCreateInput,
    ServiceCalendarDraftInput,
    ServiceCalendarPublishInput,
    ServiceCalendarRenameInput,
)
from schema.service_calendars import ServiceCalendarType, ServiceCalendarYear


@strawberry.type(description="There is a new calendar.")
class ServiceCalendarCreateSuccess:
    calendar: ServiceCalendarType = strawberry.field(description="As stored.")


@strawberry.type(
    description="The calendar has a new version. Clocks that run are counted anew within seconds; "
    "what they have used stays used."
)
class ServiceCalendarPublishSuccess:
    calendar: ServiceCalendarType = strawberry.field(description="As stored now.")


@strawberry.type(description="The calendar has another name.")
class ServiceCalendarRenameSuccess:
    calendar_id: strawberry.ID = strawberry.field(description="Of the calendar.")
    name: str = strawberry.field(description="As stored now.")


ServiceCalendarCreateResult: TypeAlias = Annotated[
    ServiceCalendarCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "ServiceCalendarCreateResult", description="The calendar, or the reason why not."
    ),
]
ServiceCalendarPublishResult: TypeAlias = Annotated[
    ServiceCalendarPublishSuccess
    | ValidationProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "ServiceCalendarPublishResult", description="The calendar, or the reason why not."
    ),
]
ServiceCalendarRenameResult: TypeAlias = Annotated[
    ServiceCalendarRenameSuccess
    | ValidationProblem
    | NameTakenProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("ServiceCalendarRenameResult", description="The name, or the reason why not."),
]
ServiceCalendarPreviewResult: TypeAlias = Annotated[
    ServiceCalendarYear | ValidationProblem | ReachNotHeldProblem | ForbiddenProblem,
    strawberry.union(
        "ServiceCalendarPreviewResult", description="The year, or the reason why not."
    ),
]


@strawberry.type
class ServiceCalendarPreviewQueries:
    @strawberry.field(
        description="A year by a calendar that nobody has published yet. Administrators of the "
        "desk alone.",
        **requires(Scope.USER_ADMIN, cost=20),
    )
    async def service_calendar_preview(
        self,
        info: Info,
        draft: Annotated[
            ServiceCalendarDraftInput, strawberry.argument(description="What it would say.")
        ],
        year: Annotated[int, strawberry.argument(description="From 2000 to 2199.")],
    ) -> ServiceCalendarPreviewResult:
        preview = await service_calendars.preview_calendar(
            info.context, draft=draft.to_draft(), year=year
        )
        return ServiceCalendarYear.of(preview)


@strawberry.type
class ServiceCalendarMutations:
    @strawberry.mutation(
        description="Make a calendar. Administrators of the desk alone.",
        **requires(Scope.USER_ADMIN),
    )
    async def service_calendar_create(
        self,
        info: Info,
        input: Annotated[
            ServiceCalendarCreateInput, strawberry.argument(description="The new calendar.")
        ],
    ) -> ServiceCalendarCreateResult:
        view = await service_calendars.create_calendar(
            info.context, name=input.name, draft=input.to_draft()
        )
        return ServiceCalendarCreateSuccess(calendar=ServiceCalendarType.of(view))

    @strawberry.mutation(
        description="Let a calendar say something else from a moment on; the past stays.",
        **requires(Scope.USER_ADMIN),
    )
    async def service_calendar_publish(
        self,
        info: Info,
        input: Annotated[
            ServiceCalendarPublishInput, strawberry.argument(description="The new version.")
        ],
    ) -> ServiceCalendarPublishResult:
        view = await service_calendars.publish_calendar(
            info.context,
            calendar_id=row_id_of(input.id, "ServiceCalendar") or 0,
            draft=input.to_draft(),
            valid_from=input.valid_from,
            if_revision=input.if_revision,
        )
        return ServiceCalendarPublishSuccess(calendar=ServiceCalendarType.of(view))

    @strawberry.mutation(description="Rename a calendar.", **requires(Scope.USER_ADMIN))
    async def service_calendar_rename(
        self,
        info: Info,
        input: Annotated[
            ServiceCalendarRenameInput, strawberry.argument(description="The new name.")
        ],
    ) -> ServiceCalendarRenameResult:
        row = await service_calendars.rename_calendar(
            info.context,
            calendar_id=row_id_of(input.id, "ServiceCalendar") or 0,
            name=input.name,
        )
        return ServiceCalendarRenameSuccess(calendar_id=input.id, name=row.name)
