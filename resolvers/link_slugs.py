"""Who holds a slug, who may take it over, and what to offer instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from models.ids import new_id
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import execute, fetch
from models.rules.moments import to_sql
from models.rules.slugs import MAX_SUGGESTIONS, random_slug, similar_slugs
from resolvers.context import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A slug and the link it leads to, or led to before that link was deleted."""

    id: int
    link_id: int
    owner_id: int | None
    organization_id: int | None
    revision: int
    is_deleted: bool

    def may_be_taken_by(self, viewer: Viewer, *, reuse: bool) -> bool:
        """Tell whether the slug may go to a new link of the viewer's.

        Only that of a deleted link, by its owner, or by staff who say so: old
        printed links must not lead to strangers.
        """
        if not self.is_deleted:
            return False
        is_owner = viewer.user_id is not None and viewer.user_id == self.owner_id
        is_owner = is_owner and self.organization_id in {None, viewer.organization_id}
        return is_owner or (reuse and viewer.is_staff)


async def holder(connection: BaseDBAsyncClient, *, domain_id: int, slug: str) -> Hold | None:
    """Return who holds a slug of a domain, None if nobody does."""
    marks = placeholders(connection, 2).split(", ")
    rows = await fetch(
        connection,
        "SELECT link_slug.id, link_slug.link_id, link.owner_id, link.organization_id,"
        " link.revision, link.deleted_at"
        " FROM link_slug JOIN link ON link.id = link_slug.link_id"
        f" WHERE link_slug.domain_id = {marks[0]} AND link_slug.slug = {marks[1]}"
        " AND link_slug.released_at IS NULL",
        [domain_id, slug],
    )
    if not rows:
        return None
    [row] = rows
    return Hold(
        id=row["id"],
        link_id=row["link_id"],
        owner_id=row["owner_id"],
        organization_id=row["organization_id"],
        revision=row["revision"],
        is_deleted=row["deleted_at"] is not None,
    )


async def claim_slug(
    connection: BaseDBAsyncClient, *, domain_id: int, slug: str, link_id: int
) -> None:
    """Hold a slug for a link, in the caller's transaction.

    Raises:
        IntegrityError: another link holds it; the transaction cannot go on.
    """
    await execute(connection, claim_sql(connection), [new_id(), domain_id, slug, link_id])


def claim_sql(connection: BaseDBAsyncClient) -> str:
    """Return the statement of claim_slug: id, domain id, slug, link id."""
    values = placeholders(connection, 4)
    return f"INSERT INTO link_slug (id, domain_id, slug, link_id) VALUES ({values})"


async def release(connection: BaseDBAsyncClient, hold: Hold, *, now: datetime) -> None:
    """Give up a hold, in the transaction that claims its slug; a second time changes nothing."""
    marks = placeholders(connection, 2).split(", ")
    await execute(
        connection,
        f"UPDATE link_slug SET released_at = {marks[0]}"
        f" WHERE id = {marks[1]} AND released_at IS NULL",
        [to_sql(now, sqlite=is_sqlite(connection)), hold.id],
    )


async def free_slugs(slug: str, *, domain_id: int, now: datetime) -> tuple[str, ...]:
    """Return slugs like one that is taken, free a moment ago; a random one if need be."""
    offered = dict.fromkeys((*similar_slugs(slug, year=now.year), random_slug()))
    taken = await held_slugs(offered, domain_id=domain_id)
    return tuple(each for each in offered if each not in taken)[:MAX_SUGGESTIONS]


async def held_slugs(slugs: Iterable[str], *, domain_id: int) -> frozenset[str]:
    """Return those of at most some thousand slugs that a link of the domain holds right now."""
    connection, wanted = reader(), list(slugs)
    rows = await fetch(
        connection,
        "SELECT slug FROM link_slug WHERE released_at IS NULL"
        f" AND domain_id = {placeholders(connection, 1)}"
        f" AND slug IN ({placeholders(connection, len(wanted), start=2)})",
        [domain_id, *wanted],
    )
    return frozenset(str(row["slug"]) for row in rows)
