"""Change and delete short links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import InputInvalidError, NotFoundError, RevisionConflictError, SlugTakenError
from models.link_rows import SELECTED, link_of, update_link_row
from models.links import Link
from models.orm import is_sqlite
from models.raw_sql import fetch
from models.rules.scopes import Scope
from resolvers.audit import log_actions
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.domains import hosts
from resolvers.link_drafts import LinkDraft, check_period
from resolvers.link_filters import MAX_ID, Conditions, add_visible
from resolvers.link_history import saved_note, snapshot
from resolvers.link_passwords import hash_for_link
from resolvers.link_slugs import claim_slug, holder, release
from resolvers.link_storing import ATTEMPTS, takeable
from resolvers.link_title_jobs import drop_title_job


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What an update sets.

    `disabled` True switches the link off, False on again; `password` None asks visitors for
    none any more.
    """

    url: Change[str] = UNSET
    slug: Change[str] = UNSET
    title: Change[str | None] = UNSET
    starts_at: Change[datetime | None] = UNSET
    expires_at: Change[datetime | None] = UNSET
    disabled: Change[bool] = UNSET
    password: Change[str | None] = field(default=UNSET, repr=False)


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
        RateLimitedError: the person sets passwords too often.
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
    password = None if changes.password is UNSET else draft.password(changes.password)
    InputInvalidError.raise_for(draft.problems)
    if changes.password is not UNSET:
        values["password_hash"] = password and await hash_for_link(context, password)
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


async def _unchanged(context: RequestContext, *, link_id: int, if_revision: int | None) -> Link:
    async with in_transaction("default") as connection:
        return await _locked(connection, context, link_id=link_id, if_revision=if_revision)


async def _save(context: RequestContext, save: _Save) -> Link:
    """Change a link under its lock; the unique index decides about a new slug."""
    now, taken_over = context.ports.clock.now(), None
    for _ in range(ATTEMPTS):
        link: Link | None = None
        try:
            async with in_transaction("default") as connection:
                link = await _locked(
                    connection, context, link_id=save.link_id, if_revision=save.if_revision
                )
                before = snapshot(link)
                _apply(link, save, now=now, above=taken_over.revision if taken_over else 0)
                if taken_over is not None:
                    await release(connection, taken_over, now=now)
                if link.slug != before["slug"]:
                    await _rename(connection, link)
                await update_link_row(connection, link)
                if "title" in save.values and context.ports.fetches_titles:
                    await drop_title_job(connection, link_id=link.id)  # a person has decided
                await log_actions(context, connection, [saved_note(link, before)])
        except IntegrityError:
            if link is None:
                raise
            taken_over = await takeable(context, link, is_random=False, reuse=False)
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
