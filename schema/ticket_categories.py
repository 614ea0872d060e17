"""GraphQL face of the tree of categories."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias

import strawberry

from models.rules.scopes import Scope
from models.ticket_categories import TicketCategory
from resolvers import ticket_categories
from resolvers.changes import UNSET
from resolvers.ticket_categories import CategoryChanges
from schema.access import requires
from schema.context import Info
from schema.lookups import add_loader
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ValidationProblem,
)
from schema.ticket_inputs import optional_row_id
from schema.ticket_problems import CategoryInUseProblem


@strawberry.type(
    name="TicketCategory", description="A branch of the tree of what tickets are about."
)
class TicketCategoryType(Node):
    name: str = strawberry.field(description="In the viewer's language.")
    name_ru: str = strawberry.field(description="In Russian.")
    name_en: str = strawberry.field(description="In English.")
    position: int = strawberry.field(description="Its place among those with the same parent.")
    archived_at: datetime | None = strawberry.field(
        description="From then on no ticket gets it; null while it is in use."
    )
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    row: strawberry.Private[TicketCategory]

    @classmethod
    def of(cls, row: TicketCategory, info: Info) -> Self:
        """Return the category of a row."""
        return cls(
            id=encode_id("TicketCategory", row.id),
            name=row.name(info.context.locale),
            name_ru=row.name_ru,
            name_en=row.name_en,
            position=row.position,
            archived_at=row.archived_at,
            revision=row.revision,
            row=row,
        )

    @strawberry.field(description="The branch that it grows from; null at the root.")
    async def parent(self, info: Info) -> "TicketCategoryType | None":
        return await category_of(self.row.parent_id, info)


async def category_of(row_id: int | None, info: Info) -> TicketCategoryType | None:
    """Return the category of a row id, None for none."""
    row = None if row_id is None else await info.context.loaders.desk.category.load(row_id)
    return None if row is None else TicketCategoryType.of(row, info)


async def _categories(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for those who read tickets."""
    if Scope.TICKET_READ not in info.context.viewer.scopes:
        return {}
    rows = await info.context.loaders.desk.category.load_many(ids)
    return {row.id: TicketCategoryType.of(row, info) for row in rows if row is not None}


add_loader("TicketCategory", _categories)


@strawberry.type
class TicketCategoryQueries:
    @strawberry.field(
        description="The whole tree, every branch before those that grow from it.",
        **requires(Scope.TICKET_READ),
    )
    async def ticket_categories(
        self,
        info: Info,
        archived: Annotated[  # noqa: FBT002 - an argument of a field
            bool, strawberry.argument(description="True: with those that are out of use.")
        ] = False,
    ) -> list[TicketCategoryType]:
        rows = await ticket_categories.category_tree(info.context, with_archived=archived)
        return [TicketCategoryType.of(row, info) for row in rows]


@strawberry.input(description="What a new category is.")
class TicketCategoryCreateInput:
    name_ru: str = strawberry.field(description="In Russian, at most 200 characters.")
    name_en: str = strawberry.field(description="In English, at most 200 characters.")
    parent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The branch that it grows from; null or absent: the root."
    )
    position: int = strawberry.field(
        default=0, description="Its place among those with the same parent, least first."
    )


@strawberry.input(description="Which category, and what changes. Absent fields are kept.")
class TicketCategoryUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the category.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    name_ru: strawberry.Maybe[str] = strawberry.field(
        default=None, description="A new Russian name."
    )
    name_en: strawberry.Maybe[str] = strawberry.field(
        default=None, description="A new English name."
    )
    parent_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        default=None, description="Another branch that it grows from; null: the root."
    )
    position: strawberry.Maybe[int] = strawberry.field(default=None, description="A new place.")

    def to_changes(self) -> CategoryChanges:
        """Return what the input sets. An id that is no category's is that of none."""
        parent = UNSET if self.parent_id is None else _optional(self.parent_id.value)
        return CategoryChanges(
            name_ru=UNSET if self.name_ru is None else self.name_ru.value,
            name_en=UNSET if self.name_en is None else self.name_en.value,
            parent_id=parent,
            position=UNSET if self.position is None else self.position.value,
        )


