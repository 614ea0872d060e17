"""The replica follows the store, by the log or by a rebuild."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from api.adapters.link_replica import LmdbLinkReplica
from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.lmdb_replica_writer import LmdbReplicaWriter
from api.adapters.replica_folder import ReplicaFolder
from models.domains import Domain
from models.ids import new_id
from models.installation import Installation
from models.link_changes import log_change
from models.links import Link, LinkSlug
from models.orm import writer
from models.rules.replica_format import Entry, EntryKind
from resolvers.replica import PAGE, Followed, follow_log
from tests.fakes import FixedClock

HOST = "go.test"
WRITERS = 8
CHANGES_OF_EACH = 40

Step = Callable[[], Awaitable[list[Followed]]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ReplicaFolder]:
    opened = ReplicaFolder(tmp_path / "replica")
    yield opened
    opened.close()


@pytest.fixture
def replica(folder: ReplicaFolder) -> Iterator[LmdbLinkReplica]:
    opened = LmdbLinkReplica(folder)
    yield opened
    opened.close()


@pytest.fixture
async def domain(database: None, clock: FixedClock) -> Domain:
    await Installation.create(id=1, store_id="store one", clicks_kept_since_us=0)
    return await Domain.create(host=HOST)


async def follow(
    replica: LmdbLinkReplica, clock: FixedClock, *, page: int = PAGE
) -> list[Followed]:
    """Follow until there is no more, as the worker does."""
    steps: list[Followed] = []
    while not steps or steps[-1].has_more:
        steps.append(await follow_log(replica, clock=clock, page=page))
    return steps


async def make(domain: Domain, slug: str, target: str) -> Link:
    link = await Link.create(domain=domain, slug=slug, target=target)
    await LinkSlug.create(domain=domain, slug=slug, link=link)
    await log_change(writer(), link_id=link.id, revision=1)
    return link


async def change(link: Link, **values: object) -> None:
    link.revision += 1
    await Link.filter(id=link.id).update(revision=link.revision, **values)
    await log_change(writer(), link_id=link.id, revision=link.revision)


def entries(folder: ReplicaFolder, domain_id: int, *slugs: str) -> list[Entry | None]:
    """Read what the serving replica has, through a copy: one process opens a file once."""
    generation = folder.current()
    assert generation is not None
    copy = ReplicaFolder(folder.path.parent / "copy")
    copy.file_of(generation).write_bytes(folder.file_of(generation).read_bytes())
    copy.serve(generation)
    reader = LmdbReplicaReader(copy)
    assert reader.refresh()
    found = [reader.entry(domain_id, slug.encode()) for slug in slugs]
    reader.close()
    copy.close()
    return found


def targets(folder: ReplicaFolder, domain_id: int, *slugs: str) -> list[bytes | None]:
    return [e and e.target for e in entries(folder, domain_id, *slugs)]


async def test_a_missing_replica_is_built_from_the_tables(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await make(domain, "a", "https://example.org/a")
    await make(domain, "б", "https://example.org/b")

    steps = await follow(replica, clock)

    assert steps[0] == Followed(rebuilt="there is none", has_more=True)
    assert targets(folder, domain.id, "a", "б", "c") == [
        b"https://example.org/a",
        b"https://example.org/b",
        None,
    ]


async def test_nothing_is_built_before_the_installation_exists(
    database: None, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    assert await follow(replica, clock) == [Followed()]
    assert folder.current() is None


async def test_changes_are_applied_without_a_rebuild(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    link = await make(domain, "a", "https://example.org/1")
    await follow(replica, clock)
    generation = folder.current()

    await change(link, target="https://example.org/2")
    other = await make(domain, "b", "https://example.org/b")
    await change(other, disabled_at=clock.now())
    steps = await follow(replica, clock)

    assert [step.changes for step in steps] == [3]
    assert folder.current() == generation
    assert [(e and (e.kind, e.target)) for e in entries(folder, domain.id, "a", "b")] == [
        (EntryKind.LIVE, b"https://example.org/2"),
        (EntryKind.OFF, b"https://example.org/b"),
    ]
    assert await follow(replica, clock) == [Followed()]


async def test_a_deleted_link_leaves_a_tombstone_and_its_window_is_kept(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    gone, dated = (
        await make(domain, "a", "https://e.org/"),
        await make(domain, "b", "https://e.org/"),
    )
    await follow(replica, clock)

    await change(gone, deleted_at=clock.now())
    await change(dated, starts_at=clock.now(), expires_at=clock.now() + timedelta(seconds=1))
    await follow(replica, clock)

    now_us = int(clock.now().timestamp()) * 1_000_000
    assert entries(folder, domain.id, "a", "b") == [
        Entry(EntryKind.TOMBSTONE, gone.id, 2),
        Entry(
            EntryKind.LIVE,
            dated.id,
            2,
            b"https://e.org/",
            not_before_us=now_us,
            not_after_us=now_us + 1_000_000,
        ),
    ]


async def test_a_slug_given_to_another_link_leads_there(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    old = await make(domain, "a", "https://e.org/old")
    await change(old, deleted_at=clock.now())
    await follow(replica, clock)

    await LinkSlug.filter(link_id=old.id).update(released_at=clock.now())
    new = await Link.create(domain=domain, slug="a", target="https://e.org/new", revision=3)
    await LinkSlug.create(domain=domain, slug="a", link=new)
    await log_change(writer(), link_id=new.id, revision=3)
    await log_change(writer(), link_id=old.id, revision=2)  # a late word about the old one
    await follow(replica, clock)

    assert targets(folder, domain.id, "a") == [b"https://e.org/new"]


async def test_a_new_domain_and_a_dropped_one_are_followed(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await follow(replica, clock)

    added = await Domain.create(host="new.test")
    await domain.delete()
    await log_change(writer(), link_id=0, revision=0)
    await follow(replica, clock)

    generation = folder.current()
    assert generation is not None
    replica.close()
    reader = LmdbReplicaReader(folder)
    assert reader.refresh()
    assert (reader.domain_id(b"new.test"), reader.domain_id(HOST.encode())) == (added.id, None)
    reader.close()


async def test_a_replica_of_another_store_is_never_shown(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await follow(replica, clock)
    generation = folder.current()
    await Installation.filter(id=1).update(store_id="store two")

    steps = await follow(replica, clock)

    assert steps[0].rebuilt == "it belongs to another store"
    assert folder.current() not in {None, generation}


async def test_a_replica_ahead_of_a_restored_store_is_built_anew(
    domain: Domain, replica: LmdbLinkReplica, clock: FixedClock
) -> None:
    await follow(replica, clock)
    mark = replica.mark()
    assert mark is not None
    store, _, *rest = json.loads(mark)
    ahead = json.dumps([store, 1 << 60, *rest]).encode()
    replica.apply([], domains=None, mark=ahead)

    assert (await follow(replica, clock))[0].rebuilt == "it is ahead of the store"


async def test_after_a_standby_took_over_a_new_one_is_built_while_the_old_one_serves(
    domain: Domain,
    replica: LmdbLinkReplica,
    folder: ReplicaFolder,
    clock: FixedClock,
    postgres_server: str | None,
) -> None:
    """The system identifier survives a promotion, the timeline does not."""
    await make(domain, "a", "https://example.org/1")
    await follow(replica, clock)
    epoch = folder.epoch()
    mark = replica.mark()
    assert mark is not None
    *rest, timeline = json.loads(mark)
    assert timeline == ("" if postgres_server is None else "00000001")
    replica.apply([], domains=None, mark=json.dumps([*rest, "00000002"]).encode())

    assert (await follow(replica, clock))[0].rebuilt == "a standby of its store took over"

    assert targets(folder, domain.id, "a") == [b"https://example.org/1"]
    assert changes_of_what_is_served(epoch, folder) == 1  # not one more for retiring it
    mark = replica.mark()
    assert mark is not None
    assert json.loads(mark)[-1] == timeline


def changes_of_what_is_served(before: bytes, folder: ReplicaFolder) -> int:
    return int.from_bytes(folder.epoch(), "little") - int.from_bytes(before, "little")


async def test_a_replica_from_before_timelines_were_kept_is_built_anew_while_it_serves(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await follow(replica, clock)
    epoch = folder.epoch()
    mark = replica.mark()
    assert mark is not None
    replica.apply([], domains=None, mark=json.dumps(json.loads(mark)[:-1]).encode())

    assert (await follow(replica, clock))[0].rebuilt == "there is none"
    assert changes_of_what_is_served(epoch, folder) == 1


async def test_a_replica_from_before_passwords_is_built_anew_while_it_serves(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await make(domain, "a", "https://example.org/1")
    await follow(replica, clock)
    epoch = folder.epoch()
    replica.close()
    writer = LmdbReplicaWriter(folder)
    with writer.changing() as changes:
        mark = changes.meta("mark")
        assert mark is not None
        assert mark.startswith(b"2 ")
        changes.put_meta("mark", b"1" + mark[1:])
    writer.close()

    assert (await follow(replica, clock))[0].rebuilt == "there is none"
    assert changes_of_what_is_served(epoch, folder) == 1
    assert targets(folder, domain.id, "a") == [b"https://example.org/1"]


async def test_a_replica_written_while_the_clock_was_ahead_is_built_anew(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await follow(replica, clock)
    epoch = folder.epoch()
    clock.at -= timedelta(hours=1)
    assert await follow(replica, clock) == [Followed()]
    clock.at -= timedelta(seconds=1)

    assert (await follow(replica, clock))[0].rebuilt == "its clock was ahead of ours"

    assert changes_of_what_is_served(epoch, folder) == 1
    assert await follow(replica, clock) == [Followed()]


async def test_a_replica_older_than_the_log_is_built_anew(
    domain: Domain, replica: LmdbLinkReplica, clock: FixedClock
) -> None:
    await follow(replica, clock)
    clock.at += timedelta(days=6, seconds=1)

    assert (await follow(replica, clock))[0].rebuilt == "it is older than the log"


async def test_a_quiet_replica_that_is_looked_after_does_not_grow_old(
    domain: Domain, replica: LmdbLinkReplica, clock: FixedClock
) -> None:
    await follow(replica, clock)
    for _ in range(4):
        clock.at += timedelta(days=5)

        assert await follow(replica, clock) == [Followed()]


async def test_a_replica_overwritten_with_noise_is_built_anew(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    await make(domain, "a", "https://example.org/a")
    await follow(replica, clock)
    generation = folder.current()
    assert generation is not None
    replica.close()
    folder.file_of(generation).write_bytes(b"\xa5" * 40_000)

    steps = await follow(replica, clock)

    assert steps[0].rebuilt == "there is none"
    assert targets(folder, domain.id, "a") == [b"https://example.org/a"]


async def test_a_change_during_a_rebuild_is_not_lost(
    domain: Domain, replica: LmdbLinkReplica, folder: ReplicaFolder, clock: FixedClock
) -> None:
    link = await make(domain, "a", "https://example.org/1")
    building = asyncio.create_task(follow(replica, clock))
    await change(link, target="https://example.org/2")
    await building
    await follow(replica, clock)

    assert targets(folder, domain.id, "a") == [b"https://example.org/2"]


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_a_long_log_is_applied_page_by_page(
    domain: Domain,
    replica: LmdbLinkReplica,
    folder: ReplicaFolder,
    clock: FixedClock,
    page: int,
) -> None:
    await follow(replica, clock)
    for number in range(5):
        await make(domain, f"s{number}", f"https://example.org/{number}")

    steps = await follow(replica, clock, page=page)

    assert sum(step.changes for step in steps) == 5
    assert [step.rebuilt for step in steps] == [None] * len(steps)
    slugs = [f"s{number}" for number in range(5)]
    assert None not in targets(folder, domain.id, *slugs)


@pytest.mark.parametrize("page", [PAGE, 3])
async def test_no_change_of_parallel_writers_is_skipped(  # noqa: PLR0913, PLR0917 - fixtures
    domain: Domain,
    database_url: str,
    replica: LmdbLinkReplica,
    folder: ReplicaFolder,
    clock: FixedClock,
    page: int,
) -> None:
    """Commits out of order, rollbacks and holes: whatever the store has, the replica has."""

    async def step() -> list[Followed]:
        return await follow(replica, clock, page=page)

    if database_url.startswith("sqlite"):
        await _write_in_turns(domain, step)
    else:
        await _write_in_parallel(domain, database_url, step)
    await step()

    stored = {link.slug: link.target.encode() for link in await Link.all()}
    assert len(stored) == WRITERS * CHANGES_OF_EACH * 3 // 4
    found = targets(folder, domain.id, *stored)
    assert dict(zip(stored, found, strict=True)) == stored


async def _write_in_turns(domain: Domain, step: Step) -> None:
    for number in range(WRITERS * CHANGES_OF_EACH):
        if number % 4:
            await make(domain, f"s{number}", f"https://example.org/{number}")
        if number % 7 == 0:
            await step()


async def _write_in_parallel(domain: Domain, database_url: str, step: Step) -> None:
    """Hold transactions open over one another while the replica is followed all the time."""
    is_over = asyncio.Event()
    # Nothing may be built again: the log alone has to bring every change.
    first = await step()
    assert first[0].rebuilt == "there is none"

    async def keep_following() -> list[Followed]:
        steps: list[Followed] = []
        while not is_over.is_set():
            steps += await step()
        return steps

    following = asyncio.create_task(keep_following())
    await asyncio.gather(*(_writer(domain.id, database_url, n) for n in range(WRITERS)))
    is_over.set()
    steps = await following
    assert [step.rebuilt for step in steps if step.rebuilt] == []
    assert sum(step.changes for step in steps) > 0


async def _writer(domain_id: int, database_url: str, writer_number: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        for number in range(CHANGES_OF_EACH):
            slug = f"w{writer_number}n{number}"
            transaction = connection.transaction()
            await transaction.start()
            await _insert(connection, domain_id, slug)
            for _ in range((writer_number * 7 + number) % 5):  # others commit meanwhile
                await connection.execute("SELECT pg_sleep(0.001)")
            if number % 4:
                await transaction.commit()
            else:
                await transaction.rollback()
    finally:
        await connection.close()


async def _insert(connection: "asyncpg.Connection", domain_id: int, slug: str) -> None:
    link_id = new_id()
    await connection.execute(
        "INSERT INTO link (id, created_at, updated_at, domain_id, slug, target)"
        " VALUES ($1, now(), now(), $2, $3, $4)",
        link_id,
        domain_id,
        slug,
        f"https://example.org/{slug}",
    )
    await connection.execute(
        "INSERT INTO link_slug (id, domain_id, slug, link_id) VALUES ($1, $2, $3, $4)",
        new_id(),
        domain_id,
        slug,
        link_id,
    )
    await connection.execute(
        "INSERT INTO link_change (link_id, revision, at) VALUES ($1, 1, now())", link_id
    )
