"""Create, change, delete and find short links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

from models.links import Link
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter, LinkOrder
from resolvers.paging import Page, PageWindow

Value = TypeVar("Value")


class Unset(Enum):
    """Type of UNSET, the mark of a field that a change leaves alone (None clears it)."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
Change: TypeAlias = Value | Literal[Unset.UNSET]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What an update sets. `disabled` True switches the link off, False on again."""

    url: Change[str] = UNSET
    slug: Change[str] = UNSET
    title: Change[str | None] = UNSET
    starts_at: Change[datetime | None] = UNSET
    expires_at: Change[datetime | None] = UNSET
    disabled: Change[bool] = UNSET


async def create_link(  # noqa: PLR0913 - one for each field of the form
    context: RequestContext,
    *,
    url: str,
    slug: str | None = None,
    host: str | None = None,
    title: str | None = None,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    reuse_deleted_slug: bool = False,
    request_id: str | None = None,
) -> Link:
    """Create a link of the viewer's, then tell the replicas.

    Args:
        context: needs LINK_WRITE.
        url: where it leads; stored in the form a browser would send.
        slug: None draws a random one.
        host: of one of our domains, in any spelling; None is the first domain.
        title: None or "" for none.
        starts_at: answers 404 before; None at once.
        expires_at: answers 410 from then on; None never.
        reuse_deleted_slug: staff may take the slug of anyone's deleted link; the owner
            of the deleted link may always.
        request_id: the same one with the same input within 24 h gives the same link.

    Raises:
        NotPermittedError: no LINK_WRITE.
        DomainUnknownError: `host` is no domain of ours.
        SlugInvalidError, SlugReservedError, SlugTakenError: see the classes.
        TargetNotAllowedError, TargetLoopError, TargetTooLongError: see the classes.
        TextTooLongError, ValueInvalidError: title, request id or period.
        InputInvalidError: several of these fields at once.
        RequestIdReusedError: the request id came before with another input.
    """
    raise NotImplementedError


async def update_link(
    context: RequestContext, *, link_id: int, if_revision: int | None = None, changes: LinkChanges
) -> Link:
    """Change a link and raise its revision by one; the former slugs go on leading here.

    Args:
        context: needs LINK_WRITE.
        link_id: of a link the viewer may see.
        if_revision: None lets the last writer win; a number must be the present revision.
        changes: nothing set is no change: the link comes back as it is.

    Raises:
        NotPermittedError: no LINK_WRITE.
        NotFoundError: absent, deleted, or not the viewer's.
        RevisionConflictError: someone saved since `if_revision`.
        DomainError: the same as create_link, for the same fields.
    """
    raise NotImplementedError


async def delete_link(
    context: RequestContext, *, link_id: int, if_revision: int | None = None
) -> Link:
    """Delete a link and return it as it was left; its slugs stay held for its owner.

    Raises:
        NotPermittedError: no LINK_WRITE.
        NotFoundError: absent, deleted, or not the viewer's.
        RevisionConflictError: someone saved since `if_revision`.
    """
    raise NotImplementedError


async def link_by_id(context: RequestContext, link_id: int) -> Link | None:
    """Return one link, None when it is absent, deleted or not the viewer's. Needs LINK_READ."""
    raise NotImplementedError


async def links_by_ids(context: RequestContext, ids: Sequence[int]) -> list[Link | None]:
    """Return many links by one query, in the order of `ids`. Needs LINK_READ."""
    raise NotImplementedError


async def link_by_address(
    context: RequestContext, *, slug: str, host: str | None = None
) -> Link | None:
    """Return the link a visitor of the address would meet, also by a former slug.

    `host` None is the first domain. Needs LINK_READ.
    """
    raise NotImplementedError


async def links_page(
    context: RequestContext, *, filter: LinkFilter, order: LinkOrder, window: PageWindow
) -> Page[Link]:
    """Return one page of the links the viewer may see, by one query. Needs LINK_READ.

    Raises:
        NotPermittedError: no LINK_READ.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    raise NotImplementedError


def link_cursor(link: Link, order: LinkOrder) -> str:
    """Return the cursor of a row of links_page."""
    raise NotImplementedError


async def count_links(context: RequestContext, filter: LinkFilter) -> int:
    """Count the links the viewer may see under a filter. Needs LINK_READ."""
    raise NotImplementedError


async def matching_link_ids(
    context: RequestContext, filter: LinkFilter, ids: Sequence[int]
) -> frozenset[int]:
    """Return those of `ids` that the viewer may see and the filter lets through."""
    raise NotImplementedError
