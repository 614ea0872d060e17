"""GraphQL face of changing people."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import user_edits
from resolvers.changes import UNSET
from resolvers.erasures import erase_user
from resolvers.link_transfers import transfer_links
from resolvers.profiles import ProfileChanges, update_viewer
from resolvers.user_edits import UserChanges
from schema.access import requires, signed_in
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import (
    EmailTakenProblem,
    ForbiddenProblem,
    LastAdministratorProblem,
    NotFoundProblem,
    QuotaExceededProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ScopeNotHeldProblem,
    StepUpRequiredProblem,
    UserActiveProblem,
    ValidationProblem,
)
from schema.scalars import Count, Locale, TimeZone
from schema.users import UserType


@strawberry.input(description="Who, and what changes. Absent fields are kept, null clears one.")
class UserUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the person.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    name: strawberry.Maybe[str] = strawberry.field(default=None, description="A new name.")
    email: strawberry.Maybe[str] = strawberry.field(
        default=None,
        description="Address to sign in by; sessions end, and the old and the new one get a "
        "letter. Needs the reach ALL and a fresh proof of identity.",
    )
    role: strawberry.Maybe[str] = strawberry.field(
        default=None, description="Name of a role with no more rights than yours."
    )
    organization_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        default=None,
        description="Where they belong; links of no organization come along. Needs the reach ALL.",
    )
    max_links: strawberry.Maybe[Count | None] = strawberry.field(
        default=None, description="Most links of the person; those beyond it stay."
    )

    def to_changes(self) -> UserChanges:
        """Return what the input sets. An id that is no organization's is that of none."""
        place: int | None = None
        if self.organization_id is not None and self.organization_id.value is not None:
            place = row_id_of(self.organization_id.value, "Organization") or 0
        return UserChanges(
            name=UNSET if self.name is None else self.name.value,
            email=UNSET if self.email is None else self.email.value,
            role=UNSET if self.role is None else self.role.value,
            organization_id=UNSET if self.organization_id is None else place,
            max_links=UNSET if self.max_links is None else self.max_links.value,
        )


@strawberry.type(description="The person was saved.")
class UserUpdateSuccess:
    user: UserType = strawberry.field(description="As stored now.")


UserUpdateResult: TypeAlias = Annotated[
    UserUpdateSuccess
    | ValidationProblem
    | EmailTakenProblem
    | StepUpRequiredProblem
    | LastAdministratorProblem
    | QuotaExceededProblem
    | RevisionConflictProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("UserUpdateResult", description="The person, or the reason why not."),
]


@strawberry.input(description="Which person.")
class UserStateInput:
    id: strawberry.ID = strawberry.field(description="Of the person.")


@strawberry.type(description="The person cannot sign in; every session and every key has ended.")
class UserDeactivateSuccess:
    user: UserType = strawberry.field(description="As stored now.")


UserDeactivateResult: TypeAlias = Annotated[
    UserDeactivateSuccess
    | LastAdministratorProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("UserDeactivateResult", description="The person, or the reason why not."),
]


@strawberry.type(description="The person can sign in again; keys of before stay void.")
class UserActivateSuccess:
    user: UserType = strawberry.field(description="As stored now.")


UserActivateResult: TypeAlias = Annotated[
    UserActivateSuccess
    | QuotaExceededProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("UserActivateResult", description="The person, or the reason why not."),
]


@strawberry.input(description="Whose data goes, and where the links go.")
class UserEraseInput:
    id: strawberry.ID = strawberry.field(description="Of a deactivated person.")
    links_to_user_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Who gets the links; null or absent: nobody, and they go on leading.",
    )


@strawberry.type(description="All that tells who the person was is gone.")
class UserEraseSuccess:
    user: UserType = strawberry.field(description="What is left.")


UserEraseResult: TypeAlias = Annotated[
    UserEraseSuccess
    | ValidationProblem
    | UserActiveProblem
    | StepUpRequiredProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union("UserEraseResult", description="What is left, or the reason why not."),
]


@strawberry.input(description="Whose links become whose.")
class LinksTransferInput:
    from_user_id: strawberry.ID = strawberry.field(description="Who has them.")
    to_user_id: strawberry.ID = strawberry.field(description="Who gets them: an active person.")


@strawberry.type(description="The links have their new owner.")
class LinksTransferSuccess:
    transferred: Count = strawberry.field(
        description="How many; deleted links go along and are not counted."
    )


LinksTransferResult: TypeAlias = Annotated[
    LinksTransferSuccess
    | ValidationProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("LinksTransferResult", description="How many, or the reason why not."),
]


