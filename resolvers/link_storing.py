"""Put a checked link into the store: the unique index on slugs decides who gets one."""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import RequestUndoneError, SlugTakenError
from models.link_rows import SELECTED, insert_link, link_of
from models.links import Link
from models.orm import writer
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.slugs import random_slug
from resolvers.audit import log_actions
from resolvers.context import RequestContext, Viewer
from resolvers.link_filters import Conditions, add_held
from resolvers.link_history import made_note
from resolvers.link_slugs import Hold, claim_slug, free_slugs, holder, release
from resolvers.link_title_jobs import queue_titles
from resolvers.quotas import link_room
from resolvers.replays import Repeatable, claim

ATTEMPTS: Final = 8  # a free random slug is hit by the first; two in a row collide never


async def store_link(  # noqa: PLR0913 - one for each way a link comes about
    context: RequestContext,
    link: Link,
    *,
    request: Repeatable | None = None,
    is_random: bool,
    reuse: bool = False,
    action: AuditAction = AuditAction.LINK_CREATE,
) -> Link:
    """Insert a link whose fields were checked, then tell the replicas.

    The unique index on slugs decides, everything else explains.

    Args:
        context: whose deleted slugs may be taken over.
        link: a new one; its slug is drawn here when `is_random`.
        request: the request it comes from, if that may come again.
        is_random: whether any slug will do.
        reuse: staff take the slug of anyone's deleted link.
        action: how the audit log names what happens.

    Raises:
        SlugTakenError: the slug is someone else's.
        RequestIdReusedError: the request came before with another body.
        RequestUndoneError: it came before, and its link was deleted since.
        QuotaExceededError: the person or the organization has as many links as it may.
    """
    now, taken_over = link.created_at, None
    for _ in range(ATTEMPTS):
        if is_random:
            link.slug = random_slug()
        link.revision = 1 if taken_over is None else taken_over.revision + 1
        try:
            async with in_transaction("default") as connection:
                if request is not None:
                    made = await claim(connection, request, result_id=link.id, now=now)
                    if made != link.id:
                        return await _made_before(connection, context.viewer, made)
                room = await link_room(connection, context.viewer)
                room.check()
                link.organization_id = room.organization_id
                if taken_over is not None:
                    await release(connection, taken_over, now=now)
                await insert_link(connection, link)
                await claim_slug(
                    connection, domain_id=link.domain_id, slug=link.slug, link_id=link.id
                )
                await queue_titles(context, connection, [link])
                taken_from = None if taken_over is None else taken_over.link_id
                note = made_note(link, action, taken_from=taken_from)
                await log_actions(context, connection, [note])
        except IntegrityError:
            taken_over = await takeable(context, link, is_random=is_random, reuse=reuse)
            continue
        await context.ports.link_signal.links_changed()  # after the commit, never inside
        return link
    raise SlugTakenError(slug=link.slug)


async def takeable(
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


async def _made_before(connection: BaseDBAsyncClient, viewer: Viewer, link_id: int) -> Link:
    """Return what the request made, unless it went, or stayed where the viewer left."""
    conditions = Conditions(connection)
    add_held(conditions, viewer)
    conditions.add("link.id = ?", link_id)
    rows = await fetch(
        connection,
        f"SELECT {SELECTED} FROM link WHERE {conditions.sql}",
        conditions.arguments,
    )
    link = link_of(rows[0]) if rows else None
    if link is None or link.deleted_at is not None:
        raise RequestUndoneError
    return link
