"""GraphQL face of changing links."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from models.errors import NotFoundError
from models.rules.scopes import Scope
from resolvers import links
from resolvers.links import UNSET, LinkChanges
from schema.access import requires
from schema.context import Info
from schema.links import LinkType
from schema.nodes import encode_id, row_id_of
from schema.problems import (
    DomainUnknownProblem,
    ForbiddenProblem,
    NotFoundProblem,
    QuotaExceededProblem,
    RateLimitedProblem,
    RequestIdReusedProblem,
    RequestUndoneProblem,
    RevisionConflictProblem,
    SlugInvalidProblem,
    SlugReservedProblem,
    SlugTakenProblem,
    TargetLoopProblem,
    TargetNotAllowedProblem,
    TargetTooLongProblem,
    ValidationProblem,
)
from schema.scalars import Url


@strawberry.input(description="What a new link is made of.")
class LinkCreateInput:
    url: Url = strawberry.field(
        description="Where it leads: absolute, http or https, at most 2,048 characters. Stored in "
        "the form a browser would send."
    )
    slug: str | None = strawberry.field(
        default=None,
        description="1 to 64 letters and digits of one script, `-` and `_`; capitals matter. "
        "Null or absent: a random one.",
    )
    domain: str | None = strawberry.field(
        default=None, description="Host that shall serve it; null or absent: the default domain."
    )
    title: str | None = strawberry.field(
        default=None,
        description="For your own lists, at most 300 characters. Without one that of the page "
        "may be fetched a little later.",
    )
    starts_at: datetime | None = strawberry.field(
        default=None, description="Answers 404 before this moment; null or absent: at once."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="Answers 410 from this moment on; null or absent: never."
    )
    password: str | None = strawberry.field(
        default=None,
        description="What visitors have to type before they are sent on, 8 to 128 characters. "
        "Nobody can read it again. Null or absent: nothing is asked.",
    )
    reuse_deleted_slug: bool = strawberry.field(
        default=False,
        description="Take the slug of a deleted link. Staff may do so with anybody's; your own "
        "you get back without this.",
    )
    request_id: str | None = strawberry.field(
        default=None,
        description="Makes a retry safe: the same value with the same input gives the same link "
        "for 24 hours, also when both are sent at once; RequestUndoneProblem once it was deleted.",
    )


@strawberry.type(description="The link was created.")
class LinkCreateSuccess:
    link: LinkType = strawberry.field(description="As stored.")


LinkCreateResult: TypeAlias = Annotated[
    LinkCreateSuccess
    | ValidationProblem
    | TargetNotAllowedProblem
    | TargetLoopProblem
    | TargetTooLongProblem
    | SlugInvalidProblem
    | SlugReservedProblem
    | SlugTakenProblem
    | DomainUnknownProblem
    | RequestIdReusedProblem
    | RequestUndoneProblem
    | QuotaExceededProblem
    | RateLimitedProblem
    | ForbiddenProblem,
    strawberry.union("LinkCreateResult", description="The new link, or the reason why not."),
]


@strawberry.input(
    description="Which link, and what changes. Absent fields are kept, null clears a field."
)
class LinkUpdateInput:
    id: strawberry.ID = strawberry.field(description="Of the link.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last save wins.",
    )
    url: strawberry.Maybe[Url] = strawberry.field(
        default=None, description="A new target; cannot be cleared."
    )
    slug: strawberry.Maybe[str] = strawberry.field(
        default=None,
        description="A new slug; cannot be cleared. The former ones go on leading here.",
    )
    title: strawberry.Maybe[str | None] = strawberry.field(default=None, description="A new title.")
    starts_at: strawberry.Maybe[datetime | None] = strawberry.field(
        default=None, description="A new start."
    )
    expires_at: strawberry.Maybe[datetime | None] = strawberry.field(
        default=None, description="A new end."
    )
    disabled: strawberry.Maybe[bool] = strawberry.field(
        default=None, description="True switches the link off, false on again."
    )
    password: strawberry.Maybe[str | None] = strawberry.field(
        default=None,
        description="A new password for visitors, 8 to 128 characters; null asks for none any "
        "more.",
    )

    def to_changes(self) -> LinkChanges:
        """Return what the input sets."""
        return LinkChanges(
            url=UNSET if self.url is None else self.url.value,
            slug=UNSET if self.slug is None else self.slug.value,
            title=UNSET if self.title is None else self.title.value,
            starts_at=UNSET if self.starts_at is None else self.starts_at.value,
            expires_at=UNSET if self.expires_at is None else self.expires_at.value,
            disabled=UNSET if self.disabled is None else self.disabled.value,
            password=UNSET if self.password is None else self.password.value,
        )


@strawberry.type(description="The link was saved.")
class LinkUpdateSuccess:
    link: LinkType = strawberry.field(description="As stored now, with its new revision.")


LinkUpdateResult: TypeAlias = Annotated[
    LinkUpdateSuccess
    | ValidationProblem
    | TargetNotAllowedProblem
    | TargetLoopProblem
    | TargetTooLongProblem
    | SlugInvalidProblem
    | SlugReservedProblem
    | SlugTakenProblem
    | NotFoundProblem
    | RevisionConflictProblem
    | RateLimitedProblem
    | ForbiddenProblem,
    strawberry.union("LinkUpdateResult", description="The saved link, or the reason why not."),
]


@strawberry.input(description="Which link to delete.")
class LinkDeleteInput:
    id: strawberry.ID = strawberry.field(description="Of the link.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: delete whatever it is.",
    )


@strawberry.type(description="The link was deleted; it answers 404 from now on.")
class LinkDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="To take it out of a cache.")


LinkDeleteResult: TypeAlias = Annotated[
    LinkDeleteSuccess | NotFoundProblem | RevisionConflictProblem | ForbiddenProblem,
    strawberry.union("LinkDeleteResult", description="Success, or the reason why not."),
]


@strawberry.type
class LinkMutations:
    @strawberry.mutation(
        description="Create a short link. It is in force everywhere within a second.",
        **requires(Scope.LINK_WRITE),
    )
    async def link_create(
        self,
        info: Info,
        input: Annotated[LinkCreateInput, strawberry.argument(description="The new link.")],
    ) -> LinkCreateResult:
        row = await links.create_link(
            info.context,
            url=input.url,
            slug=input.slug,
            host=input.domain,
            title=input.title,
            starts_at=input.starts_at,
            expires_at=input.expires_at,
            password=input.password,
            reuse_deleted_slug=input.reuse_deleted_slug,
            request_id=input.request_id,
        )
        return LinkCreateSuccess(link=(await LinkType.load([row], info))[0])

    @strawberry.mutation(
        description="Change a link. Visitors meet the change within a second.",
        **requires(Scope.LINK_WRITE),
    )
    async def link_update(
        self,
        info: Info,
        input: Annotated[LinkUpdateInput, strawberry.argument(description="The changes.")],
    ) -> LinkUpdateResult:
        row = await links.update_link(
            info.context,
            link_id=_row_id(input.id),
            if_revision=input.if_revision,
            changes=input.to_changes(),
        )
        return LinkUpdateSuccess(link=(await LinkType.load([row], info))[0])

    @strawberry.mutation(
        description="Delete a link. Its slugs stay held, so that printed links never lead to "
        "strangers.",
        **requires(Scope.LINK_WRITE),
    )
    async def link_delete(
        self,
        info: Info,
        input: Annotated[LinkDeleteInput, strawberry.argument(description="Which one.")],
    ) -> LinkDeleteResult:
        row = await links.delete_link(
            info.context, link_id=_row_id(input.id), if_revision=input.if_revision
        )
        return LinkDeleteSuccess(deleted_id=encode_id("Link", row.id))


def _row_id(text: str) -> int:
    """Return the row id of a link's global id; any other id is of no link."""
    row_id = row_id_of(text, "Link")
    if row_id is None:
        raise NotFoundError
    return row_id
