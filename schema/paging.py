"""Relay connections: which page is asked for, and where it lies in the list."""

from collections.abc import Callable
from typing import Final, Self, TypeVar

import strawberry

from resolvers.paging import MAX_PAGE_ROWS, Page, PageWindow

Row = TypeVar("Row")

DEFAULT_PAGE_ROWS: Final = 50
FIRST: Final = strawberry.argument(
    description=f"How many from the start, or after `after`; at most {MAX_PAGE_ROWS}. "
    f"Without `first` and `last`: {DEFAULT_PAGE_ROWS}."
)
AFTER: Final = strawberry.argument(description="Cursor that the page starts behind.")
LAST: Final = strawberry.argument(
    description=f"How many from the end, or before `before`; at most {MAX_PAGE_ROWS}."
)
BEFORE: Final = strawberry.argument(description="Cursor that the page ends in front of.")


@strawberry.type(name="PageInfo", description="A place in a list (Relay cursor connections).")
class PageInfoType:
    has_next_page: bool = strawberry.field(description="There are rows behind this page.")
    has_previous_page: bool = strawberry.field(description="There are rows in front of it.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first row; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last row, for the next page's `after`."
    )

    @classmethod
    def of(cls, page: Page[Row], cursor_of: Callable[[Row], str]) -> Self:
        """Return where a page lies."""
        rows = page.rows
        return cls(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursor_of(rows[0]) if rows else None,
            end_cursor=cursor_of(rows[-1]) if rows else None,
        )


def page_window(
    first: int | None, after: str | None, last: int | None, before: str | None
) -> PageWindow:
    """Return the window of connection arguments; what makes no sense the use case refuses."""
    if first is None and last is None:
        first = DEFAULT_PAGE_ROWS
    return PageWindow(first=first, after=after, last=last, before=before)
