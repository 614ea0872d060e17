"""Find short links: one, many, a page. Every path shows what the viewer may see, no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from models.errors import CursorInvalidError, DomainUnknownError
from models.link_rows import SELECTED, link_of
from models.links import Link
from models.orm import is_sqlite, reader
from models.raw_sql import fetch
from models.rules.plain_text import has_hidden
from models.rules.scopes import Scope
from models.rules.slugs import normal_slug
from resolvers.context import RequestContext
from resolvers.domains import hosts
from resolvers.link_filters import (
    MAX_ID,
    Conditions,
    LinkFilter,
    LinkOrder,
    LinkOrderField,
    link_conditions,
)
from resolvers.paging import (
    Page,
    PageWindow,
    SortDirection,
    SortKey,
    decode_cursor,
    encode_cursor,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MAX_US: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class _Sorting:
    """How one order is written in SQL and in cursors."""

    column: str
    key: Callable[[Link], SortKey]
    argument: Callable[[SortKey], object]  # the reverse of `key`; ValueError if it cannot be one
    is_nullable: bool = False


async def link_by_id(context: RequestContext, link_id: int) -> Link | None:
    """Return one link, None when it is absent, deleted or not the viewer's. Needs LINK_READ."""
    [link] = await links_by_ids(context, [link_id])
    return link


async def links_by_ids(context: RequestContext, ids: Sequence[int]) -> list[Link | None]:
    """Return many links by one query, in the order of `ids`. Needs LINK_READ."""
    conditions = _readable(context)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return [None] * len(ids)
    _add_ids(conditions, wanted)
    links = {link.id: link for link in await _select(conditions)}
    return [links.get(each) for each in ids]


async def link_by_address(
    context: RequestContext, *, slug: str, host: str | None = None
) -> Link | None:
    """Return the link a visitor of the address would meet, also by a former slug.

    `host` None is the default domain. Needs LINK_READ.
    """
    conditions = _readable(context)
    try:
        domain_id = (await hosts(context)).domain_id(host)
    except DomainUnknownError:
        return None
    if has_hidden(slug):
        return None
    conditions.add(
        "link.id IN (SELECT link_slug.link_id FROM link_slug WHERE link_slug.domain_id = ?"
        " AND link_slug.slug = ? AND link_slug.released_at IS NULL)",
        domain_id,
        normal_slug(slug),
    )
    found = await _select(conditions)
    return found[0] if found else None