@strawberry.input(description="What changes of yourself. Absent fields are kept.")
class ViewerUpdateInput:
    name: strawberry.Maybe[str] = strawberry.field(
        default=None, description="As you wish to be called, 1 to 200 characters."
    )
    locale: strawberry.Maybe[Locale] = strawberry.field(
        default=None, description="Language of messages and letters."
    )
    time_zone: strawberry.Maybe[TimeZone] = strawberry.field(
        default=None, description="For charts and letters."
    )

    def to_changes(self) -> ProfileChanges:
        """Return what the input sets."""
        return ProfileChanges(
            name=UNSET if self.name is None else self.name.value,
            locale=UNSET if self.locale is None else self.locale.value,
            time_zone=UNSET if self.time_zone is None else self.time_zone.value,
        )


@strawberry.type(description="Your profile was saved.")
class ViewerUpdateSuccess:
    user: UserType = strawberry.field(description="You, as stored now.")
    locale: Locale = strawberry.field(description="Language of messages and letters.")
    time_zone: TimeZone = strawberry.field(description="For charts and letters.")


ViewerUpdateResult: TypeAlias = Annotated[
    ViewerUpdateSuccess | ValidationProblem | ForbiddenProblem,
    strawberry.union("ViewerUpdateResult", description="You, or the reason why not."),
]


@strawberry.type
class UserMutations:
    @strawberry.mutation(
        description="Change a person in your reach. A new role ends their sessions.",
        **requires(Scope.USER_ADMIN),
    )
    async def user_update(
        self,
        info: Info,
        input: Annotated[UserUpdateInput, strawberry.argument(description="What changes.")],
    ) -> UserUpdateResult:
        row = await user_edits.update_user(
            info.context,
            user_id=row_id_of(input.id, "User") or 0,
            if_revision=input.if_revision,
            changes=input.to_changes(),
        )
        return UserUpdateSuccess(user=UserType.of(row, info))

    @strawberry.mutation(
        description="Let a person in no more: every session and key ends at once. Doing it twice "
        "is no error.",
        **requires(Scope.USER_ADMIN),
    )
    async def user_deactivate(
        self,
        info: Info,
        input: Annotated[UserStateInput, strawberry.argument(description="Who.")],
    ) -> UserDeactivateResult:
        row = await user_edits.deactivate_user(
            info.context, user_id=row_id_of(input.id, "User") or 0
        )
        return UserDeactivateSuccess(user=UserType.of(row, info))

    @strawberry.mutation(
        description="Let a person in again. Doing it twice is no error.",
        **requires(Scope.USER_ADMIN),
    )
    async def user_activate(
        self,
        info: Info,
        input: Annotated[UserStateInput, strawberry.argument(description="Who.")],
    ) -> UserActivateResult:
        row = await user_edits.activate_user(info.context, user_id=row_id_of(input.id, "User") or 0)
        return UserActivateSuccess(user=UserType.of(row, info))

    @strawberry.mutation(
        description="Wipe the data of a deactivated person, for good. Doing it twice is no error. "
        "Needs a fresh proof of identity.",
        **requires(Scope.USER_ADMIN),
    )
    async def user_erase(
        self,
        info: Info,
        input: Annotated[UserEraseInput, strawberry.argument(description="Who.")],
    ) -> UserEraseResult:
        heir = input.links_to_user_id
        row = await erase_user(
            info.context,
            user_id=row_id_of(input.id, "User") or 0,
            links_to_user_id=None if heir is None else row_id_of(heir, "User") or 0,
        )
        return UserEraseSuccess(user=UserType.of(row, info))

    @strawberry.mutation(
        description="Give all links of one person to another one.", **requires(Scope.USER_ADMIN)
    )
    async def links_transfer(
        self,
        info: Info,
        input: Annotated[LinksTransferInput, strawberry.argument(description="Whose.")],
    ) -> LinksTransferResult:
        moved = await transfer_links(
            info.context,
            from_user_id=row_id_of(input.from_user_id, "User") or 0,
            to_user_id=row_id_of(input.to_user_id, "User") or 0,
        )
        return LinksTransferSuccess(transferred=Count(moved))

    @strawberry.mutation(
        description="Change your own profile. A key needs every right of its owner for this.",
        **signed_in(),
    )
    async def viewer_update(
        self,
        info: Info,
        input: Annotated[ViewerUpdateInput, strawberry.argument(description="What changes.")],
    ) -> ViewerUpdateResult:
        row = await update_viewer(info.context, changes=input.to_changes())
        return ViewerUpdateSuccess(
            user=UserType.of(row, info),
            locale=Locale(row.locale),
            time_zone=TimeZone(row.time_zone),
        )
