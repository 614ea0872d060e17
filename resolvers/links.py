"""Create, change and delete short links, and find them (resolvers.link_lists)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    InputInvalidError,
    NotFoundError,
    RevisionConflictError,
    SlugTakenError,
)
from models.ids import new_id
from models.link_changes import log_change
from models.link_rows import SELECTED, insert_link, link_of
from models.links import Link
from models.orm import is_sqlite, placeholders, writer
from models.raw_sql import execute, fetch
from models.rules.moments import to_sql
from models.rules.scopes import Scope
from models.rules.slugs import random_slug
from resolvers.context import RequestContext
from resolvers.domains import hosts
from resolvers.link_drafts import LinkDraft, check_period
from resolvers.link_filters import MAX_ID, Conditions, add_visible
from resolvers.link_lists import (
    count_links,
    link_by_address,
    link_by_id,
    link_cursor,
    links_by_ids,
    links_page,
    matching_link_ids,
)
from resolvers.link_slugs import Hold, claim_slug, free_slugs, holder, release
from resolvers.replays import Repeatable, body_hash, claim

__all__ = (
    "UNSET",
    "LinkChanges",
    "count_links",
    "create_link",
    "delete_link",
    "link_by_address",
    "link_by_id",
    "link_cursor",
    "links_by_ids",
    "links_page",
    "matching_link_ids",
    "store_link",
    "update_link",
)

Value = TypeVar("Value")
_CHANGED: Final = [
    "slug",
    "target",
    "title",
    "revision",
    "updated_at",
    "starts_at",
    "expires_at",
    "disabled_at",
    "deleted_at",
]
_ATTEMPTS: Final = 8  # a free random slug is hit by the first; two in a row collide never


class Unset(Enum):
    """Type of UNSET, the mark of a field that a change leaves alone (None clears it)."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
