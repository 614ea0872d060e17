"""Find organizations: one, many, a page."""

from collections.abc import Sequence
from typing import Final

from models.errors import NotFoundError
from models.organizations import Organization
from models.orm import reader
from models.raw_sql import fetch
from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.context import RequestContext, Viewer
from resolvers.id_pages import IdList, page_by_id
from resolvers.link_filters import Conditions, add_search
from resolvers.paging import Page, PageWindow

_LIST: Final = IdList(table="organization", cursor="organization")


def sees_organization(viewer: Viewer, organization_id: int) -> bool:
    """Tell whether the viewer may see an organization: their own, or any for administrators."""
    if organization_id == viewer.organization_id:
        return True
    return Scope.USER_ADMIN in viewer.scopes and viewer.reach is Reach.ALL


async def organizations_page(
    context: RequestContext, *, search: str | None, window: PageWindow
) -> Page[Organization]:
    """Return one page of the organizations in the viewer's reach, the newest first.

    Raises:
        NotPermittedError: no USER_ADMIN.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    conditions = _conditions(context, search)
    page = await page_by_id(_LIST, conditions, window)
    found = {row.id: row for row in await organizations_by_id(page.rows) if row is not None}
    rows = [found[each] for each in page.rows if each in found]
    return Page(rows, has_next=page.has_next, has_previous=page.has_previous)


def organization_cursor(organization: Organization) -> str:
    """Return the cursor of a row of organizations_page."""
    return _LIST.cursor_of(organization.id)


async def count_organizations(context: RequestContext, search: str | None) -> int:
    """Count the organizations of organizations_page on all pages. Needs USER_ADMIN."""
    conditions = _conditions(context, search)
    [row] = await fetch(
        conditions.connection,
        f"SELECT COUNT(*) AS organizations FROM organization WHERE {conditions.sql}",
        conditions.arguments,
    )
    return int(row["organizations"])


async def organization_named(name: str) -> Organization:
    """Return an organization by its name; for the command line.

    Raises:
        NotFoundError: there is none.
    """
    organization = await Organization.get_or_none(name=name.strip())
    if organization is None:
        raise NotFoundError(path=("organization",))
    return organization


async def organizations_by_id(ids: Sequence[int]) -> list[Organization | None]:
    """Load many by one query, in the order of `ids`; who may see them is the caller's matter."""
    if not ids:
        return []
    rows = await Organization.filter(id__in=list(ids)).using_db(reader())
    found = {row.id: row for row in rows}
    return [found.get(each) for each in ids]


def _conditions(context: RequestContext, search: str | None) -> Conditions:
    context.viewer.require(Scope.USER_ADMIN)
    conditions = Conditions(reader())
    if context.viewer.reach is not Reach.ALL:
        own = context.viewer.organization_id
        conditions.add("organization.id = ?", -1 if own is None else own)
    if search is not None:
        add_search(conditions, search, columns=("organization.name",))
    return conditions
