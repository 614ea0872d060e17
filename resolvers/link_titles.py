"""Titles of pages for links that have none: fetched in the background, never over a person's."""

import asyncio
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from tortoise.transactions import in_transaction

from models.orm import placeholders, reader, writer
from models.raw_sql import execute, fetch
from models.rules.audit_actions import AuditAction
from models.rules.page_titles import title_of
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.link_title_jobs import TitleJob, drop_title_job, retry_later, retry_now
from resolvers.ports import FetchFailedError, FetchRefusedError, HttpFetch

_ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_MAX_REDIRECTS: Final = 3
_AGAIN: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class TitleOutcome(Enum):
    """What became of a job."""

    STORED = "stored"
    NONE = "none"  # the page has none, or may not be fetched
    UNWANTED = "unwanted"  # the link has a title now, or is deleted
    CHANGED = "changed"  # the link was changed meanwhile: tried again at once
    DEFERRED = "deferred"
    GIVEN_UP = "given_up"


class _PageAwayError(Exception):
    """The page may answer another time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    target: str
    revision: int


async def fetch_title(context: RequestContext, job: TitleJob, *, http: HttpFetch) -> TitleOutcome:
    """Ask the page of a link for its title and store it, if the link still has none.

    A title changes neither revision nor moment of the link: whoever is about to save
    the link is not refused because its page has answered. The other way round, a
    page that was asked before the link was changed does not count.

    Args:
        context: of the worker.
        job: that claim_titles returned.
        http: the way out.
    """
    wanted = await _wanted(job.link_id)
    if wanted is None:
        await drop_title_job(writer(), link_id=job.link_id)
        return TitleOutcome.UNWANTED
    try:
        title = await _title(wanted.target, http=http)
    except (_PageAwayError, FetchFailedError):
        is_kept = await retry_later(context, job)
        return TitleOutcome.DEFERRED if is_kept else TitleOutcome.GIVEN_UP
    except FetchRefusedError:
        title = None
    if title is None:
        await drop_title_job(writer(), link_id=job.link_id)
        return TitleOutcome.NONE
    if await _stored(context, job, wanted, title):
        return TitleOutcome.STORED
    await retry_now(context, job)
    return TitleOutcome.CHANGED


async def _wanted(link_id: int) -> _Wanted | None:
    """Return what the link says now, None if it needs no title."""
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT target, revision FROM link WHERE title IS NULL AND deleted_at IS NULL"
        f" AND id = {placeholders(connection, 1)}",
        [link_id],
    )
    return _Wanted(target=rows[0]["target"], revision=rows[0]["revision"]) if rows else None


async def _title(url: str, *, http: HttpFetch) -> str | None:
    """Return the title of a page, None if it has none.

    Raises:
        _PageAwayError, FetchFailedError: another time, perhaps.
        FetchRefusedError: never.
    """
    answer = await http(url, headers={"Accept": _ACCEPT}, max_redirects=_MAX_REDIRECTS)
    if answer.status in _AGAIN or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _PageAwayError
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    content_type = answer.headers.get("content-type", "")
    return await asyncio.to_thread(title_of, answer.body, content_type=content_type)


async def _stored(context: RequestContext, job: TitleJob, wanted: _Wanted, title: str) -> bool:
    async with in_transaction("default") as connection:
        marks = placeholders(connection, 3).split(", ")
        changed = await execute(
            connection,
            f"UPDATE link SET title = {marks[0]} WHERE id = {marks[1]}"
            f" AND revision = {marks[2]} AND title IS NULL AND deleted_at IS NULL",
            [title, job.link_id, wanted.revision],
        )
        if changed:
            await drop_title_job(connection, link_id=job.link_id)
            await log_action(
                context,
                connection,
                AuditAction.LINK_TITLE_FETCH,
                subject_id=job.link_id,
                before={"title": None},
                after={"title": title},
            )
    return bool(changed)
