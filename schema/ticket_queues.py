"""GraphQL face of queues: where tickets wait, and who takes them from there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias

import strawberry

from models.rules.scopes import Scope
from models.ticket_queues import TicketQueue
from resolvers import ticket_queues
from resolvers.changes import UNSET
from resolvers.ticket_filters import is_desk
from resolvers.ticket_queues import QueueChanges
from schema.access import requires
from schema.context import Info
from schema.lookups import add_loader
from schema.nodes import Node, encode_id, row_id_of
from schema.people import people_of
from schema.problems import (
    ForbiddenProblem,
    NameTakenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ValidationProblem,
)
from schema.ticket_enums import TicketLine
from schema.users import UserType


@strawberry.type(name="Queue", description="Where tickets of one line wait for somebody.")
class QueueType(Node):
    name: str = strawberry.field(description="Unique.")
    line: TicketLine = strawberry.field(description="Whose tickets wait here.")
    archived_at: datetime | None = strawberry.field(
        description="From then on no ticket gets into it; null while it is in use."
    )
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    row: strawberry.Private[TicketQueue]

    @classmethod
    def of(cls, row: TicketQueue) -> Self:
        """Return the queue of a row."""
        return cls(
            id=encode_id("Queue", row.id),
            name=row.name,
            line=row.line,
            archived_at=row.archived_at,
            revision=row.revision,
            row=row,
        )

    @strawberry.field(description="Who takes tickets from here. A queue wants two or more.")
    async def members(self, info: Info) -> list[UserType]:
        return await people_of(await info.context.loaders.desk.members.load(self.row.id), info)


async def queue_of(row_id: int | None, info: Info) -> QueueType | None:
    """Return the queue of a row id; None for none, and for who is not of the desk."""
    if row_id is None or not is_desk(info.context.viewer):
        return None
    row = await info.context.loaders.desk.queue.load(row_id)
    return None if row is None else QueueType.of(row)


async def _queues(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for the desk."""
    if not is_desk(info.context.viewer):
        return {}
    rows = await info.context.loaders.desk.queue.load_many(ids)
    return {row.id: QueueType.of(row) for row in rows if row is not None}


add_loader("Queue", _queues)


@strawberry.type
class QueueQueries:
    @strawberry.field(
        description="The queues of both lines, by name.", **requires(Scope.TICKET_STAFF)
    )
    async def queues(
        self,
        info: Info,
        archived: Annotated[  # noqa: FBT002 - an argument of a field
            bool, strawberry.argument(description="True: with those that are out of use.")
        ] = False,
    ) -> list[QueueType]:
        rows = await ticket_queues.list_queues(info.context, with_archived=archived)
        return [QueueType.of(row) for row in rows]


@strawberry.input(description="What a new queue is.")
class QueueCreateInput:
    name: str = strawberry.field(description="Unique, at most 200 characters.")
    line: TicketLine = strawberry.field(description="Whose tickets shall wait there.")
    member_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list[strawberry.ID],
        description="Ids of Users of the desk who take tickets from it.",
    )


@strawberry.input(description="Which queue, and what changes. Absent fields are kept.")
class QueueUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the queue.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    name: strawberry.Maybe[str] = strawberry.field(default=None, description="A new name.")
    line: strawberry.Maybe[TicketLine] = strawberry.field(
        default=None, description="Whose tickets shall wait there."
    )
    member_ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        default=None, description="All who take tickets from it from now on."
    )

    def to_changes(self) -> QueueChanges:
        """Return what the input sets."""
        return QueueChanges(
            name=UNSET if self.name is None else self.name.value,
            line=UNSET if self.line is None else self.line.value,
            member_ids=UNSET if self.member_ids is None else _people(self.member_ids.value),
        )


@strawberry.input(description="Which queue.")
class QueueStateInput:
    id: strawberry.ID = strawberry.field(description="Of the queue.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: whatever it is.",
    )


@strawberry.type(description="There is a new queue.")
class QueueCreateSuccess:
    queue: QueueType = strawberry.field(description="As stored.")


@strawberry.type(description="The queue was saved.")
class QueueUpdateSuccess:
    queue: QueueType = strawberry.field(description="As stored now.")


@strawberry.type(description="No ticket gets into the queue any more; those in it stay.")
class QueueArchiveSuccess:
    queue: QueueType = strawberry.field(description="As stored now.")


@strawberry.type(description="The queue is in use again.")
class QueueRestoreSuccess:
    queue: QueueType = strawberry.field(description="As stored now.")


QueueCreateResult: TypeAlias = Annotated[
    QueueCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("QueueCreateResult", description="The queue, or the reason why not."),
]
QueueUpdateResult: TypeAlias = Annotated[
    QueueUpdateSuccess
    | ValidationProblem
    | NameTakenProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("QueueUpdateResult", description="The queue, or the reason why not."),
]
QueueArchiveResult: TypeAlias = Annotated[
    QueueArchiveSuccess
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("QueueArchiveResult", description="The queue, or the reason why not."),
]
QueueRestoreResult: TypeAlias = Annotated[
    QueueRestoreSuccess
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("QueueRestoreResult", description="The queue, or the reason why not."),
]
_WHICH: Final = strawberry.argument(description="Which queue.")


@strawberry.type
class QueueMutations:
    @strawberry.mutation(
        description="Open a queue. Administrators of the desk alone.",
        **requires(Scope.USER_ADMIN),
    )
    async def queue_create(
        self,
        info: Info,
        input: Annotated[QueueCreateInput, strawberry.argument(description="The new queue.")],
    ) -> QueueCreateResult:
        row = await ticket_queues.create_queue(
            info.context, name=input.name, line=input.line, member_ids=_people(input.member_ids)
        )
        return QueueCreateSuccess(queue=QueueType.of(row))

    @strawberry.mutation(
        description="Rename a queue, or let others take tickets from it.",
        **requires(Scope.USER_ADMIN),
    )
    async def queue_update(
        self,
        info: Info,
        input: Annotated[QueueUpdateInput, strawberry.argument(description="The changes.")],
    ) -> QueueUpdateResult:
        row = await ticket_queues.update_queue(
            info.context,
            queue_id=_row_id(input.id),
            changes=input.to_changes(),
            if_revision=input.if_revision,
        )
        return QueueUpdateSuccess(queue=QueueType.of(row))

    @strawberry.mutation(
        description="Take a queue out of use. Tickets that wait in it stay there.",
        **requires(Scope.USER_ADMIN),
    )
    async def queue_archive(
        self, info: Info, input: Annotated[QueueStateInput, _WHICH]
    ) -> QueueArchiveResult:
        row = await ticket_queues.archive_queue(
            info.context, queue_id=_row_id(input.id), if_revision=input.if_revision
        )
        return QueueArchiveSuccess(queue=QueueType.of(row))

    @strawberry.mutation(description="Bring a queue back into use.", **requires(Scope.USER_ADMIN))
    async def queue_restore(
        self, info: Info, input: Annotated[QueueStateInput, _WHICH]
    ) -> QueueRestoreResult:
        row = await ticket_queues.restore_queue(
            info.context, queue_id=_row_id(input.id), if_revision=input.if_revision
        )
        return QueueRestoreSuccess(queue=QueueType.of(row))


def _row_id(text: str) -> int:
    """Return the row id of a queue's global id; 0, of no queue, for any other."""
    return row_id_of(text, "Queue") or 0


def _people(ids: Sequence[str]) -> list[int]:
    return [row_id_of(each, "User") or 0 for each in ids]
