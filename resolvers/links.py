"""Create short links; change and delete them (link_edits), and find them (link_lists)."""

from datetime import datetime

from models.errors import InputInvalidError, RequestIdReusedError
from models.ids import new_id
from models.links import Link
from models.rules.scopes import Scope
from resolvers.changes import UNSET
from resolvers.context import RequestContext
from resolvers.domains import hosts
from resolvers.link_drafts import LinkDraft, check_period
from resolvers.link_edits import LinkChanges, delete_link, update_link
from resolvers.link_lists import (
    count_links,
    link_by_address,
    link_by_id,
    link_cursor,
    links_by_ids,
    links_page,
    matching_link_ids,
)
from resolvers.link_passwords import hash_for_link
from resolvers.link_storing import store_link
from resolvers.replays import Repeatable, body_hash

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
    "update_link",
)


async def create_link(  # noqa: PLR0913 - one for each field of the form
    context: RequestContext,
    *,
    url: str,
    slug: str | None = None,
    host: str | None = None,
    title: str | None = None,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    password: str | None = None,
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
        password: that visitors have to type; None for none.
        reuse_deleted_slug: staff may take the slug of anyone's deleted link; the owner
            of the deleted link may always.
        request_id: the same one with the same input within 24 h gives the same link, as it
            is by then.

    Raises:
        NotPermittedError: no LINK_WRITE.
        DomainUnknownError: `host` is no domain of ours.
        SlugInvalidError, SlugReservedError, SlugTakenError: see the classes.
        TargetNotAllowedError, TargetLoopError, TargetTooLongError: see the classes.
        TextTooLongError, ValueInvalidError: title, request id, period or password.
        ValueRequiredError: the password is empty.
        InputInvalidError: several of these fields at once.
        RequestIdReusedError: the request id came before with another input.
        RequestUndoneError: it came before, and its link was deleted since.
        QuotaExceededError: the person or the organization has as many links as it may.
        RateLimitedError: the person sets passwords too often.
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
        organization_id=context.viewer.organization_id,
        starts_at=starts_at,
        expires_at=expires_at,
    )
    draft.take(lambda: check_period(link), None)
    password = draft.password(password)
    request_id = draft.request_id(request_id)
    InputInvalidError.raise_for(draft.problems)
    if password is not None:
        link.password_hash = await hash_for_link(context, password)
    request: Repeatable | None = None
    if request_id is not None and context.viewer.user_id is not None:
        request = Repeatable(
            user_id=context.viewer.user_id,
            mutation="linkCreate",
            request_id=request_id,
            body_hash=body_hash(
                [
                    *(url, slug, host, title, starts_at, expires_at, reuse_deleted_slug),
                    # That there is one; a quick hash of the password itself could be guessed.
                    *([] if password is None else [True]),
                ]
            ),
        )
    stored = await store_link(
        context, link, request=request, is_random=slug is None, reuse=reuse_deleted_slug
    )
    if stored.id != link.id and password is not None:
        await _check_repeated(context, stored, password)
    return stored


async def _check_repeated(context: RequestContext, link: Link, password: str) -> None:
    """Refuse a repeated request whose password is another one than that of the first.

    After the link was saved again nobody can tell any more.
    """
    is_as_made = link.updated_at == link.created_at
    verdict = await context.ports.passwords.verify(password, link.password_hash)
    if is_as_made and not verdict.is_right:
        raise RequestIdReusedError
