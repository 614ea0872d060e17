"""What tickets can be about: the tree of categories."""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    DomainError,
    InputInvalidError,
    NotFoundError,
    RevisionConflictError,
    ValueInvalidError,
)
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_text
from models.rules.scopes import Scope
from models.ticket_categories import (
    MAX_CATEGORY_DEPTH,
    MAX_CATEGORY_NAME_LENGTH,
    TicketCategory,
)
from models.ticket_errors import CategoryInUseError
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID
from resolvers.ticket_filters import require_desk_administrator


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChanges:
    """What an update sets; a parent of None is the top."""

    name_ru: Change[str] = UNSET
    name_en: Change[str] = UNSET
    parent_id: Change[int | None] = UNSET
    position: Change[int] = UNSET


async def category_tree(
    context: RequestContext, *, with_archived: bool = False
) -> list[TicketCategory]:
    """Return all categories, each before those below it, siblings by position and name.

    Needs TICKET_READ.
    """
    context.viewer.require(Scope.TICKET_READ)
    rows = TicketCategory.all() if with_archived else TicketCategory.filter(archived_at=None)
    by_parent: dict[int | None, list[TicketCategory]] = {}
    for row in await rows.using_db(reader()).order_by("position", "name_en", "id"):
        by_parent.setdefault(row.parent_id, []).append(row)
    found: list[TicketCategory] = []
    waiting = by_parent.get(None, [])[::-1]
    while waiting:
        row = waiting.pop()
        found.append(row)
        waiting += by_parent.get(row.id, [])[::-1]
    return found


async def categories_by_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[TicketCategory | None]:
    """Return categories by id, also archived ones, in the order of `ids`. Needs TICKET_READ."""
    context.viewer.require(Scope.TICKET_READ)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return [None] * len(ids)
    found = {row.id: row for row in await TicketCategory.filter(id__in=wanted).using_db(reader())}
    return [found.get(each) for each in ids]


async def create_category(
    context: RequestContext,
    *,
    name_ru: str,
    name_en: str,
    parent_id: int | None = None,
    position: int = 0,
) -> TicketCategory:
    """Add a branch to the tree.

    Args:
        context: of who tends the desk.
        name_ru: for those who read Russian.
        name_en: for the others.
        parent_id: of one in use; None for the top. The tree has at most 5 levels.
        position: siblings are listed by it.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such parent in use.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: the rest.
    """
    require_desk_administrator(context.viewer)
    names = _names(CategoryChanges(name_ru=name_ru, name_en=name_en))
    category = TicketCategory(parent_id=parent_id, position=position, **names)
    async with in_transaction("default") as connection:
        await _lock_tree(connection)
        await _check_place(connection, category)
        await category.save(using_db=connection)
        await log_action(
            context,
            connection,
            AuditAction.TICKET_CATEGORY_CREATE,
            subject_id=category.id,
            after=_told(category),
        )
    return category


async def update_category(
    context: RequestContext,
    *,
    category_id: int,
    changes: CategoryChanges,
    if_revision: int | None = None,
) -> TicketCategory:
    """Rename or move a branch; its tickets and what is below it come along.

    Raises:
        NotFoundError: no such category, or no such parent in use.
        RevisionConflictError: somebody saved since `if_revision`.
        DomainError: see create_category; a branch cannot hang below itself.
    """
    require_desk_administrator(context.viewer)
    names = _names(changes)
    async with in_transaction("default") as connection:
        category = await _locked(connection, category_id, if_revision)
        before = _told(category)
        for name, value in names.items():
            setattr(category, name, value)
        if changes.position is not UNSET:
            category.position = changes.position
        if changes.parent_id is not UNSET and changes.parent_id != category.parent_id:
            category.parent_id = changes.parent_id
            await _check_place(connection, category)
        if _told(category) != before:
            await _save(context, connection, category, before)
    return category


async def archive_category(
    context: RequestContext, *, category_id: int, if_revision: int | None = None
) -> TicketCategory:
    """Let no ticket come under a category any more; those that are there stay.

    Raises:
        CategoryInUseError: some of those below it are in use.
        DomainError: see update_category.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        category = await _locked(connection, category_id, if_revision)
        below = TicketCategory.filter(parent_id=category.id, archived_at=None)
        if await below.using_db(connection).exists():
            raise CategoryInUseError
        if category.archived_at is None:
            before = _told(category)
            category.archived_at = context.ports.clock.now()
            await _save(context, connection, category, before)
    return category


async def restore_category(
    context: RequestContext, *, category_id: int, if_revision: int | None = None
) -> TicketCategory:
    """Take an archived category into use again.

    Raises:
        NotFoundError: no such category, or its parent is not in use.
        DomainError: see update_category.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        category = await _locked(connection, category_id, if_revision)
        if category.archived_at is not None:
            before = _told(category)
            category.archived_at = None
            await _check_place(connection, category)
            await _save(context, connection, category, before)
    return category


def _names(changes: CategoryChanges) -> dict[str, str]:
    found: dict[str, str] = {}
    problems: list[DomainError] = []
    for name, path, text in (
        ("name_ru", "nameRu", changes.name_ru),
        ("name_en", "nameEn", changes.name_en),
    ):
        if text is UNSET:
            continue
        try:
            length = MAX_CATEGORY_NAME_LENGTH
            found[name] = check_text(text, field=path, length=length, required=True) or ""
        except DomainError as problem:
            problems.append(problem)
    InputInvalidError.raise_for(problems)
    return found


async def _lock_tree(connection: BaseDBAsyncClient) -> dict[int, TicketCategory]:
    """Return all categories, which nobody else can change: few rows, seldom changed."""
    rows = TicketCategory.all().using_db(connection).order_by("id")
    return {row.id: row for row in await rows.select_for_update(no_key=True)}


async def _locked(
    connection: BaseDBAsyncClient, category_id: int, if_revision: int | None
) -> TicketCategory:
    category = (await _lock_tree(connection)).get(category_id)
    if category is None:
        raise NotFoundError
    if if_revision is not None and if_revision != category.revision:
        raise RevisionConflictError(current_revision=category.revision)
    return category


async def _check_place(connection: BaseDBAsyncClient, category: TicketCategory) -> None:
    """Refuse a parent that is not in use, lies below the category, or is too deep."""
    tree = await _lock_tree(connection)
    levels, above = _levels_below(tree, category.id), category.parent_id
    while above is not None:
        parent = tree.get(above)
        if parent is None or parent.archived_at is not None:
            raise NotFoundError(path=("parentId",))
        if parent.id == category.id:
            raise ValueInvalidError(path=("parentId",), reason="category_loop")
        levels, above = levels + 1, parent.parent_id
    if levels > MAX_CATEGORY_DEPTH:
        raise ValueInvalidError(
            path=("parentId",), reason="category_depth", maximum=MAX_CATEGORY_DEPTH
        )


def _levels_below(tree: dict[int, TicketCategory], category_id: int) -> int:
    """Return how many levels a branch has, itself included."""
    below = [row.id for row in tree.values() if row.parent_id == category_id]
    return 1 + max((_levels_below(tree, each) for each in below), default=0)


def _told(category: TicketCategory) -> dict[str, object]:
    names = ("name_ru", "name_en", "parent_id", "position", "archived_at")
    return {name: getattr(category, name) for name in names}


async def _save(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    category: TicketCategory,
    before: dict[str, object],
) -> None:
    category.revision += 1
    await category.save(using_db=connection)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_CATEGORY_UPDATE,
        subject_id=category.id,
        before=before,
        after=_told(category),
    )
