"""GraphQL face of defining custom fields, for those who tend the desk."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias

import strawberry

from models.rules.scopes import Scope
from models.ticket_fields import TicketField
from resolvers import ticket_fields
from resolvers.changes import UNSET
from resolvers.ticket_fields import FieldChanges
from resolvers.ticket_filters import is_desk_administrator
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
from schema.ticket_enums import FieldType, TicketKind


@strawberry.type(
    name="TicketFieldDefinition",
    description="A custom field as administrators define it; others see it by `ticketFields`.",
)
class TicketFieldDefinitionType(Node):
    key: str = strawberry.field(description="Its name, unique and never changed.")
    kind: TicketKind | None = strawberry.field(
        description="The tickets that have it; null for all."
    )
    type: FieldType = strawberry.field(description="What it takes; never changed.")
    label_ru: str = strawberry.field(description="For people who read Russian.")
    label_en: str = strawberry.field(description="For people who read English.")
    choices: list[str] = strawberry.field(description="What a CHOICE may be; else empty.")
    is_required: bool = strawberry.field(
        description="Without it a ticket cannot go to the second line."
    )
    is_for_customers: bool = strawberry.field(description="Customers see it, and may fill it in.")
    position: int = strawberry.field(description="Its place in the form, least first.")
    archived_at: datetime | None = strawberry.field(
        description="From then on nobody fills it in; null while it is in use."
    )
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )

    @classmethod
    def of(cls, row: TicketField) -> Self:
        """Return the field of a row."""
        return cls(
            id=encode_id("TicketFieldDefinition", row.id),
            key=row.key,
            kind=row.kind,
            type=row.type,
            label_ru=row.label_ru,
            label_en=row.label_en,
            choices=list(row.definition.choices),
            is_required=row.is_required,
            is_for_customers=row.is_for_customers,
            position=row.position,
            archived_at=row.archived_at,
            revision=row.revision,
        )


async def _definitions(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for those who tend the desk."""
    if not is_desk_administrator(info.context.viewer):
        return {}
    rows = await ticket_fields.field_rows(info.context, with_archived=True)
    return {row.id: TicketFieldDefinitionType.of(row) for row in rows if row.id in ids}


add_loader("TicketFieldDefinition", _definitions)


@strawberry.type
class TicketFieldDefinitionQueries:
    @strawberry.field(
        description="The custom fields that administrators defined, in the order of the form. For "
        "those who tend the desk.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_field_definitions(
        self,
        info: Info,
        archived: Annotated[  # noqa: FBT002 - an argument of a field
            bool, strawberry.argument(description="True: with those that are out of use.")
        ] = False,
    ) -> list[TicketFieldDefinitionType]:
        rows = await ticket_fields.field_rows(info.context, with_archived=archived)
        return [TicketFieldDefinitionType.of(row) for row in rows]


@strawberry.input(description="What a new custom field is.")
class TicketFieldCreateInput:
    key: str = strawberry.field(
        description="Its name: 1 to 64 of a-z, 0-9 and _, that no field ever had."
    )
    type: FieldType = strawberry.field(description="What it takes.")
    label_ru: str = strawberry.field(description="In Russian, at most 200 characters.")
    label_en: str = strawberry.field(description="In English, at most 200 characters.")
    kind: TicketKind | None = strawberry.field(
        default=None, description="The tickets that have it; null or absent: all."
    )
    choices: list[str] = strawberry.field(
        default_factory=list[str], description="Of a CHOICE 1 to 100; else empty."
    )
    is_required: bool = strawberry.field(
        default=False, description="True: without it no ticket goes to the second line."
    )
    is_for_customers: bool = strawberry.field(
        default=False, description="True: customers see it, and may fill it in."
    )
    position: int = strawberry.field(default=0, description="Its place in the form, least first.")


@strawberry.input(description="Which custom field, and what changes. Absent fields are kept.")
class TicketFieldUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the definition.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    label_ru: strawberry.Maybe[str] = strawberry.field(
        default=None, description="A new Russian label."
    )
    label_en: strawberry.Maybe[str] = strawberry.field(
        default=None, description="A new English label."
    )
    choices: strawberry.Maybe[list[str]] = strawberry.field(
        default=None, description="All choices; tickets keep those that go."
    )
    is_required: strawberry.Maybe[bool] = strawberry.field(
        default=None, description="Whether a ticket needs it for the second line."
    )
    is_for_customers: strawberry.Maybe[bool] = strawberry.field(
        default=None, description="Whether customers see it."
    )
    position: strawberry.Maybe[int] = strawberry.field(default=None, description="A new place.")

    def to_changes(self) -> FieldChanges:
        """Return what the input sets."""
        return FieldChanges(
            label_ru=UNSET if self.label_ru is None else self.label_ru.value,
            label_en=UNSET if self.label_en is None else self.label_en.value,
            choices=UNSET if self.choices is None else self.choices.value,
            is_required=UNSET if self.is_required is None else self.is_required.value,
            is_for_customers=UNSET
            if self.is_for_customers is None
            else self.is_for_customers.value,
            position=UNSET if self.position is None else self.position.value,
        )


