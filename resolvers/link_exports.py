"""Every link the viewer may see, in a stream."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from models.orm import reader
from models.raw_sql import fetch
from models.rules.moments import from_sql
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter, link_conditions

EXPORTED: Final = (
    "domain",
    "slug",
    "url",
    "title",
    "owner",
    "created_at",
    "updated_at",
    "starts_at",
    "expires_at",
    "disabled",
    "protected",
    "clicks_human",
    "clicks_preview",
    "clicks_prefetch",
    "clicks_scanner",
    "clicks_monitor",
    "clicks_bot",
    "last_clicked_at",
)
_BATCH: Final = 5000
_SELECT: Final = (
    "SELECT link.id, domain.host AS domain, link.slug, link.target AS url, link.title,"
    " app_user.email AS owner, link.created_at, link.updated_at, link.starts_at, link.expires_at,"
    " link.disabled_at, link.password_hash IS NOT NULL AS protected, link.clicks_human,"
    " link.clicks_preview, link.clicks_prefetch, link.clicks_scanner, link.clicks_monitor,"
    " link.clicks_bot, link.last_clicked_at FROM link"
    " JOIN domain ON domain.id = link.domain_id LEFT JOIN app_user ON app_user.id = link.owner_id"
)


async def export_links(
    context: RequestContext, *, filter: LinkFilter | None = None
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Yield batches of links in the order they were made, with the columns EXPORTED.

    Moments are aware, `disabled` and `protected` (visitors have to type a password) are
    booleans, what a link lacks is None. A link made or deleted meanwhile may be in it or
    not; no other is missed or doubled.

    Raises:
        NotPermittedError: no LINK_READ.
    """
    context.viewer.require(Scope.LINK_READ)
    connection, after = reader(), -1
    while True:
        conditions = link_conditions(
            connection, viewer=context.viewer, filter=filter, now=context.ports.clock.now()
        )
        conditions.add("link.id > ?", after)
        rows = await fetch(
            connection,
            f"{_SELECT} WHERE {conditions.sql} ORDER BY link.id LIMIT {_BATCH}",
            conditions.arguments,
        )
        if not rows:
            return
        after = rows[-1]["id"]
        yield [_exported(row) for row in rows]


def _exported(row: Mapping[str, Any]) -> Mapping[str, Any]:
    known: dict[str, Any] = {
        **row,
        "disabled": row["disabled_at"] is not None,
        "protected": bool(row["protected"]),
    }
    return {
        name: from_sql(known[name]) if name.endswith("_at") else known[name] for name in EXPORTED
    }