@strawberry.input(description="Which category.")
class TicketCategoryStateInput:
    id: strawberry.ID = strawberry.field(description="Of the category.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: whatever it is.",
    )


@strawberry.type(description="There is a new category.")
class TicketCategoryCreateSuccess:
    category: TicketCategoryType = strawberry.field(description="As stored.")


@strawberry.type(description="The category was saved.")
class TicketCategoryUpdateSuccess:
    category: TicketCategoryType = strawberry.field(description="As stored now.")


@strawberry.type(description="No ticket gets the category any more; those that have it keep it.")
class TicketCategoryArchiveSuccess:
    category: TicketCategoryType = strawberry.field(description="As stored now.")


@strawberry.type(description="The category is in use again.")
class TicketCategoryRestoreSuccess:
    category: TicketCategoryType = strawberry.field(description="As stored now.")


TicketCategoryCreateResult: TypeAlias = Annotated[
    TicketCategoryCreateSuccess
    | ValidationProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketCategoryCreateResult", description="The category, or the reason why not."
    ),
]
TicketCategoryUpdateResult: TypeAlias = Annotated[
    TicketCategoryUpdateSuccess
    | ValidationProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketCategoryUpdateResult", description="The category, or the reason why not."
    ),
]
TicketCategoryArchiveResult: TypeAlias = Annotated[
    TicketCategoryArchiveSuccess
    | CategoryInUseProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketCategoryArchiveResult", description="The category, or the reason why not."
    ),
]
TicketCategoryRestoreResult: TypeAlias = Annotated[
    TicketCategoryRestoreSuccess
    | ValidationProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketCategoryRestoreResult", description="The category, or the reason why not."
    ),
]
_WHICH: Final = strawberry.argument(description="Which category.")


@strawberry.type
class TicketCategoryMutations:
    @strawberry.mutation(
        description="Let a new branch grow. Administrators of the desk alone.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_category_create(
        self,
        info: Info,
        input: Annotated[
            TicketCategoryCreateInput, strawberry.argument(description="The new one.")
        ],
    ) -> TicketCategoryCreateResult:
        row = await ticket_categories.create_category(
            info.context,
            name_ru=input.name_ru,
            name_en=input.name_en,
            parent_id=_optional(input.parent_id),
            position=input.position,
        )
        return TicketCategoryCreateSuccess(category=TicketCategoryType.of(row, info))

    @strawberry.mutation(
        description="Rename a category, or move it with all that grows from it.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_category_update(
        self,
        info: Info,
        input: Annotated[TicketCategoryUpdateInput, strawberry.argument(description="Changes.")],
    ) -> TicketCategoryUpdateResult:
        row = await ticket_categories.update_category(
            info.context,
            category_id=_row_id(input.id),
            changes=input.to_changes(),
            if_revision=input.if_revision,
        )
        return TicketCategoryUpdateSuccess(category=TicketCategoryType.of(row, info))

    @strawberry.mutation(
        description="Take a category out of use. Its tickets keep it.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_category_archive(
        self, info: Info, input: Annotated[TicketCategoryStateInput, _WHICH]
    ) -> TicketCategoryArchiveResult:
        row = await ticket_categories.archive_category(
            info.context, category_id=_row_id(input.id), if_revision=input.if_revision
        )
        return TicketCategoryArchiveSuccess(category=TicketCategoryType.of(row, info))

    @strawberry.mutation(
        description="Bring a category back into use.", **requires(Scope.USER_ADMIN)
    )
    async def ticket_category_restore(
        self, info: Info, input: Annotated[TicketCategoryStateInput, _WHICH]
    ) -> TicketCategoryRestoreResult:
        row = await ticket_categories.restore_category(
            info.context, category_id=_row_id(input.id), if_revision=input.if_revision
        )
        return TicketCategoryRestoreSuccess(category=TicketCategoryType.of(row, info))


def _row_id(text: str) -> int:
    """Return the row id of a category's global id; 0, of no category, for any other."""
    return row_id_of(text, "TicketCategory") or 0


def _optional(text: str | None) -> int | None:
    return optional_row_id(text, "TicketCategory")
