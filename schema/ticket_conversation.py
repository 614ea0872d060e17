"""GraphQL face of asking and answering: new tickets, answers and notes."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import ticket_messages, tickets
from resolvers.ticket_messages import ReplyThen
from schema.access import requires
from schema.context import Info
from schema.files import file_row_ids
from schema.nodes import row_id_of
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    RateLimitedProblem,
    ReachNotHeldProblem,
    RequestIdReusedProblem,
    RequestUndoneProblem,
    ValidationProblem,
)
from schema.ticket_answers import WHAT, MoveProblem, TicketAnswer, TicketChoice, ticket_row_id
from schema.ticket_enums import TicketChannel, TicketKind, TicketResolution, TicketStatus
from schema.ticket_fields import TicketFieldInput, field_values
from schema.ticket_inputs import TicketRequesterInput, TicketSeverityInput, optional_row_id
from schema.ticket_messages import TicketMessageType
from schema.ticket_problems import MessageSentProblem
from schema.tickets import TicketType


@strawberry.input(description="What a new ticket says.")
class TicketCreateInput:
    subject: str = strawberry.field(description="In one line, at most 300 characters.")
    body_markdown: str = strawberry.field(
        description="The first message, in CommonMark, at most 100,000 characters."
    )
    kind: TicketKind = strawberry.field(
        default=TicketKind.QUESTION, description="What is wanted of us."
    )
    channel: TicketChannel = strawberry.field(
        default=TicketChannel.PORTAL,
        description="The way it came: PHONE where the desk writes down a call, API for programs.",
    )
    severity: TicketSeverityInput | None = strawberry.field(
        default=None, description="The three answers that make the severity."
    )
    category_id: strawberry.ID | None = strawberry.field(
        default=None, description="What it is about, from `ticketCategories`."
    )
    product_module: str | None = strawberry.field(
        default=None, description="Part of the product, at most 120 characters."
    )
    installation: str | None = strawberry.field(
        default=None, description="Which installation, at most 200 characters."
    )
    custom_fields: list[TicketFieldInput] = strawberry.field(
        default_factory=list[TicketFieldInput], description="Values of `ticketFields`."
    )
    tags: list[str] = strawberry.field(
        default_factory=list[str], description="Words of the desk; for the desk alone."
    )
    requester: TicketRequesterInput | None = strawberry.field(
        default=None,
        description="Whose it is, when the desk writes for somebody; null or absent: yours.",
    )
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where it shall wait; for the desk alone."
    )
    request_id: str | None = strawberry.field(
        default=None,
        description="Makes a retry safe: the same value with the same input gives the same ticket "
        "for 24 hours; RequestUndoneProblem once it was deleted.",
    )
    file_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list[strawberry.ID],
        description="Files that you have sent for it, see `fileUploadBegin`; at most 20.",
    )


@strawberry.type(description="The ticket was taken in.")
class TicketCreateSuccess(TicketAnswer): ...


TicketCreateResult: TypeAlias = Annotated[
    TicketCreateSuccess
    | ValidationProblem
    | NotFoundProblem
    | RequestIdReusedProblem
    | RequestUndoneProblem
    | RateLimitedProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("TicketCreateResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Where the ticket goes with the answer.")
class TicketReplyThenInput:
    status: TicketStatus = strawberry.field(
        description="OPEN, WAITING_FOR_CUSTOMER, WAITING_INTERNAL, SCHEDULED or RESOLVED."
    )
    resolution: TicketResolution | None = strawberry.field(
        default=None, description="With RESOLVED: why it needs nothing more."
    )
    until: datetime | None = strawberry.field(
        default=None, description="With SCHEDULED: when it comes back."
    )

    def to_then(self) -> ReplyThen:
        """Return the step as the use case takes it."""
        return ReplyThen(status=self.status, resolution=self.resolution, until=self.until)


@strawberry.input(description="What everybody who sees the ticket shall read.")
class TicketReplyInput(TicketChoice):
    body_markdown: str = strawberry.field(description="In CommonMark, at most 100,000 characters.")
    then: TicketReplyThenInput | None = strawberry.field(
        default=None,
        description="For the desk: where the ticket goes with it, in the same step. Null or "
        "absent: it stays where it is.",
    )
    request_id: str | None = strawberry.field(
        default=None,
        description="Makes a retry safe: the same value with the same input gives the same "
        "message for 24 hours.",
    )
    file_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list[strawberry.ID],
        description="Files that you have sent for it, see `fileUploadBegin`; at most 20.",
    )


@strawberry.type(
    description="The answer was taken. One of the desk is sent some seconds later, and can be "
    "taken back until then."
)
class TicketReplySuccess:
    ticket: TicketType = strawberry.field(
        description="The one that it was given to; a new one, linked to it, when that was over "
        "for too long."
    )
    ticket_message: TicketMessageType = strawberry.field(description="The answer.")


TicketReplyResult: TypeAlias = Annotated[
    TicketReplySuccess
    | ValidationProblem
    | RequestIdReusedProblem
    | RequestUndoneProblem
    | RateLimitedProblem
    | MoveProblem,
    strawberry.union("TicketReplyResult", description="The answer, or the reason why not."),
]


@strawberry.input(description="What the desk alone shall read.")
class TicketNoteInput(TicketChoice):
    body_markdown: str = strawberry.field(description="In CommonMark, at most 100,000 characters.")
    request_id: str | None = strawberry.field(
        default=None,
        description="Makes a retry safe: the same value with the same input gives the same note "
        "for 24 hours.",
    )
    file_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list[strawberry.ID],
        description="Files that you have sent for it, see `fileUploadBegin`; at most 20.",
    )


@strawberry.type(description="The note was taken. No customer reads it, by no path.")
class TicketNoteSuccess:
    ticket: TicketType = strawberry.field(description="As stored now.")
    ticket_message: TicketMessageType = strawberry.field(description="The note.")


TicketNoteResult: TypeAlias = Annotated[
    TicketNoteSuccess
    | ValidationProblem
    | RequestIdReusedProblem
    | RequestUndoneProblem
    | MoveProblem,
    strawberry.union("TicketNoteResult", description="The note, or the reason why not."),
]


@strawberry.input(description="Which message.")
class TicketMessageTakeBackInput:
    id: strawberry.ID = strawberry.field(description="Of the message: your own, not yet sent.")


@strawberry.type(
    description="Nobody will read the message, and the ticket is where it was before it."
)
class TicketMessageTakeBackSuccess:
    ticket: TicketType = strawberry.field(description="As stored now.")
    ticket_message: TicketMessageType = strawberry.field(
        description="What was taken back; put `bodyMarkdown` into the form again."
    )


TicketMessageTakeBackResult: TypeAlias = Annotated[
    TicketMessageTakeBackSuccess
    | MessageSentProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketMessageTakeBackResult", description="The message, or the reason why not."
    ),
]


@strawberry.type
class TicketConversationMutations:
    @strawberry.mutation(
        description="Ask for something; the desk also writes down what others ask for.",
        **requires(Scope.TICKET_WRITE, cost=5),
    )
    async def ticket_create(
        self,
        info: Info,
        input: Annotated[TicketCreateInput, strawberry.argument(description="The new ticket.")],
    ) -> TicketCreateResult:
        row = await tickets.create_ticket(
            info.context,
            subject=input.subject,
            body=input.body_markdown,
            kind=input.kind,
            channel=input.channel,
            severity_inputs=input.severity.to_inputs() if input.severity else None,
            category_id=optional_row_id(input.category_id, "TicketCategory"),
            module=input.product_module,
            installation=input.installation,
            fields=field_values(input.custom_fields),
            tags=input.tags,
            requester=input.requester.to_requester() if input.requester else None,
            queue_id=optional_row_id(input.queue_id, "Queue"),
            request_id=input.request_id,
            file_ids=file_row_ids(input.file_ids),
        )
        return TicketCreateSuccess.of(row, info)

    @strawberry.mutation(
        description="Write to everybody who sees the ticket: customers to the desk, the desk to "
        "customers. A customer's answer wakes a ticket that waits.",
        **requires(Scope.TICKET_WRITE, cost=5),
    )
    async def ticket_reply(
        self, info: Info, input: Annotated[TicketReplyInput, WHAT]
    ) -> TicketReplyResult:
        reply = await ticket_messages.reply_to_ticket(
            info.context,
            ticket_id=ticket_row_id(input.id),
            body=input.body_markdown,
            then=input.then.to_then() if input.then else None,
            expected_revision=input.if_revision,
            request_id=input.request_id,
            file_ids=file_row_ids(input.file_ids),
        )
        return TicketReplySuccess(
            ticket=TicketType.of(reply.ticket, info),
            ticket_message=TicketMessageType.of(reply.message, info),
        )

    @strawberry.mutation(
        description="Write to the desk alone.", **requires(Scope.TICKET_STAFF, cost=5)
    )
    async def ticket_note(
        self, info: Info, input: Annotated[TicketNoteInput, WHAT]
    ) -> TicketNoteResult:
        reply = await ticket_messages.note_on_ticket(
            info.context,
            ticket_id=ticket_row_id(input.id),
            body=input.body_markdown,
            expected_revision=input.if_revision,
            request_id=input.request_id,
            file_ids=file_row_ids(input.file_ids),
        )
        return TicketNoteSuccess(
            ticket=TicketType.of(reply.ticket, info),
            ticket_message=TicketMessageType.of(reply.message, info),
        )

    @strawberry.mutation(
        description="Take back an answer of yours before it is sent: some seconds, see `sentAt`.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_message_take_back(
        self,
        info: Info,
        input: Annotated[
            TicketMessageTakeBackInput, strawberry.argument(description="Which message.")
        ],
    ) -> TicketMessageTakeBackResult:
        reply = await ticket_messages.take_back_message(
            info.context, message_id=row_id_of(input.id, "TicketMessage") or 0
        )
        return TicketMessageTakeBackSuccess(
            ticket=TicketType.of(reply.ticket, info),
            ticket_message=TicketMessageType.of(reply.message, info),
        )
