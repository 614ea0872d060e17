"""Titles of pages for links without one: fetched in the background, by real requests."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api.workers.titles import AT_ONCE, HOST_PAUSE_S, PER_SECOND, TitleWorker
from models.audit_entries import AuditEntry
from models.errors import DomainError
from models.link_titles import LinkTitleJob
from models.links import Link, LinkChange
from models.rules.audit_actions import AuditAction
from models.rules.link_files import LinkLine
from resolvers.context import RequestContext, Viewer
from resolvers.link_imports import import_links
from resolvers.link_title_jobs import RETRIES, claim_titles
from resolvers.link_titles import TitleOutcome, fetch_title
from resolvers.links import LinkChanges, create_link, delete_link, update_link
from resolvers.ports import FetchRefusedError, HttpAnswer, Ports
from tests.factories import as_command, make_domain, make_link
from tests.fakes import FixedClock
from tests.web_of_one import Web, pages, reply, web

PAGE = b"<title>Page &amp; title</title>"


class Ticks:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        """Return the present second."""
        return self.at


@pytest.fixture
async def context(database: None, ports: Ports) -> RequestContext:
    await make_domain()
    return as_command(replace(ports, fetches_titles=True))


@pytest.fixture
def answers() -> dict[str, bytes]:
    return {"/": reply(PAGE)}


@pytest.fixture
async def site(answers: dict[str, bytes]) -> AsyncIterator[Web]:
    async with web(pages(answers)) as found:
        yield found


def worker_of(context: RequestContext, site: Web, *, ticks: Ticks | None = None) -> TitleWorker:
    return TitleWorker(
        RequestContext(Viewer(), context.ports), http=site.client(), monotonic=ticks or Ticks()
    )


async def work(worker: TitleWorker) -> None:
    await worker.step()
    await worker.finish()


async def outcome_of(context: RequestContext, site: Web) -> TitleOutcome:
    """Do the one job there is."""
    [job] = await claim_titles(context, limit=9)
    return await fetch_title(context, job, http=site.client())


async def title_of(link: Link) -> str | None:
    return (await Link.get(id=link.id)).title


async def test_a_link_without_a_title_gets_that_of_its_page(
    context: RequestContext, site: Web, clock: FixedClock
) -> None:
    link = await make_link(context, url=site.url())
    assert link.title is None
    [job] = await LinkTitleJob.all()
    assert (job.link_id, job.host, job.attempts) == (link.id, f"site.test:{site.port}", 0)
    assert job.due_at == clock.now()

    await work(worker_of(context, site))

    assert await title_of(link) == "Page & title"
    assert await LinkTitleJob.all().count() == 0
    assert site.connections == 1


async def test_a_title_changes_neither_revision_nor_moment_nor_replica(
    context: RequestContext, site: Web, clock: FixedClock
) -> None:
    link = await make_link(context, url=site.url())
    changes = await LinkChange.all().count()
    clock.at += timedelta(minutes=1)

    await work(worker_of(context, site))

    stored = await Link.get(id=link.id)
    assert (stored.title, stored.revision) == ("Page & title", 1)
    assert stored.updated_at == link.updated_at
    assert await LinkChange.all().count() == changes
    assert (
        await update_link(
            context, link_id=link.id, if_revision=1, changes=LinkChanges(disabled=True)
        )
    ).revision == 2


async def test_the_audit_log_tells_of_a_fetched_title(context: RequestContext, site: Web) -> None:
    link = await make_link(context, url=site.url())

    await work(worker_of(context, site))

    entry = await AuditEntry.get(action=AuditAction.LINK_TITLE_FETCH.value)
    assert (entry.subject_id, entry.actor_id) == (link.id, None)
    assert (entry.before, entry.after) == ('{"title":null}', '{"title":"Page & title"}')


async def test_a_link_with_a_title_asks_nobody(context: RequestContext, site: Web) -> None:
    await create_link(context, url=site.url(), title="Mine")

    await work(worker_of(context, site))

    assert await LinkTitleJob.all().count() == 0
    assert site.connections == 0


async def test_where_titles_are_not_wanted_none_is_queued(
    context: RequestContext, site: Web, ports: Ports
) -> None:
    await make_link(as_command(ports), url=site.url())

    assert await LinkTitleJob.all().count() == 0


async def test_a_link_that_was_refused_leaves_no_job(context: RequestContext, site: Web) -> None:
    await make_link(context, url=site.url(), slug="taken")

    with pytest.raises(DomainError):
        await make_link(context, url=site.url(), slug="taken")

    assert await LinkTitleJob.all().count() == 1


async def test_a_title_that_a_person_sets_first_stays(context: RequestContext, site: Web) -> None:
    link = await make_link(context, url=site.url())
    [job] = await claim_titles(context, limit=1)
    await update_link(context, link_id=link.id, changes=LinkChanges(title="Mine"))

    assert await fetch_title(context, job, http=site.client()) is TitleOutcome.UNWANTED
    assert await title_of(link) == "Mine"
    assert await LinkTitleJob.all().count() == 0
    assert site.connections == 0


async def test_a_title_that_a_person_sets_while_the_page_answers_stays(
    context: RequestContext, site: Web
) -> None:
    link = await make_link(context, url=site.url())
    [job] = await claim_titles(context, limit=1)

    async def meanwhile(*args: object, **named: object) -> HttpAnswer:
        answer = await site.client()(site.url())
        await update_link(context, link_id=link.id, changes=LinkChanges(title="Mine"))
        return answer

    assert await fetch_title(context, job, http=meanwhile) is TitleOutcome.CHANGED
    assert await title_of(link) == "Mine"
    assert await LinkTitleJob.all().count() == 0  # the person's change took the job away


async def test_a_title_that_a_person_takes_away_is_not_brought_back(
    context: RequestContext, site: Web
) -> None:
    link = await make_link(context, url=site.url())
    await update_link(context, link_id=link.id, changes=LinkChanges(title=None))

    await work(worker_of(context, site))

    assert await title_of(link) is None
    assert site.connections == 0


async def test_a_page_that_was_asked_before_the_target_changed_does_not_count(
    context: RequestContext, site: Web, answers: dict[str, bytes]
) -> None:
    answers["/new"] = reply(b"<title>New</title>")
    link = await make_link(context, url=site.url())
    [job] = await claim_titles(context, limit=1)

    async def meanwhile(*args: object, **named: object) -> HttpAnswer:
        answer = await site.client()(site.url())
        await update_link(context, link_id=link.id, changes=LinkChanges(url=site.url("/new")))
        return answer

    assert await fetch_title(context, job, http=meanwhile) is TitleOutcome.CHANGED
    assert await title_of(link) is None
    await work(worker_of(context, site))

    assert await title_of(link) == "New"


async def test_a_deleted_link_asks_nobody(context: RequestContext, site: Web) -> None:
    link = await make_link(context, url=site.url())
    await delete_link(context, link_id=link.id)

    assert await outcome_of(context, site) is TitleOutcome.UNWANTED
    assert site.connections == 0
    assert await LinkTitleJob.all().count() == 0


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"no title"),
        reply(PAGE, content_type="application/pdf"),
        reply(PAGE, status="404 Not Found"),
        reply(PAGE, status="403 Forbidden"),
        reply(b"", "Location: file:///etc/passwd", status="302 Found"),
        reply(b"", "Location: http://site.test:22/", status="302 Found"),
    ],
)
async def test_a_page_without_a_title_is_asked_once(
    context: RequestContext, site: Web, answers: dict[str, bytes], answer: bytes
) -> None:
    answers["/"] = answer
    link = await make_link(context, url=site.url())

    assert await outcome_of(context, site) is TitleOutcome.NONE
    assert await title_of(link) is None
    assert await LinkTitleJob.all().count() == 0
    assert site.connections == 1


async def test_an_address_that_may_not_be_fetched_is_never_asked(
    context: RequestContext, site: Web
) -> None:
    await make_link(context, url="http://10.0.0.1/admin")
    [job] = await claim_titles(context, limit=1)

    assert await fetch_title(context, job, http=site.strict_client()) is TitleOutcome.NONE
    with pytest.raises(FetchRefusedError):
        await site.strict_client()("http://10.0.0.1/admin")
    assert await LinkTitleJob.all().count() == 0


async def test_a_page_that_fails_is_tried_again_ever_later_and_then_left(
    context: RequestContext, site: Web, answers: dict[str, bytes], clock: FixedClock
) -> None:
    answers["/"] = reply(PAGE, status="503 Service Unavailable")
    link = await make_link(context, url=site.url())

    for wait in RETRIES:
        assert await outcome_of(context, site) is TitleOutcome.DEFERRED
        clock.at += wait - timedelta(seconds=1)
        assert await claim_titles(context, limit=1) == []
        clock.at += timedelta(seconds=1)
    assert await outcome_of(context, site) is TitleOutcome.GIVEN_UP

    assert await title_of(link) is None
    assert await LinkTitleJob.all().count() == 0
    assert site.connections == len(RETRIES) + 1


async def test_a_page_that_is_back_gives_its_title(
    context: RequestContext, site: Web, answers: dict[str, bytes], clock: FixedClock
) -> None:
    answers["/"] = b"not even http"
    link = await make_link(context, url=site.url())
    assert await outcome_of(context, site) is TitleOutcome.DEFERRED

    answers["/"] = reply(PAGE)
    clock.at += RETRIES[0]

    assert await outcome_of(context, site) is TitleOutcome.STORED
    assert await title_of(link) == "Page & title"


async def test_a_job_whose_worker_died_is_taken_by_another_one(
    context: RequestContext, site: Web, clock: FixedClock
) -> None:
    link = await make_link(context, url=site.url())
    assert len(await claim_titles(context, limit=1)) == 1  # and nothing comes of it
    assert await claim_titles(context, limit=1) == []

    clock.at += timedelta(minutes=1)
    await work(worker_of(context, site))

    assert await title_of(link) == "Page & title"


async def test_of_two_workers_one_does_a_job(context: RequestContext, site: Web) -> None:
    await make_link(context, url=site.url())
    first, second = worker_of(context, site), worker_of(context, site)

    await first.step()
    await second.step()
    await first.finish()
    await second.finish()

    assert site.connections == 1


async def test_an_import_queues_what_has_no_title_in_one_transaction(
    context: RequestContext, site: Web
) -> None:
    lines = [
        LinkLine(
            number=n + 1, url=site.url(f"/{n}"), slug=f"import-{n}", title="Mine" if n % 2 else None
        )
        for n in range(100)
    ]

    links = await import_links(context, lines)

    wanted = {link.id for link in links[::2] if isinstance(link, Link)}
    assert len(wanted) == 50
    assert {job.link_id for job in await LinkTitleJob.all()} == wanted


async def test_one_host_is_asked_once_a_second_however_many_links_it_has(
    context: RequestContext, site: Web, answers: dict[str, bytes]
) -> None:
    ticks = Ticks()
    for n in range(5):
        await make_link(context, url=site.url(f"/?{n}"))
    worker = worker_of(context, site, ticks=ticks)
    asked = []

    for _ in range(3):
        await work(worker)
        await work(worker)
        asked.append(site.connections)
        ticks.at += HOST_PAUSE_S

    assert asked == [1, 2, 3]


async def test_many_hosts_share_what_may_begin_at_once_and_in_a_second(
    context: RequestContext, site: Web
) -> None:
    ticks = Ticks()
    for n in range(2 * PER_SECOND):
        await make_link(context, url=site.url(host=f"h{n}.test"))
    worker = worker_of(context, site, ticks=ticks)
    asked = []

    for _ in range(3):
        await work(worker)
        asked.append(site.connections)
    ticks.at += 1
    await work(worker)
    asked.append(site.connections)

    assert asked == [AT_ONCE, PER_SECOND, PER_SECOND, PER_SECOND + AT_ONCE]


async def test_a_host_with_a_long_queue_does_not_hold_up_the_others(
    context: RequestContext, site: Web
) -> None:
    for n in range(30):
        await make_link(context, url=site.url(f"/?{n}"))
    last = await make_link(context, url=site.url(host="other.test"))

    await work(worker_of(context, site))

    assert await title_of(last) == "Page & title"
