"""GraphQL face of changing organizations."""

from typing import Annotated, TypeAlias

import strawberry

from models.organizations import OrganizationKind
from models.rules.scopes import Scope
from resolvers import organizations
from resolvers.changes import UNSET
from resolvers.organizations import OrganizationChanges
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.organizations import OrganizationType
from schema.problems import (
    ForbiddenProblem,
    LastAdministratorProblem,
    NameTakenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)
from schema.scalars import Count


@strawberry.input(description="What a new organization is.")
class OrganizationCreateInput:
    name: str = strawberry.field(description="1 to 200 characters that no other one has.")
    kind: OrganizationKind = strawberry.field(description="What it is to the operator.")
    max_links: Count | None = strawberry.field(
        default=None, description="Most links of all its people; null or absent: no bound."
    )
    max_users: Count | None = strawberry.field(
        default=None, description="Most active people; null or absent: no bound."
    )


@strawberry.type(description="The organization was made.")
class OrganizationCreateSuccess:
    organization: OrganizationType = strawberry.field(description="As stored.")


OrganizationCreateResult: TypeAlias = Annotated[
    OrganizationCreateSuccess
    | ValidationProblem
    | NameTakenProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "OrganizationCreateResult", description="The new organization, or the reason why not."
    ),
]


@strawberry.input(
    description="Which organization, and what changes. Absent fields are kept, null lifts a bound."
)
class OrganizationUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the organization.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    name: strawberry.Maybe[str] = strawberry.field(default=None, description="A new name.")
    kind: strawberry.Maybe[OrganizationKind] = strawberry.field(
        default=None, description="A new kind."
    )
    max_links: strawberry.Maybe[Count | None] = strawberry.field(
        default=None, description="A new bound; links beyond it stay."
    )
    max_users: strawberry.Maybe[Count | None] = strawberry.field(
        default=None, description="A new bound; people beyond it stay."
    )

    def to_changes(self) -> OrganizationChanges:
        """Return what the input sets."""
        return OrganizationChanges(
            name=UNSET if self.name is None else self.name.value,
            kind=UNSET if self.kind is None else self.kind.value,
            max_links=UNSET if self.max_links is None else self.max_links.value,
            max_users=UNSET if self.max_users is None else self.max_users.value,
        )


@strawberry.type(description="The organization was saved.")
class OrganizationUpdateSuccess:
    organization: OrganizationType = strawberry.field(description="As stored now.")


OrganizationUpdateResult: TypeAlias = Annotated[
    OrganizationUpdateSuccess
    | ValidationProblem
    | NameTakenProblem
    | RevisionConflictProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "OrganizationUpdateResult", description="The organization, or the reason why not."
    ),
]


@strawberry.input(description="Which organization.")
class OrganizationStateInput:
    id: strawberry.ID = strawberry.field(description="Of the organization.")


@strawberry.type(description="None of its people can sign in, and their keys open nothing.")
class OrganizationDeactivateSuccess:
    organization: OrganizationType = strawberry.field(description="As stored now.")


OrganizationDeactivateResult: TypeAlias = Annotated[
    OrganizationDeactivateSuccess
    | LastAdministratorProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union(
        "OrganizationDeactivateResult", description="The organization, or the reason why not."
    ),
]


@strawberry.type(description="Its people can sign in again.")
class OrganizationActivateSuccess:
    organization: OrganizationType = strawberry.field(description="As stored now.")


OrganizationActivateResult: TypeAlias = Annotated[
    OrganizationActivateSuccess
    | NotFoundProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union(
        "OrganizationActivateResult", description="The organization, or the reason why not."
    ),
]


@strawberry.type
class OrganizationMutations:
    @strawberry.mutation(
        description="Make an organization; needs the reach ALL.", **requires(Scope.USER_ADMIN)
    )
    async def organization_create(
        self,
        info: Info,
        input: Annotated[OrganizationCreateInput, strawberry.argument(description="The new one.")],
    ) -> OrganizationCreateResult:
        row = await organizations.create_organization(
            info.context,
            name=input.name,
            kind=input.kind,
            max_links=input.max_links,
            max_users=input.max_users,
        )
        return OrganizationCreateSuccess(organization=OrganizationType.of(row))

    @strawberry.mutation(
        description="Change an organization; needs the reach ALL.", **requires(Scope.USER_ADMIN)
    )
    async def organization_update(
        self,
        info: Info,
        input: Annotated[OrganizationUpdateInput, strawberry.argument(description="What changes.")],
    ) -> OrganizationUpdateResult:
        row = await organizations.update_organization(
            info.context,
            organization_id=row_id_of(input.id, "Organization") or 0,
            if_revision=input.if_revision,
            changes=input.to_changes(),
        )
        return OrganizationUpdateSuccess(organization=OrganizationType.of(row))

    @strawberry.mutation(
        description="Let none of its people in; links go on leading. Doing it twice is no error. "
        "Needs the reach ALL.",
        **requires(Scope.USER_ADMIN),
    )
    async def organization_deactivate(
        self,
        info: Info,
        input: Annotated[OrganizationStateInput, strawberry.argument(description="Which one.")],
    ) -> OrganizationDeactivateResult:
        row = await organizations.deactivate_organization(
            info.context, organization_id=row_id_of(input.id, "Organization") or 0
        )
        return OrganizationDeactivateSuccess(organization=OrganizationType.of(row))

    @strawberry.mutation(
        description="Let its people in again; needs the reach ALL.", **requires(Scope.USER_ADMIN)
    )
    async def organization_activate(
        self,
        info: Info,
        input: Annotated[OrganizationStateInput, strawberry.argument(description="Which one.")],
    ) -> OrganizationActivateResult:
        row = await organizations.activate_organization(
            info.context, organization_id=row_id_of(input.id, "Organization") or 0
        )
        return OrganizationActivateSuccess(organization=OrganizationType.of(row))