Change: TypeAlias = Value | Literal[Unset.UNSET]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What an update sets. `disabled` True switches the link off, False on again."""

    url: Change[str] = UNSET
    slug: Change[str] = UNSET
    title: Change[str | None] = UNSET
    starts_at: Change[datetime | None] = UNSET
    expires_at: Change[datetime | None] = UNSET
    disabled: Change[bool] = UNSET


async def create_link(  # noqa: PLR0913 - one for each field of the form
    context: RequestContext,
    *,
    url: str,
    slug: str | None = None,
    host: str | None = None,
    title: str | None = None,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    reuse_deleted_slug: bool = False,
    request_id: str | None = None,
) -> Link:
    """Create a link of the viewer's, then tell the replicas.

    Args:
        context: needs LINK_WRITE.
        url: where it leads; stored in the form a browser would send.
        slug: None draws a random one.
        host: of one of our domains, in any spelling; None is the first domain.
        title: None or "" for none.
        starts_at: answers 404 before; None at once.
        expires_at: answers 410 from then on; None never.
        reuse_deleted_slug: staff may take the slug of anyone's deleted link; the owner
            of the deleted link may always.
        request_id: the same one with the same input within 24 h gives the same link.

    Raises:
        NotPermittedError: no LINK_WRITE.
        DomainUnknownError: `host` is no domain of ours.
        SlugInvalidError, SlugReservedError, SlugTakenError: see the classes.
        TargetNotAllowedError, TargetLoopError, TargetTooLongError: see the classes.
        TextTooLongError, ValueInvalidError: title, request id or period.
        InputInvalidError: several of these fields at once.
        RequestIdReusedError: the request id came before with another input.
    """
    context.viewer.require(Scope.LINK_WRITE)
    now = context.ports.clock.now()
    found = await hosts(context)
    draft = LinkDraft(found)
    link = Link(
        id=new_id(),
        created_at=now,
        updated_at=now,
        domain_id=draft.take(lambda: found.domain_id(host), 0),
        slug=draft.slug(slug) if slug is not None else "",
        target=draft.target(url),
        title=draft.title(title),
        owner_id=context.viewer.user_id,
        starts_at=starts_at,
        expires_at=expires_at,
    )
    draft.take(lambda: check_period(link), None)
    request_id = draft.request_id(request_id)
    InputInvalidError.raise_for(draft.problems)
    request: Repeatable | None = None
    if request_id is not None and context.viewer.user_id is not None:
        request = Repeatable(
            user_id=context.viewer.user_id,
            mutation="linkCreate",
            request_id=request_id,
            body_hash=body_hash(
                [url, slug, host, title, starts_at, expires_at, reuse_deleted_slug]
            ),
        )
    return await store_link(
        context, link, request=request, is_random=slug is None, reuse=reuse_deleted_slug
    )


async def update_link(
    context: RequestContext, *, link_id: int, if_revision: int | None = None, changes: LinkChanges
) -> Link:
    """Change a link and raise its revision by one; the former slugs go on leading here.

    Args:
        context: needs LINK_WRITE.
        link_id: of a link the viewer may see.
        if_revision: None lets the last writer win; a number must be the present revision.
        changes: nothing set is no change: the link comes back as it is.

    Raises:
        NotPermittedError: no LINK_WRITE.
        NotFoundError: absent, deleted, or not the viewer's.
        RevisionConflictError: someone saved since `if_revision`.
        DomainError: the same as create_link, for the same fields.
    """
    context.viewer.require(Scope.LINK_WRITE)
    if changes == LinkChanges():
        return await _unchanged(context, link_id=link_id, if_revision=if_revision)
    draft = LinkDraft(await hosts(context))
    values: dict[str, Any] = {}
    if changes.url is not UNSET:
        values["target"] = draft.target(changes.url)
    if changes.slug is not UNSET:
        values["slug"] = draft.slug(changes.slug)
    if changes.title is not UNSET:
        values["title"] = draft.title(changes.title)
    if changes.starts_at is not UNSET:
        values["starts_at"] = changes.starts_at
    if changes.expires_at is not UNSET:
        values["expires_at"] = changes.expires_at
    InputInvalidError.raise_for(draft.problems)
    return await _save(
        context,
        _Save(link_id=link_id, if_revision=if_revision, values=values, disabled=changes.disabled),
    )


async def delete_link(
    context: RequestContext, *, link_id: int, if_revision: int | None = None
) -> Link:
    """Delete a link and return it as it was left; its slugs stay held for its owner.

    Raises:
        NotPermittedError: no LINK_WRITE.
        NotFoundError: absent, deleted, or not the viewer's.
        RevisionConflictError: someone saved since `if_revision`.
    """
    context.viewer.require(Scope.LINK_WRITE)
    values = {"deleted_at": context.ports.clock.now()}
    return await _save(context, _Save(link_id=link_id, if_revision=if_revision, values=values))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Save:
    """One change of one link."""

    link_id: int
    if_revision: int | None
    values: Mapping[str, Any]
    disabled: Change[bool] = UNSET


async def store_link(
    context: RequestContext,
    link: Link,
    *,
    request: Repeatable | None = None,
    is_random: bool,
    reuse: bool = False,
) -> Link:
    """Insert a link whose fields were checked, then tell the replicas.

    The unique index on slugs decides, everything else explains.

    Args:
        context: whose deleted slugs may be taken over.
        link: a new one; its slug is drawn here when `is_random`.
        request: the request it comes from, if that may come again.
        is_random: whether any slug will do.
        reuse: staff take the slug of anyone's deleted link.

    Raises:
        SlugTakenError: the slug is someone else's.
        RequestIdReusedError: the request came before with another body.
    """
    now, taken_over = link.created_at, None
    for _ in range(_ATTEMPTS):
        if is_random:
            link.slug = random_slug()
        link.revision = 1 if taken_over is None else taken_over.revision + 1
        try:
            async with in_transaction("default") as connection:
                if request is not None:
                    made = await claim(connection, request, result_id=link.id, now=now)
                    if made != link.id:
                        return await _made_before(connection, made)
                if taken_over is not None:
                    await release(connection, taken_over, now=now)
                await insert_link(connection, link)
                await claim_slug(
                    connection, domain_id=link.domain_id, slug=link.slug, link_id=link.id
                )
        except IntegrityError:
            taken_over = await _takeable(context, link, is_random=is_random, reuse=reuse)
            continue
        await context.ports.link_signal.links_changed()  # after the commit, never inside
        return link
    raise SlugTakenError(slug=link.slug)


async def _takeable(
    context: RequestContext, link: Link, *, is_random: bool, reuse: bool
) -> Hold | None:
    """Return the hold to take over before the next attempt, None to simply try again.

    Raises:
        SlugTakenError: the slug is someone else's.
    """
    hold = await holder(writer(), domain_id=link.domain_id, slug=link.slug)
    if hold is None or is_random:
        return None
    if hold.may_be_taken_by(context.viewer, reuse=reuse):
        return hold
    now = context.ports.clock.now()
    offered = await free_slugs(link.slug, domain_id=link.domain_id, now=now)
    raise SlugTakenError(slug=link.slug, suggestions=offered)


async def _made_before(connection: BaseDBAsyncClient, link_id: int) -> Link:
    rows = await fetch(
        connection,
        f"SELECT {SELECTED} FROM link WHERE link.id = {placeholders(connection, 1)}",
        [link_id],
    )
    if not rows:
        raise NotFoundError(path=("requestId",))
    return link_of(rows[0])


async def _unchanged(context: RequestContext, *, link_id: int, if_revision: int | None) -> Link:
    async with in_transaction("default") as connection:
        return await _locked(connection, context, link_id=link_id, if_revision=if_revision)


async def _save(context: RequestContext, save: _Save) -> Link:
    """Change a link under its lock; the unique index decides about a new slug."""
    now, taken_over = context.ports.clock.now(), None
    for _ in range(_ATTEMPTS):
        link: Link | None = None
        try:
            async with in_transaction("default") as connection:
                link = await _locked(
                    connection, context, link_id=save.link_id, if_revision=save.if_revision
                )
                before = link.slug
                _apply(link, save, now=now, above=taken_over.revision if taken_over else 0)
                if taken_over is not None:
                    await release(connection, taken_over, now=now)
                if link.slug != before:
                    await _rename(connection, link)
                await _update(connection, link)
        except IntegrityError:
            if link is None:
                raise
            taken_over = await _takeable(context, link, is_random=False, reuse=False)
            continue
        await context.ports.link_signal.links_changed()
        return link
    raise SlugTakenError(slug=str(save.values.get("slug", "")))


def _apply(link: Link, save: _Save, *, now: datetime, above: int) -> None:
    """Set the values; the revision rises above its own and that of a taken-over slug."""
    for name, value in save.values.items():
        setattr(link, name, value)
    if save.disabled is not UNSET:
        link.disabled_at = (link.disabled_at or now) if save.disabled else None
    check_period(link)
    link.updated_at = max(now, link.updated_at)
    link.revision = max(link.revision, above) + 1


async def _locked(
    connection: BaseDBAsyncClient, context: RequestContext, *, link_id: int, if_revision: int | None
) -> Link:
    """Return the link, which nobody else can change before the transaction ends.

    Raises:
        NotFoundError, RevisionConflictError: see update_link.
    """
    conditions = Conditions(connection)
    add_visible(conditions, context.viewer)
    conditions.add("link.id = ?", link_id if 0 <= link_id <= MAX_ID else -1)
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    rows = await fetch(
        connection,
        f"SELECT {SELECTED} FROM link WHERE {conditions.sql}{lock}",
        conditions.arguments,
    )
    if not rows:
        raise NotFoundError
    link = link_of(rows[0])
    if if_revision is not None and if_revision != link.revision:
        raise RevisionConflictError(current_revision=link.revision)
    return link


async def _rename(connection: BaseDBAsyncClient, link: Link) -> None:
    """Hold the new slug, unless it is one of the link's former ones."""
    hold = await holder(connection, domain_id=link.domain_id, slug=link.slug)
    if hold is None or hold.link_id != link.id:
        await claim_slug(connection, domain_id=link.domain_id, slug=link.slug, link_id=link.id)


async def _update(connection: BaseDBAsyncClient, link: Link) -> None:
    """Write what a save may change, and the line in the change log."""
    sqlite = is_sqlite(connection)
    values: list[object] = [getattr(link, name) for name in _CHANGED]
    marks = placeholders(connection, len(_CHANGED) + 1).split(", ")
    pairs = ", ".join(f"{name} = {mark}" for name, mark in zip(_CHANGED, marks, strict=False))
    await execute(
        connection,
        f"UPDATE link SET {pairs} WHERE id = {marks[-1]}",
        [*(to_sql(v, sqlite=sqlite) if isinstance(v, datetime) else v for v in values), link.id],
    )
    await log_change(connection, link_id=link.id, revision=link.revision)
