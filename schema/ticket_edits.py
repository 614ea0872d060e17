"""GraphQL face of what the desk says about a ticket: its kind, its subject, its tags."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from models.rules.severities import SeverityInputs
from resolvers import ticket_edits, ticket_followers
from resolvers.changes import UNSET, Change
from resolvers.ticket_edits import TicketClassification
from schema.access import requires
from schema.context import Info
from schema.problems import ForbiddenProblem, NotFoundProblem, ReachNotHeldProblem
from schema.ticket_answers import WHAT, EditProblem, TicketAnswer, TicketChoice, ticket_row_id
from schema.ticket_enums import TicketKind
from schema.ticket_fields import TicketFieldInput, field_values
from schema.ticket_inputs import TicketRequesterInput, TicketSeverityInput, optional_row_id


@strawberry.input(
    description="Which ticket, and what is said of it. Absent fields are kept, null clears one."
)
class TicketClassifyInput(TicketChoice):
    kind: strawberry.Maybe[TicketKind] = strawberry.field(
        default=None, description="What the customer wants; cannot be cleared."
    )
    severity: strawberry.Maybe[TicketSeverityInput | None] = strawberry.field(
        default=None, description="The three answers that make the severity."
    )
    category_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        default=None, description="What it is about, from `ticketCategories`."
    )
    product_module: strawberry.Maybe[str | None] = strawberry.field(
        default=None, description="Part of the product."
    )
    installation: strawberry.Maybe[str | None] = strawberry.field(
        default=None, description="Which installation."
    )
    custom_fields: strawberry.Maybe[list[TicketFieldInput]] = strawberry.field(
        default=None, description="Values of custom fields; those not named are kept."
    )

    def to_changes(self) -> TicketClassification:
        """Return what the input sets. An id that is no category's is that of none."""
        severity: Change[SeverityInputs | None] = UNSET
        if self.severity is not None:
            answers = self.severity.value
            severity = None if answers is None else answers.to_inputs()
        category: Change[int | None] = UNSET
        if self.category_id is not None:
            category = optional_row_id(self.category_id.value, "TicketCategory")
        return TicketClassification(
            kind=UNSET if self.kind is None else self.kind.value,
            severity_inputs=severity,
            category_id=category,
            module=UNSET if self.product_module is None else self.product_module.value,
            installation=UNSET if self.installation is None else self.installation.value,
            fields=UNSET if self.custom_fields is None else field_values(self.custom_fields.value),
        )


@strawberry.type(description="The ticket was classified.")
class TicketClassifySuccess(TicketAnswer): ...


TicketClassifyResult: TypeAlias = Annotated[
    TicketClassifySuccess | EditProblem,
    strawberry.union("TicketClassifyResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket gets which subject.")
class TicketRenameInput(TicketChoice):
    subject: str = strawberry.field(description="In one line, at most 300 characters.")


@strawberry.type(description="The ticket has another subject.")
class TicketRenameSuccess(TicketAnswer): ...


TicketRenameResult: TypeAlias = Annotated[
    TicketRenameSuccess | EditProblem,
    strawberry.union("TicketRenameResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket gets which tags.")
class TicketTagInput(TicketChoice):
    tags: list[str] = strawberry.field(
        description="All that it shall have, each at most 64 characters; capitals do not matter."
    )


@strawberry.type(description="The ticket has these tags and no others.")
class TicketTagSuccess(TicketAnswer): ...


TicketTagResult: TypeAlias = Annotated[
    TicketTagSuccess | EditProblem,
    strawberry.union("TicketTagResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket is whose.")
class TicketRequesterSetInput(TicketChoice):
    requester: TicketRequesterInput = strawberry.field(description="Whose it is from now on.")


@strawberry.type(description="The ticket is somebody else's, who sees it from now on.")
class TicketRequesterSetSuccess(TicketAnswer): ...


TicketRequesterSetResult: TypeAlias = Annotated[
    TicketRequesterSetSuccess | EditProblem,
    strawberry.union("TicketRequesterSetResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket, and who.")
class TicketFollowInput:
    id: strawberry.ID = strawberry.field(description="Of the ticket.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Somebody else, for the desk alone; null or absent: you."
    )


@strawberry.type(description="They are told of the ticket.")
class TicketFollowSuccess(TicketAnswer): ...


TicketFollowResult: TypeAlias = Annotated[
    TicketFollowSuccess | NotFoundProblem | ReachNotHeldProblem | ForbiddenProblem,
    strawberry.union("TicketFollowResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket, and who.")
class TicketUnfollowInput:
    id: strawberry.ID = strawberry.field(description="Of the ticket.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Somebody else, for the desk alone; null or absent: you."
    )


@strawberry.type(description="They are told of the ticket no more.")
class TicketUnfollowSuccess(TicketAnswer): ...


TicketUnfollowResult: TypeAlias = Annotated[
    TicketUnfollowSuccess | NotFoundProblem | ReachNotHeldProblem | ForbiddenProblem,
    strawberry.union("TicketUnfollowResult", description="The ticket, or the reason why not."),
]


@strawberry.type
class TicketEditMutations:
    @strawberry.mutation(
        description="Say what a ticket is about. The severity comes of a table, so that two who "
        "saw the same rate it alike.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_classify(
        self, info: Info, input: Annotated[TicketClassifyInput, WHAT]
    ) -> TicketClassifyResult:
        row = await ticket_edits.classify_ticket(
            info.context, **input.named(), changes=input.to_changes()
        )
        return TicketClassifySuccess.of(row, info)

    @strawberry.mutation(
        description="Give a ticket a subject that says more.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_rename(
        self, info: Info, input: Annotated[TicketRenameInput, WHAT]
    ) -> TicketRenameResult:
        row = await ticket_edits.change_subject(
            info.context, **input.named(), subject=input.subject
        )
        return TicketRenameSuccess.of(row, info)

    @strawberry.mutation(
        description="Put the desk's words on a ticket, instead of those it had.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_tag(
        self, info: Info, input: Annotated[TicketTagInput, WHAT]
    ) -> TicketTagResult:
        row = await ticket_edits.set_tags(info.context, **input.named(), tags=input.tags)
        return TicketTagSuccess.of(row, info)

    @strawberry.mutation(
        description="Say whose a ticket really is: who asked for somebody else, or by another "
        "address.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_requester_set(
        self, info: Info, input: Annotated[TicketRequesterSetInput, WHAT]
    ) -> TicketRequesterSetResult:
        row = await ticket_edits.set_requester(
            info.context, **input.named(), requester=input.requester.to_requester()
        )
        return TicketRequesterSetSuccess.of(row, info)

    @strawberry.mutation(
        description="Be told of a ticket that you see; the desk may say so for others.",
        **requires(Scope.TICKET_READ),
    )
    async def ticket_follow(
        self, info: Info, input: Annotated[TicketFollowInput, WHAT]
    ) -> TicketFollowResult:
        row = await ticket_followers.follow_ticket(
            info.context,
            ticket_id=ticket_row_id(input.id),
            user_id=optional_row_id(input.user_id, "User"),
        )
        return TicketFollowSuccess.of(row, info)

    @strawberry.mutation(
        description="Be told of a ticket no more; the desk may say so for others.",
        **requires(Scope.TICKET_READ),
    )
    async def ticket_unfollow(
        self, info: Info, input: Annotated[TicketUnfollowInput, WHAT]
    ) -> TicketUnfollowResult:
        row = await ticket_followers.unfollow_ticket(
            info.context,
            ticket_id=ticket_row_id(input.id),
            user_id=optional_row_id(input.user_id, "User"),
        )
        return TicketUnfollowSuccess.of(row, info)
