"""Relay connections: which page is asked for, and where it lies in the list."""

from typing import Final

import strawberry

from resolvers.paging import MAX_PAGE_ROWS, PageWindow

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


def page_window(
    first: int | None, after: str | None, last: int | None, before: str | None
) -> PageWindow:
    """Return the window of connection arguments; what makes no sense the use case refuses."""
    if first is None and last is None:
        first = DEFAULT_PAGE_ROWS
    return PageWindow(first=first, after=after, last=last, before=before)
