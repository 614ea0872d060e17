"""Which links still need the title of their page: rows of the transactions that make links.

A job that was written is done sooner or later, also when every process dies at
once. It is taken by raising its number of attempts: of two workers one does.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.links import Link
from models.orm import is_sqlite, placeholders, reader, writer
from models.raw_sql import execute, execute_many, fetch
from models.rules.moments import to_sql
from models.rules.outbound_urls import read_url
from resolvers.context import RequestContext

LEASE: Final = timedelta(minutes=1)  # longer than any fetch takes
RETRIES: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleJob:
    """A job that is ours until its lease ends.

    Attributes:
        attempts: this one counted; a number that nobody else has for this link.
    """

    link_id: int
    host: str
    attempts: int


async def queue_titles(
    context: RequestContext, connection: BaseDBAsyncClient, links: Iterable[Link]
) -> None:
    """Let the titles of new links without one be fetched, if the operator wants that.

    Args:
        context: says whether titles are fetched, and since when these are due.
        connection: of the open transaction that makes the links.
        links: those with a title of their own are left out.
    """
    if not context.ports.fetches_titles:
        return
    due_at = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    rows: list[list[object]] = []
    for link in links:
        url = read_url(link.target) if link.title is None else None
        if url is not None:
            rows.append([link.id, url.authority, 0, due_at])
    sql = (
        "INSERT INTO link_title_job (link_id, host, attempts, due_at)"
        f" VALUES ({placeholders(connection, 4)})"
    )
    if len(rows) == 1:
        await execute(connection, sql, rows[0])
    elif rows:
        await execute_many(connection, sql, rows)


async def drop_title_job(connection: BaseDBAsyncClient, *, link_id: int) -> None:
    """Ask no more for the title of a link: a person has decided, or it is known."""
    sql = f"DELETE FROM link_title_job WHERE link_id = {placeholders(connection, 1)}"
    await execute(connection, sql, [link_id])


async def claim_titles(
    context: RequestContext, *, limit: int, but: Collection[str] = ()
) -> list[TitleJob]:
    """Take what is due, the oldest first, one for each host.

    Args:
        context: of the worker.
        limit: how many at most.
        but: hosts that have to wait.
    """
    taken: list[TitleJob] = []
    hosts = set(but)
    while len(taken) < limit:
        job = await _oldest(context, but=hosts)
        if job is None:
            break
        hosts.add(job.host)
        if await _claimed(context, job):
            taken.append(job)
    return taken


async def retry_later(context: RequestContext, job: TitleJob) -> bool:
    """Let a job that failed be tried again, or give it up; return whether it stays."""
    if job.attempts > len(RETRIES):
        await drop_title_job(writer(), link_id=job.link_id)
        return False
    await _postpone(context, job, by=RETRIES[job.attempts - 1])
    return True


async def retry_now(context: RequestContext, job: TitleJob) -> None:
    """Let a job be tried again at once: its link was changed meanwhile."""
    await _postpone(context, job, by=timedelta())


async def _oldest(context: RequestContext, *, but: Collection[str]) -> TitleJob | None:
    connection = reader()
    sqlite = is_sqlite(connection)
    now = to_sql(context.ports.clock.now(), sqlite=sqlite)
    others = ""
    if but:
        others = f" AND host NOT IN ({placeholders(connection, len(but), start=2)})"
    rows = await fetch(
        connection,
        "SELECT link_id, host, attempts FROM link_title_job"
        f" WHERE due_at <= {'?' if sqlite else '$1'}{others} ORDER BY due_at, link_id LIMIT 1",
        [now, *but],
    )
    if not rows:
        return None
    row = rows[0]
    return TitleJob(link_id=row["link_id"], host=row["host"], attempts=row["attempts"] + 1)


async def _claimed(context: RequestContext, job: TitleJob) -> bool:
    return await _update(context, job, due_in=LEASE, attempts=job.attempts, was=job.attempts - 1)


async def _postpone(context: RequestContext, job: TitleJob, *, by: timedelta) -> None:
    await _update(context, job, due_in=by, attempts=job.attempts, was=job.attempts)


async def _update(
    context: RequestContext, job: TitleJob, *, due_in: timedelta, attempts: int, was: int
) -> bool:
    connection = writer()
    due_at = to_sql(context.ports.clock.now() + due_in, sqlite=is_sqlite(connection))
    marks = placeholders(connection, 4).split(", ")
    changed = await execute(
        connection,
        f"UPDATE link_title_job SET due_at = {marks[0]}, attempts = {marks[1]}"
        f" WHERE link_id = {marks[2]} AND attempts = {marks[3]}",
        [due_at, attempts, job.link_id, was],
    )
    return changed == 1
