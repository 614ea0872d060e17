"""GraphQL face of roles."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.rules.reach import Reach
from models.rules.scopes import Scope, parse_scopes
from models.users import Role
from resolvers import roles
from resolvers.changes import UNSET
from resolvers.roles import RoleChanges
from schema.access import requires
from schema.context import Info
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    ForbiddenProblem,
    NameTakenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    RoleBuiltInProblem,
    RoleInUseProblem,
    ScopeNotHeldProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)


@strawberry.type(name="Role", description="A named set of scopes, and whose things they show.")
class RoleType(Node):
    name: str = strawberry.field(description="Unique.")
    scopes: list[Scope] = strawberry.field(description="What its people may do.")
    reach: Reach = strawberry.field(description="Whose things its people see.")
    is_built_in: bool = strawberry.field(description="Of the program: nobody changes it.")
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @classmethod
    def of(cls, row: Role) -> Self:
        """Return the role of a row."""
        held = parse_scopes(row.scopes)
        return cls(
            id=encode_id("Role", row.id),
            name=row.name,
            scopes=[scope for scope in Scope if scope in held],
            reach=row.reach,
            is_built_in=row.is_built_in,
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@strawberry.input(description="What a new role is.")
class RoleCreateInput:
    name: str = strawberry.field(description="1 to 64 characters that no other role has.")
    scopes: list[Scope] = strawberry.field(description="At least one; only those you hold.")
    reach: Reach = strawberry.field(description="Whose things its people see.")


@strawberry.type(description="The role was made.")
class RoleCreateSuccess:
    role: RoleType = strawberry.field(description="As stored.")


RoleCreateResult: TypeAlias = Annotated[
    RoleCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("RoleCreateResult", description="The new role, or the reason why not."),
]


@strawberry.input(description="Which role, and what changes. Absent fields are kept.")
class RoleUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of a role that is not built in.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    name: strawberry.Maybe[str] = strawberry.field(default=None, description="A new name.")
    scopes: strawberry.Maybe[list[Scope]] = strawberry.field(
        default=None, description="All the scopes from now on."
    )
    reach: strawberry.Maybe[Reach] = strawberry.field(default=None, description="A new reach.")

    def to_changes(self) -> RoleChanges:
        """Return what the input sets."""
        return RoleChanges(
            name=UNSET if self.name is None else self.name.value,
            scopes=UNSET if self.scopes is None else frozenset(self.scopes.value),
            reach=UNSET if self.reach is None else self.reach.value,
        )


@strawberry.type(description="The role was saved; its people have its rights from now on.")
class RoleUpdateSuccess:
    role: RoleType = strawberry.field(description="As stored now.")


RoleUpdateResult: TypeAlias = Annotated[
    RoleUpdateSuccess
    | ValidationProblem
    | NameTakenProblem
    | RoleBuiltInProblem
    | RevisionConflictProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("RoleUpdateResult", description="The role, or the reason why not."),
]


@strawberry.input(description="Which role is to go.")
class RoleDeleteInput:
    id: strawberry.ID = strawberry.field(description="Of a role that is not built in.")


@strawberry.type(description="The role is gone.")
class RoleDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="Of the role.")


RoleDeleteResult: TypeAlias = Annotated[
    RoleDeleteSuccess
    | RoleInUseProblem
    | RoleBuiltInProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("RoleDeleteResult", description="The id, or the reason why not."),
]


@strawberry.type
class RoleQueries:
    @strawberry.field(
        description="Every role, the built-in ones first.", **requires(Scope.USER_ADMIN)
    )
    async def roles(self, info: Info) -> list[RoleType]:
        return [RoleType.of(row) for row in await roles.roles(info.context)]


@strawberry.type
class RoleMutations:
    @strawberry.mutation(
        description="Define a role with no more rights than your own; needs the reach ALL.",
        **requires(Scope.USER_ADMIN),
    )
    async def role_create(
        self,
        info: Info,
        input: Annotated[RoleCreateInput, strawberry.argument(description="The new role.")],
    ) -> RoleCreateResult:
        role = await roles.create_role(
            info.context, name=input.name, scopes=frozenset(input.scopes), reach=input.reach
        )
        return RoleCreateSuccess(role=RoleType.of(role))

    @strawberry.mutation(
        description="Change a role that is not built in; needs the reach ALL.",
        **requires(Scope.USER_ADMIN),
    )
    async def role_update(
        self,
        info: Info,
        input: Annotated[RoleUpdateInput, strawberry.argument(description="What changes.")],
    ) -> RoleUpdateResult:
        role = await roles.update_role(
            info.context,
            role_id=row_id_of(input.id, "Role") or 0,
            if_revision=input.if_revision,
            changes=input.to_changes(),
        )
        return RoleUpdateSuccess(role=RoleType.of(role))

    @strawberry.mutation(
        description="Delete a role that nobody has; needs the reach ALL.",
        **requires(Scope.USER_ADMIN),
    )
    async def role_delete(
        self,
        info: Info,
        input: Annotated[RoleDeleteInput, strawberry.argument(description="Which one.")],
    ) -> RoleDeleteResult:
        await roles.delete_role(info.context, role_id=row_id_of(input.id, "Role") or 0)
        return RoleDeleteSuccess(deleted_id=input.id)
