"""Pages of lists that have one order: the newest first, which the ids tell."""

from dataclasses import dataclass

from models.raw_sql import fetch
from resolvers.link_filters import Conditions
from resolvers.paging import Page, PageWindow, decode_cursor, encode_cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class IdList:
    """A table whose rows are listed; `cursor` keeps its cursors apart from those of others."""

    table: str
    cursor: str

    def cursor_of(self, row_id: int) -> str:
        """Return the cursor of one row."""
        return encode_cursor(self.cursor, None, row_id)


async def page_by_id(rows: IdList, conditions: Conditions, window: PageWindow) -> Page[int]:
    """Return the ids of one page, by one query.

    Raises:
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    wanted = window.check()
    for cursor, path, sign in ((window.after, "after", "<"), (window.before, "before", ">")):
        if cursor is not None:
            _, row_id = decode_cursor(cursor, order=rows.cursor, path=(path,))
            conditions.add(f"{rows.table}.id {sign} ?", row_id)
    backwards = window.last is not None
    found = await fetch(
        conditions.connection,
        f"SELECT {rows.table}.id FROM {rows.table} WHERE {conditions.sql}"
        f" ORDER BY {rows.table}.id {'ASC' if backwards else 'DESC'} LIMIT {wanted + 1}",
        conditions.arguments,
    )
    ids = [int(row["id"]) for row in found]
    has_more, ids = len(ids) > wanted, ids[:wanted]
    if backwards:
        ids.reverse()
        return Page(ids, has_next=window.before is not None, has_previous=has_more)
    return Page(ids, has_next=has_more, has_previous=window.after is not None)
