"""GraphQL face of invitations."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.invitations import Invitation
from models.rules.scopes import Scope
from resolvers import invitations
from resolvers.invitation_accepting import accept_invitation
from resolvers.invitation_lists import count_invitations, invitation_cursor, invitations_page
from resolvers.paging import Page
from schema.access import requires
from schema.context import Info
from schema.nodes import Node, encode_id, row_id_of
from schema.organizations import OrganizationType, organization_of
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.problems import (
    EmailTakenProblem,
    ForbiddenProblem,
    InsecureTransportProblem,
    InvitationInvalidProblem,
    NotFoundProblem,
    QuotaExceededProblem,
    RateLimitedProblem,
    ReachNotHeldProblem,
    ScopeNotHeldProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)
from schema.scalars import Count, Locale


@strawberry.type(name="Invitation", description="Asks an address by letter to make an account.")
class InvitationType(Node):
    email: str = strawberry.field(description="Of whom; in lower case.")
    role: str = strawberry.field(description="Name of the role they will have.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="From then on it opens nothing.")
    accepted_at: datetime | None = strawberry.field(
        description="When the account was made; null before."
    )
    revoked_at: datetime | None = strawberry.field(
        description="When it was revoked or replaced; null for neither."
    )
    row: strawberry.Private[Invitation]

    @classmethod
    def of(cls, row: Invitation) -> Self:
        """Return the invitation of a row; the role must be loaded."""
        return cls(
            id=encode_id("Invitation", row.id),
            email=row.email,
            role=row.role.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
            accepted_at=row.accepted_at,
            revoked_at=row.revoked_at,
            row=row,
        )

    @strawberry.field(description="Where they will belong; null for nowhere.")
    async def organization(self, info: Info) -> OrganizationType | None:
        return await organization_of(self.row.organization_id, info)


@strawberry.type(description="An invitation and its place in the list.")
class InvitationEdge:
    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: InvitationType = strawberry.field(description="The invitation.")


@strawberry.type(description="A page of invitations, the newest first.")
class InvitationConnection:
    page: strawberry.Private[Page[Invitation]]
    only_open: strawberry.Private[bool]

    @strawberry.field(description="The invitations, without their cursors.")
    def nodes(self) -> list[InvitationType]:
        return [InvitationType.of(row) for row in self.page.rows]

    @strawberry.field(description="The invitations with their cursors.")
    def edges(self) -> list[InvitationEdge]:
        return [
            InvitationEdge(cursor=invitation_cursor(row), node=InvitationType.of(row))
            for row in self.page.rows
        ]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        return PageInfoType.of(self.page, invitation_cursor)

    @strawberry.field(description="On all pages; costs a query of its own.")
    async def total_count(self, info: Info) -> Count | None:
        return Count(await count_invitations(info.context, only_open=self.only_open))


@strawberry.input(description="Whom to ask, and what they will be.")
class InvitationCreateInput:
    email: str = strawberry.field(description="Address of the person, and of the account.")
    role: str = strawberry.field(description="Name of a role with no more rights than yours.")
    organization_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Where they will belong. Null or absent: nowhere; for a viewer whose reach is "
        "an organization always that one.",
    )
    locale: Locale = strawberry.field(
        default=Locale("en"), description="Of the letter, and of the account at first."
    )


@strawberry.type(description="The letter will be sent; an earlier open invitation is void.")
class InvitationCreateSuccess:
    invitation: InvitationType = strawberry.field(description="As stored.")


InvitationCreateResult: TypeAlias = Annotated[
    InvitationCreateSuccess
    | ValidationProblem
    | RateLimitedProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("InvitationCreateResult", description="It, or the reason why not."),
]


@strawberry.input(description="Which invitation.")
class InvitationStateInput:
    id: strawberry.ID = strawberry.field(description="Of an open invitation.")


@strawberry.type(description="It will be sent again, with seven more days; the old link is void.")
class InvitationResendSuccess:
    invitation: InvitationType = strawberry.field(description="As stored now.")


InvitationResendResult: TypeAlias = Annotated[
    InvitationResendSuccess
    | RateLimitedProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("InvitationResendResult", description="It, or the reason why not."),
]


@strawberry.type(description="It opens nothing any more.")
class InvitationRevokeSuccess:
    invitation: InvitationType = strawberry.field(description="As stored now.")


InvitationRevokeResult: TypeAlias = Annotated[
    InvitationRevokeSuccess | NotFoundProblem | ForbiddenProblem,
    strawberry.union("InvitationRevokeResult", description="It, or the reason why not."),
]


@strawberry.input(description="What the letter brought, and who comes.")
class InvitationAcceptInput:
    token: str | None = strawberry.field(description="From the address in the letter.")
    name: str = strawberry.field(description="As people will see it, 1 to 200 characters.")
    password: str | None = strawberry.field(
        default=None,
        description="For signing in, at least 8 characters. Null or absent where people of the "
        "role sign in elsewhere alone.",
    )


@strawberry.type(description="The account was made; sign in with `sessionCreate`.")
class InvitationAcceptSuccess:
    email: str = strawberry.field(description="Address to sign in with.")


InvitationAcceptResult: TypeAlias = Annotated[
    InvitationAcceptSuccess
    | InvitationInvalidProblem
    | InsecureTransportProblem
    | EmailTakenProblem
    | QuotaExceededProblem
    | RateLimitedProblem
    | ValidationProblem,
    strawberry.union("InvitationAcceptResult", description="The address, or the reason why not."),
]


@strawberry.type
class InvitationQueries:
    @strawberry.field(
        description="Invitations in your reach, the newest first.", **requires(Scope.USER_ADMIN)
    )
    async def invitations(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        only_open: Annotated[  # noqa: FBT002 - an argument of a field
            bool,
            strawberry.argument(
                description="Leave out the accepted, the revoked and the expired ones."
            ),
        ] = True,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> InvitationConnection:
        window = page_window(first, after, last, before)
        page = await invitations_page(info.context, only_open=only_open, window=window)
        return InvitationConnection(page=page, only_open=only_open)


@strawberry.type
class InvitationMutations:
    @strawberry.mutation(
        description="Invite an address by letter. Whether it has an account shows only to who "
        "gets the letter.",
        **requires(Scope.USER_ADMIN),
    )
    async def invitation_create(
        self,
        info: Info,
        input: Annotated[InvitationCreateInput, strawberry.argument(description="Whom to ask.")],
    ) -> InvitationCreateResult:
        place = input.organization_id
        row = await invitations.create_invitation(
            info.context,
            email=input.email,
            role=input.role,
            organization_id=None if place is None else row_id_of(place, "Organization") or 0,
            locale=input.locale,
        )
        return InvitationCreateSuccess(invitation=InvitationType.of(row))

    @strawberry.mutation(
        description="Send the letter of an open or expired invitation again.",
        **requires(Scope.USER_ADMIN),
    )
    async def invitation_resend(
        self,
        info: Info,
        input: Annotated[InvitationStateInput, strawberry.argument(description="Which one.")],
    ) -> InvitationResendResult:
        row = await invitations.resend_invitation(
            info.context, invitation_id=row_id_of(input.id, "Invitation") or 0
        )
        return InvitationResendSuccess(invitation=InvitationType.of(row))

    @strawberry.mutation(
        description="Let an invitation open nothing any more.", **requires(Scope.USER_ADMIN)
    )
    async def invitation_revoke(
        self,
        info: Info,
        input: Annotated[InvitationStateInput, strawberry.argument(description="Which one.")],
    ) -> InvitationRevokeResult:
        row = await invitations.revoke_invitation(
            info.context, invitation_id=row_id_of(input.id, "Invitation") or 0
        )
        return InvitationRevokeSuccess(invitation=InvitationType.of(row))

    @strawberry.mutation(
        description="Make the account that an invitation promises. For everybody who holds the "
        "letter; of several at once one wins."
    )
    async def invitation_accept(
        self,
        info: Info,
        input: Annotated[InvitationAcceptInput, strawberry.argument(description="Who comes.")],
    ) -> InvitationAcceptResult:
        user = await accept_invitation(
            info.context, token=input.token, name=input.name, password=input.password
        )
        return InvitationAcceptSuccess(email=user.email)