async def links_page(
    context: RequestContext, *, filter: LinkFilter, order: LinkOrder, window: PageWindow
) -> Page[Link]:
    """Return one page of the links the viewer may see, by one query. Needs LINK_READ.

    Raises:
        NotPermittedError: no LINK_READ.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    wanted = window.check()
    conditions = _readable(context, filter)
    ascending = order.direction is SortDirection.ASC
    _add_bound(conditions, order, window.after, path="after", above=ascending)
    _add_bound(conditions, order, window.before, path="before", above=not ascending)
    backwards = window.last is not None
    links = await _select_sorted(
        conditions, order, ascending=ascending != backwards, limit=wanted + 1
    )
    has_more, links = len(links) > wanted, links[:wanted]
    if backwards:
        links.reverse()
        return Page(links, has_next=window.before is not None, has_previous=has_more)
    return Page(links, has_next=has_more, has_previous=window.after is not None)


def link_cursor(link: Link, order: LinkOrder) -> str:
    """Return the cursor of a row of links_page."""
    return encode_cursor(order.field.value, _SORTINGS[order.field].key(link), link.id)


async def count_links(context: RequestContext, filter: LinkFilter) -> int:
    """Count the links the viewer may see under a filter. Needs LINK_READ."""
    conditions = _readable(context, filter)
    [row] = await fetch(
        conditions.connection,
        f"SELECT COUNT(*) AS links FROM link WHERE {conditions.sql}",
        conditions.arguments,
    )
    return int(row["links"])


async def matching_link_ids(
    context: RequestContext, filter: LinkFilter, ids: Sequence[int]
) -> frozenset[int]:
    """Return those of `ids` that the viewer may see and the filter lets through."""
    conditions = _readable(context, filter)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return frozenset()
    _add_ids(conditions, wanted)
    rows = await fetch(
        conditions.connection,
        f"SELECT link.id FROM link WHERE {conditions.sql}",
        conditions.arguments,
    )
    return frozenset(int(row["id"]) for row in rows)


def _readable(context: RequestContext, filter: LinkFilter | None = None) -> Conditions:
    context.viewer.require(Scope.LINK_READ)
    return link_conditions(
        reader(), viewer=context.viewer, filter=filter, now=context.ports.clock.now()
    )


def _add_ids(conditions: Conditions, ids: Sequence[int]) -> None:
    conditions.add(f"link.id IN ({', '.join('?' * len(ids))})", *ids)


async def _select(conditions: Conditions, tail: str = "") -> list[Link]:
    rows = await fetch(
        conditions.connection,
        f"SELECT {SELECTED} FROM link WHERE {conditions.sql}{tail}",
        conditions.arguments,
    )
    return [link_of(row) for row in rows]


async def _select_sorted(
    conditions: Conditions, order: LinkOrder, *, ascending: bool, limit: int
) -> list[Link]:
    """Return the first links; those without a value come first when ascending.

    SQLite sorts NULL that way. An index of PostgreSQL has it the other way round,
    so there each part comes from the index by itself, and only the two are sorted.
    """
    column, way = _SORTINGS[order.field].column, "ASC" if ascending else "DESC"
    by_value = f" ORDER BY {column} {way}, link.id {way} LIMIT {limit}"
    if is_sqlite(conditions.connection) or not _SORTINGS[order.field].is_nullable:
        return await _select(conditions, by_value)
    part = f"SELECT link.* FROM link WHERE {conditions.sql} AND {column}"
    nulls = "FIRST" if ascending else "LAST"
    rows = await fetch(
        conditions.connection,
        f"SELECT {SELECTED} FROM (({part} IS NOT NULL{by_value}) UNION ALL"
        f" ({part} IS NULL{by_value})) AS link"
        f" ORDER BY {column} {way} NULLS {nulls}, link.id {way} LIMIT {limit}",
        conditions.arguments,
    )
    return [link_of(row) for row in rows]


def _add_bound(
    conditions: Conditions, order: LinkOrder, cursor: str | None, *, path: str, above: bool
) -> None:
    """Leave only the rows above (or below) the row of a cursor, in ascending terms."""
    if cursor is None:
        return
    sorting = _SORTINGS[order.field]
    key, row_id = decode_cursor(cursor, order=order.field.value, path=(path,))
    try:
        value = sorting.argument(key)
    except (ValueError, TypeError, OverflowError):
        raise CursorInvalidError(path=(path,)) from None
    column, sign = sorting.column, ">" if above else "<"
    if value is not None:
        clause = f"({column}, link.id) {sign} (?, ?)"
        if sorting.is_nullable and not above:
            clause += f" OR {column} IS NULL"
        conditions.add(clause, value, row_id)
    elif above:
        conditions.add(f"{column} IS NOT NULL OR link.id > ?", row_id)
    else:
        conditions.add(f"{column} IS NULL AND link.id < ?", row_id)


def _to_us(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _from_us(key: SortKey) -> datetime:
    if not isinstance(key, int) or not 0 <= key <= _MAX_US:
        raise ValueError(key)
    return _EPOCH + timedelta(microseconds=key)


def _clicks(key: SortKey) -> int:
    if not isinstance(key, int) or not 0 <= key <= MAX_ID:
        raise ValueError(key)
    return key


def _slug(key: SortKey) -> str:
    if not isinstance(key, str) or has_hidden(key):
        raise ValueError(key)
    return key


_SORTINGS: Final[dict[LinkOrderField, _Sorting]] = {
    LinkOrderField.CREATED_AT: _Sorting(
        "link.created_at", lambda link: _to_us(link.created_at), _from_us
    ),
    LinkOrderField.UPDATED_AT: _Sorting(
        "link.updated_at", lambda link: _to_us(link.updated_at), _from_us
    ),
    LinkOrderField.CLICKS: _Sorting("link.clicks_human", lambda link: link.clicks_human, _clicks),
    LinkOrderField.LAST_CLICKED_AT: _Sorting(
        "link.last_clicked_at",
        lambda link: _to_us(link.last_clicked_at),
        lambda key: None if key is None else _from_us(key),
        is_nullable=True,
    ),
    LinkOrderField.SLUG: _Sorting("link.slug", lambda link: link.slug, _slug),
}
