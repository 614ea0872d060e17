"""Take in many links at once, whole batches or nothing of them."""

from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import DomainError, InputInvalidError
from models.ids import new_id
from models.link_changes import log_changes
from models.link_rows import insert_row, insert_sql
from models.links import Link
from models.orm import is_sqlite
from models.raw_sql import execute_many
from models.rules.audit_actions import AuditAction
from models.rules.link_files import LinkLine
from models.rules.scopes import Scope
from models.rules.slugs import random_slug
from resolvers.audit import log_actions
from resolvers.context import RequestContext
from resolvers.domains import Hosts, hosts
from resolvers.link_drafts import LinkDraft, check_period
from resolvers.link_history import made_note
from resolvers.link_slugs import claim_sql, held_slugs
from resolvers.link_storing import store_link
from resolvers.link_title_jobs import queue_titles
from resolvers.quotas import LinkRoom, link_room


async def import_links(
    context: RequestContext, lines: Sequence[LinkLine]
) -> list[Link | DomainError]:
    """Create a link of the viewer's for each line that can be one.

    Lines whose slug nobody held go in by one transaction; the others, if any, one
    by one, by the rules of create_link. Stopped in the middle, each transaction
    is in wholly or not at all.

    Args:
        context: needs LINK_WRITE.
        lines: a batch of about a thousand: the store has one writer at a time.

    Returns:
        For each line its link, or why there is none.

    Raises:
        NotPermittedError: no LINK_WRITE.
    """
    context.viewer.require(Scope.LINK_WRITE)
    found = await hosts(context)
    results = [_drafted(context, line, found) for line in lines]
    for line, link in zip(lines, results, strict=True):
        if line.password is not None and isinstance(link, Link):
            link.password_hash = await context.ports.passwords.hash(line.password)
    drafts = [
        (place, link) for place, link in enumerate(results) if not isinstance(link, DomainError)
    ]
    named = {place for place, _ in drafts if lines[place].slug is not None}
    free, contested = await _parted(drafts, named)
    room = await _inserted(context, [link for _, link in free])
    if room is None:
        contested += free
    else:
        for (place, _), refusal in zip(free, room.refusals(len(free)), strict=True):
            results[place] = refusal or results[place]
        await context.ports.link_signal.links_changed()
    for place, link in contested:
        results[place] = await _stored(context, link, is_random=place not in named)
    return results


def _drafted(context: RequestContext, line: LinkLine, found: Hosts) -> Link | DomainError:
    now = context.ports.clock.now()
    draft = LinkDraft(found)
    link = Link(
        id=new_id(),
        created_at=now,
        updated_at=now,
        domain_id=draft.take(lambda: found.domain_id(line.host), 0),
        slug=random_slug() if line.slug is None else draft.slug(line.slug),
        target=draft.target(line.url),
        title=draft.title(line.title),
        owner_id=context.viewer.user_id,
        organization_id=context.viewer.organization_id,
        starts_at=line.starts_at,
        expires_at=line.expires_at,
        disabled_at=now if line.is_disabled else None,
    )
    draft.take(lambda: check_period(link), None)
    draft.password(line.password)
    try:
        InputInvalidError.raise_for(draft.problems)
    except DomainError as error:
        return error
    return link


async def _parted(
    drafts: Sequence[tuple[int, Link]], named: set[int]
) -> tuple[list[tuple[int, Link]], list[tuple[int, Link]]]:
    """Part the drafts into those whose slug looks free and the others, in order."""
    slugs: dict[int, list[str]] = {}
    for place, link in drafts:
        if place in named:
            slugs.setdefault(link.domain_id, []).append(link.slug)
    taken = {
        (domain_id, slug)
        for domain_id, wanted in slugs.items()
        for slug in await held_slugs(wanted, domain_id=domain_id)
    }
    free: list[tuple[int, Link]] = []
    contested: list[tuple[int, Link]] = []
    for place, link in drafts:
        key = (link.domain_id, link.slug)
        (contested if key in taken else free).append((place, link))
        taken.add(key)  # the second of two equal ones in the file
    return free, contested


async def _inserted(context: RequestContext, links: Sequence[Link]) -> LinkRoom | None:
    """Insert links by one transaction, as many of the first as there is room for.

    Returns:
        The room there was; None, and nothing done, if a slug was taken meanwhile.
    """
    try:
        async with in_transaction("default") as connection:
            room = await link_room(connection, context.viewer)
            fitting = links[: room.left]
            for link in fitting:
                link.organization_id = room.organization_id
            await _insert_all(connection, fitting)
            await queue_titles(context, connection, fitting)
            notes = [made_note(link, AuditAction.LINK_IMPORT) for link in fitting]
            await log_actions(context, connection, notes)
    except IntegrityError:
        return None
    return room


async def _insert_all(connection: BaseDBAsyncClient, links: Sequence[Link]) -> None:
    if not links:
        return
    sqlite = is_sqlite(connection)
    await execute_many(
        connection, insert_sql(connection), [insert_row(link, sqlite=sqlite) for link in links]
    )
    claims = sorted((link.domain_id, link.slug, link.id) for link in links)
    await execute_many(  # in order, so that two imports wait for each other in one direction
        connection, claim_sql(connection), [[new_id(), *claim] for claim in claims]
    )
    await log_changes(connection, ((link.id, link.revision) for link in links))


async def _stored(context: RequestContext, link: Link, *, is_random: bool) -> Link | DomainError:
    try:
        return await store_link(context, link, is_random=is_random, action=AuditAction.LINK_IMPORT)
    except DomainError as error:
        return error
