"""Which links a viewer may see and asked for, as one SQL condition for every path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite
from models.rules.hosts import normal_host
from models.rules.link_states import LinkState
from models.rules.moments import to_sql
from models.rules.plain_text import has_hidden
from models.rules.reach import Reach
from resolvers.context import Viewer
from resolvers.paging import SortDirection

MAX_ID: Final = 2**63 - 1
_MAX_SEARCH_LENGTH: Final = 2048  # characters; no column holds more
_SEARCHED: Final = ("link.slug", "link.title", "link.target")
# The rule of models.rules.link_states in SQL; `?` is the moment. A test compares the two.
_STATES: Final = {
    LinkState.DISABLED: "link.disabled_at IS NOT NULL",
    LinkState.EXPIRED: "link.disabled_at IS NULL AND link.expires_at <= ?",
    LinkState.SCHEDULED: "link.disabled_at IS NULL AND link.starts_at > ?"
    " AND (link.expires_at IS NULL OR link.expires_at > ?)",
    LinkState.ACTIVE: "link.disabled_at IS NULL"
    " AND (link.starts_at IS NULL OR link.starts_at <= ?)"
    " AND (link.expires_at IS NULL OR link.expires_at > ?)",
}


class LinkOrderField(StrEnum):
    """What links can be sorted by; ties are broken by id."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    CLICKS = "CLICKS"
    LAST_CLICKED_AT = "LAST_CLICKED_AT"
    SLUG = "SLUG"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOrder:
    """Field and direction; links that were never clicked come first when ascending."""

    field: LinkOrderField = LinkOrderField.CREATED_AT
    direction: SortDirection = SortDirection.DESC


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFilter:
    """All given conditions hold at once; None and () set no condition.

    Attributes:
        search: found in slug, title or target; capitals do not matter.
        states: any of them, at the present time.
        host: of the domain, in any spelling; an unknown one matches nothing.
        created_after: inclusive.
        created_before: exclusive.
        min_clicks: of people.
    """

    search: str | None = None
    states: Sequence[LinkState] = ()
    host: str | None = None
    owner_id: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_clicks: int | None = None


@dataclass(slots=True)
class Conditions:
    """SQL conditions on a table, and their arguments in order.

    Attributes:
        connection: its engine says how placeholders and moments are written.
        start: number of the first placeholder, for engines that number them.
    """

    connection: BaseDBAsyncClient
    start: int = 1
    clauses: list[str] = field(default_factory=list[str])
    arguments: list[object] = field(default_factory=list[object])

    def add(self, clause: str, *arguments: object) -> None:
        """Add a condition with a `?` for each argument; moments are converted."""
        sqlite = is_sqlite(self.connection)
        for argument in arguments:
            if isinstance(argument, datetime):
                self.arguments.append(to_sql(argument, sqlite=sqlite))
            else:
                self.arguments.append(argument)
        if not sqlite:
            first, *others = clause.split("?")
            number = self.start + len(self.arguments) - len(arguments)
            clause = first + "".join(f"${number + n}{text}" for n, text in enumerate(others))
        self.clauses.append(f"({clause})")

    @property
    def sql(self) -> str:
        """The conditions joined by AND; true when there are none."""
        return " AND ".join(self.clauses) or "1 = 1"


def add_visible(conditions: Conditions, viewer: Viewer) -> None:
    """Let through what the viewer may see: what their reach has, nothing deleted."""
    conditions.add("link.deleted_at IS NULL")
    add_held(conditions, viewer)


def add_held(conditions: Conditions, viewer: Viewer) -> None:
    """Let through what is or was the viewer's to see: as add_visible, but deleted links too."""
    if viewer.reach is Reach.ALL:
        return
    if viewer.user_id is None:
        conditions.add("1 = 0")
    elif viewer.reach is Reach.ORGANIZATION and viewer.organization_id is not None:
        conditions.add("link.organization_id = ?", viewer.organization_id)
    else:
        _add_own(conditions, viewer.user_id, viewer.organization_id)


def _add_own(conditions: Conditions, user_id: int, organization_id: int | None) -> None:
    """Let through what a person made, but for what they left with a former organization."""
    # Without the plus SQLite may read all links of no organization from that column's index.
    column = "+link.organization_id" if is_sqlite(conditions.connection) else "link.organization_id"
    if organization_id is None:
        conditions.add(f"link.owner_id = ? AND {column} IS NULL", user_id)
    else:
        conditions.add(
            f"link.owner_id = ? AND ({column} IS NULL OR {column} = ?)", user_id, organization_id
        )


def add_filter(conditions: Conditions, filter: LinkFilter, *, now: datetime) -> None:
    """Let through what the filter asks for, at the moment `now`."""
    if filter.search is not None:
        add_search(conditions, filter.search, columns=_SEARCHED)
    if filter.states:
        wanted = [_STATES[state] for state in LinkState if state in filter.states]
        clause = " OR ".join(f"({sql})" for sql in wanted)
        conditions.add(clause, *(now for _ in range(clause.count("?"))))
    if filter.host is not None:
        conditions.add(
            "link.domain_id = (SELECT domain.id FROM domain WHERE domain.host = ?)",
            normal_host(filter.host) or "",
        )
    if filter.owner_id is not None:
        conditions.add("link.owner_id = ?", _bounded(filter.owner_id))
    if filter.created_after is not None:
        conditions.add("link.created_at >= ?", filter.created_after)
    if filter.created_before is not None:
        conditions.add("link.created_at < ?", filter.created_before)
    if filter.min_clicks is not None:
        conditions.add("link.clicks_human >= ?", _bounded(filter.min_clicks))


def link_conditions(
    connection: BaseDBAsyncClient,
    *,
    viewer: Viewer,
    filter: LinkFilter | None = None,
    now: datetime,
    start: int = 1,
) -> Conditions:
    """Return the one condition of every list, count, export and statistic of links.

    Use it as `... FROM link WHERE {conditions.sql}` with `conditions.arguments`;
    `start` is the number of its first placeholder.
    """
    conditions = Conditions(connection, start)
    add_visible(conditions, viewer)
    if filter is not None:
        add_filter(conditions, filter, now=now)
    return conditions


def _bounded(number: int) -> int:
    return min(max(number, -1), MAX_ID)  # the engines' range; ids and counts lie inside


def add_search(conditions: Conditions, search: str, *, columns: Sequence[str]) -> None:
    """Let through rows with the text in one of the columns; capitals do not matter."""
    text = search.strip()
    if not text:
        return
    if len(text) > _MAX_SEARCH_LENGTH or has_hidden(text):
        conditions.add("1 = 0")
    elif is_sqlite(conditions.connection):
        pattern = _glob(text)
        _add_any(conditions, [f"{column} GLOB ?" for column in columns], pattern)
    else:
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
        _add_any(conditions, [f"{column} ILIKE ?" for column in columns], pattern)


def _add_any(conditions: Conditions, clauses: Sequence[str], pattern: str) -> None:
    conditions.add(" OR ".join(clauses), *(pattern for _ in clauses))


def _glob(text: str) -> str:
    """Return a GLOB pattern for text inside a value, in any capitals.

    SQLite's LIKE knows the capitals of ASCII only; classes know those of every script.
    """
    return "*" + "".join(_glob_class(character) for character in text) + "*"


def _glob_class(character: str) -> str:
    forms = {character, character.lower(), character.upper()}
    single = sorted(form for form in forms if len(form) == 1)
    return f"[{''.join(single)}]" if len(single) > 1 or character in "*?[" else character
