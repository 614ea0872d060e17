"""Which links a viewer may see and asked for, as one SQL condition for every path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.links import Link
from models.orm import is_sqlite
from models.rules.link_states import LinkState
from models.rules.moments import to_sql
from resolvers.context import Viewer
from resolvers.paging import SortDirection

_STATE_SQL: Final = {
    LinkState.DISABLED: "link.disabled_at IS NOT NULL",
    LinkState.EXPIRED: "link.disabled_at IS NULL AND link.expires_at <= {now}",
    LinkState.SCHEDULED: "link.disabled_at IS NULL AND link.starts_at > {now}"
    " AND (link.expires_at IS NULL OR link.expires_at > {now})",
    LinkState.ACTIVE: "link.disabled_at IS NULL"
    " AND (link.starts_at IS NULL OR link.starts_at <= {now})"
    " AND (link.expires_at IS NULL OR link.expires_at > {now})",
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
    """SQL conditions with `link` as the table's name, and their arguments in order.

    Placeholders are numbered from `start`, for engines that number them.
    """

    connection: BaseDBAsyncClient
    start: int = 1
    clauses: list[str] = field(default_factory=list[str])
    arguments: list[object] = field(default_factory=list[object])

    def bind(self, value: object) -> str:
        """Keep an argument and return its placeholder; use each placeholder once, in order."""
        self.arguments.append(value)
        if is_sqlite(self.connection):
            return "?"
        return f"${self.start + len(self.arguments) - 1}"

    @property
    def sql(self) -> str:
        """The conditions in parentheses, joined by AND; true when there are none."""
        return " AND ".join(f"({clause})" for clause in self.clauses) or "1 = 1"
