"""Find invitations: a page of them, the newest first."""

from collections.abc import Sequence
from typing import Final

from models.invitations import Invitation
from models.orm import reader
from models.raw_sql import fetch
from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from resolvers.id_pages import IdList, page_by_id
from resolvers.invitations import sees_invitation
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.paging import Page, PageWindow
from resolvers.users import check_email

_LIST: Final = IdList(table="invitation", cursor="invitation")


async def invitations_page(
    context: RequestContext, *, only_open: bool, window: PageWindow
) -> Page[Invitation]:
    """Return one page of the invitations in the viewer's reach, by two queries.

    Args:
        context: needs USER_ADMIN.
        only_open: leave out those that were accepted, were revoked, or have expired.
        window: which page.

    Raises:
        NotPermittedError: no USER_ADMIN.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    conditions = _conditions(context, only_open=only_open)
    page = await page_by_id(_LIST, conditions, window)
    found = {row.id: row for row in await _load(page.rows)}
    rows = [found[each] for each in page.rows]
    return Page(rows, has_next=page.has_next, has_previous=page.has_previous)


def invitation_cursor(invitation: Invitation) -> str:
    """Return the cursor of a row of invitations_page."""
    return _LIST.cursor_of(invitation.id)


async def count_invitations(context: RequestContext, *, only_open: bool) -> int:
    """Count the invitations of invitations_page on all pages. Needs USER_ADMIN."""
    conditions = _conditions(context, only_open=only_open)
    [row] = await fetch(
        conditions.connection,
        f"SELECT COUNT(*) AS invitations FROM invitation WHERE {conditions.sql}",
        conditions.arguments,
    )
    return int(row["invitations"])


async def invitations_by_ids(context: RequestContext, ids: Sequence[int]) -> list[Invitation]:
    """Return those of the invitations that are in the viewer's reach."""
    rows = await _load([each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID])
    return [row for row in rows if sees_invitation(context.viewer, row)]


async def open_invitations_of(context: RequestContext, email: str) -> list[Invitation]:
    """Return an address's invitations in the viewer's reach that nobody took or revoked.

    Expired ones are among them: they can be sent again.

    Raises:
        NotPermittedError: no USER_ADMIN.
    """
    context.viewer.require(Scope.USER_ADMIN)
    rows = Invitation.filter(email=check_email(email), accepted_at=None, revoked_at=None).using_db(
        reader()
    )
    return [row for row in await rows.order_by("id") if sees_invitation(context.viewer, row)]


async def _load(ids: Sequence[int]) -> list[Invitation]:
    if not ids:
        return []
    return await Invitation.filter(id__in=list(ids)).using_db(reader()).select_related("role")


def _conditions(context: RequestContext, *, only_open: bool) -> Conditions:
    viewer = context.viewer
    viewer.require(Scope.USER_ADMIN)
    conditions = Conditions(reader())
    if viewer.reach is Reach.ORGANIZATION and viewer.organization_id is not None:
        conditions.add("invitation.organization_id = ?", viewer.organization_id)
    elif viewer.reach is not Reach.ALL:
        conditions.add("1 = 0")
    if only_open:
        conditions.add("invitation.accepted_at IS NULL AND invitation.revoked_at IS NULL")
        conditions.add("invitation.expires_at > ?", context.ports.clock.now())
    return conditions
