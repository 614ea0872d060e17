"""Find people: one, many, a page. Who manages people sees those within their reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.orm import reader
from models.raw_sql import fetch
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import User
from resolvers.context import RequestContext, Viewer
from resolvers.id_pages import IdList, page_by_id
from resolvers.link_filters import MAX_ID, Conditions, add_search
from resolvers.paging import Page, PageWindow

_SEARCHED: Final = ("app_user.name", "app_user.email")
_LIST: Final = IdList(table="app_user", cursor="user")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """All given conditions hold at once; None sets no condition.

    Attributes:
        search: found in name or address; capitals do not matter.
        role: name of a role.
        is_active: True for those who may sign in as far as they are concerned, False for
            the deactivated.
    """

    search: str | None = None
    role: str | None = None
    organization_id: int | None = None
    is_active: bool | None = None


def sees_person(viewer: Viewer, user: User) -> bool:
    """Tell whether all that is known of a person is the viewer's to see: the rule in Python."""
    if user.id == viewer.user_id:
        return True
    if Scope.USER_ADMIN not in viewer.scopes:
        return False
    if viewer.reach is Reach.ALL:
        return True
    return (
        viewer.reach is Reach.ORGANIZATION
        and viewer.organization_id is not None
        and user.organization_id == viewer.organization_id
    )


def add_people(conditions: Conditions, viewer: Viewer) -> None:
    """Let through the people of sees_person: the same rule in SQL."""
    if Scope.USER_ADMIN in viewer.scopes and viewer.reach is Reach.ALL:
        return
    if (
        Scope.USER_ADMIN in viewer.scopes
        and viewer.reach is Reach.ORGANIZATION
        and viewer.organization_id is not None
    ):
        conditions.add(
            "app_user.organization_id = ? OR app_user.id = ?",
            viewer.organization_id,
            viewer.user_id,
        )
    else:
        conditions.add("app_user.id = ?", -1 if viewer.user_id is None else viewer.user_id)


async def users_page(
    context: RequestContext, *, filter: UserFilter, window: PageWindow
) -> Page[User]:
    """Return one page of the people in the viewer's reach, the newest first, by two queries.

    Args:
        context: needs USER_ADMIN.
        filter: which of them.
        window: which page.

    Returns:
        Rows with their roles loaded.

    Raises:
        NotPermittedError: no USER_ADMIN.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    conditions = _conditions(context, filter)
    page = await page_by_id(_LIST, conditions, window)
    users = {user.id: user for user in await _with_role(page.rows)}
    rows = [users[each] for each in page.rows]
    return Page(rows, has_next=page.has_next, has_previous=page.has_previous)


def user_cursor(user: User) -> str:
    """Return the cursor of a row of users_page."""
    return _LIST.cursor_of(user.id)


async def count_users(context: RequestContext, filter: UserFilter) -> int:
    """Count the people of users_page on all pages. Needs USER_ADMIN."""
    conditions = _conditions(context, filter)
    [row] = await fetch(
        conditions.connection,
        f"SELECT COUNT(*) AS people FROM app_user WHERE {conditions.sql}",
        conditions.arguments,
    )
    return int(row["people"])


async def visible_users_by_ids(context: RequestContext, ids: Sequence[int]) -> list[User]:
    """Return those of the people whom the viewer may ask for by id: see sees_person."""
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    users = await _with_role(wanted)
    return [user for user in users if sees_person(context.viewer, user)]


async def _with_role(ids: Sequence[int]) -> list[User]:
    if not ids:
        return []
    return await User.filter(id__in=ids).using_db(reader()).select_related("role")


def _conditions(context: RequestContext, filter: UserFilter) -> Conditions:
    context.viewer.require(Scope.USER_ADMIN)
    conditions = Conditions(reader())
    add_people(conditions, context.viewer)
    if filter.search is not None:
        add_search(conditions, filter.search, columns=_SEARCHED)
    if filter.role is not None:
        conditions.add(
            "app_user.role_id IN (SELECT role.id FROM role WHERE role.name = ?)",
            filter.role.replace("\0", " "),  # PostgreSQL takes none, and no role has one
        )
    if filter.organization_id is not None:
        conditions.add("app_user.organization_id = ?", filter.organization_id)
    if filter.is_active is not None:
        conditions.add(f"app_user.deactivated_at IS {'' if filter.is_active else 'NOT '}NULL")
    return conditions