@strawberry.input(description="Which custom field.")
class TicketFieldStateInput:
    id: strawberry.ID = strawberry.field(description="Of the definition.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: whatever it is.",
    )


@strawberry.type
class TicketFieldAnswer:
    """Shows the field; every success of a mutation on one does."""

    field: TicketFieldDefinitionType = strawberry.field(description="As stored now.")

    @classmethod
    def of(cls, row: TicketField) -> Self:
        """Return the success with the field of a row."""
        return cls(field=TicketFieldDefinitionType.of(row))


@strawberry.type(description="There is a new custom field.")
class TicketFieldCreateSuccess(TicketFieldAnswer): ...


@strawberry.type(description="The custom field was saved.")
class TicketFieldUpdateSuccess(TicketFieldAnswer): ...


@strawberry.type(description="Nobody fills the field in any more; tickets keep what it says.")
class TicketFieldArchiveSuccess(TicketFieldAnswer): ...


@strawberry.type(description="The custom field is in use again.")
class TicketFieldRestoreSuccess(TicketFieldAnswer): ...


_Changed: TypeAlias = (
    NotFoundProblem | RevisionConflictProblem | ReachNotHeldProblem | ForbiddenProblem
)
TicketFieldCreateResult: TypeAlias = Annotated[
    TicketFieldCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("TicketFieldCreateResult", description="The field, or the reason why not."),
]
TicketFieldUpdateResult: TypeAlias = Annotated[
    TicketFieldUpdateSuccess | ValidationProblem | _Changed,
    strawberry.union("TicketFieldUpdateResult", description="The field, or the reason why not."),
]
TicketFieldArchiveResult: TypeAlias = Annotated[
    TicketFieldArchiveSuccess | _Changed,
    strawberry.union("TicketFieldArchiveResult", description="The field, or the reason why not."),
]
TicketFieldRestoreResult: TypeAlias = Annotated[
    TicketFieldRestoreSuccess | _Changed,
    strawberry.union("TicketFieldRestoreResult", description="The field, or the reason why not."),
]
_WHICH: Final = strawberry.argument(description="Which field.")


@strawberry.type
class TicketFieldMutations:
    @strawberry.mutation(
        description="Define a custom field. Administrators of the desk alone.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_field_create(
        self,
        info: Info,
        input: Annotated[TicketFieldCreateInput, strawberry.argument(description="The new one.")],
    ) -> TicketFieldCreateResult:
        row = await ticket_fields.create_field(
            info.context,
            key=input.key,
            type=input.type,
            label_ru=input.label_ru,
            label_en=input.label_en,
            kind=input.kind,
            choices=input.choices,
            is_required=input.is_required,
            is_for_customers=input.is_for_customers,
            position=input.position,
        )
        return TicketFieldCreateSuccess.of(row)

    @strawberry.mutation(
        description="Change a custom field; its key, kind and type stay for ever.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_field_update(
        self,
        info: Info,
        input: Annotated[TicketFieldUpdateInput, strawberry.argument(description="Changes.")],
    ) -> TicketFieldUpdateResult:
        row = await ticket_fields.update_field(
            info.context,
            field_id=_row_id(input.id),
            changes=input.to_changes(),
            if_revision=input.if_revision,
        )
        return TicketFieldUpdateSuccess.of(row)

    @strawberry.mutation(
        description="Take a custom field out of use.", **requires(Scope.USER_ADMIN)
    )
    async def ticket_field_archive(
        self, info: Info, input: Annotated[TicketFieldStateInput, _WHICH]
    ) -> TicketFieldArchiveResult:
        row = await ticket_fields.archive_field(
            info.context, field_id=_row_id(input.id), if_revision=input.if_revision
        )
        return TicketFieldArchiveSuccess.of(row)

    @strawberry.mutation(
        description="Bring a custom field back into use.", **requires(Scope.USER_ADMIN)
    )
    async def ticket_field_restore(
        self, info: Info, input: Annotated[TicketFieldStateInput, _WHICH]
    ) -> TicketFieldRestoreResult:
        row = await ticket_fields.archive_field(
            info.context,
            field_id=_row_id(input.id),
            is_archived=False,
            if_revision=input.if_revision,
        )
        return TicketFieldRestoreSuccess.of(row)


def _row_id(text: str) -> int:
    """Return the row id of a definition's global id; 0, of none, for any other."""
    return row_id_of(text, "TicketFieldDefinition") or 0
