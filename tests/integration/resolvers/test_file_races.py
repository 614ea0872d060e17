"""Files, several at once: contents come and go, and none is lost or left over."""

import asyncio
import secrets
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from api.workers.retention import RetentionWorker
from models.errors import NotFoundError, QuotaExceededError
from models.files import Blob, FileOwnerKind, StoredFile
from resolvers.context import RequestContext
from resolvers.file_deletions import (
    LOST_AFTER,
    PRUNES,
    _delete_lost,
    prune_blobs,
    prune_drafts,
    prune_files,
    prune_lost_contents,
)
from resolvers.file_owners import attach_files
from resolvers.file_ports import BlobDraft, FilePolicy, WrittenContent
from resolvers.file_storing import KeptFile, keep_file, written
from resolvers.ports import Ports
from tests.factories import as_command, make_user
from tests.fakes import FixedClock
from tests.files import PNG, chunks, drafts, on_disk, send_file
from tests.sign_ins import as_session

MESSAGE = FileOwnerKind.TICKET_MESSAGE


@pytest.fixture
async def ada(database: None, ports: Ports) -> RequestContext:
    return await as_session(ports, await make_user())


async def whole(ports: Ports) -> bool:
    """Tell whether every content has its bytes, and every bytes a content."""
    rows = await Blob.all().values_list("sha256", flat=True)
    return sorted(str(each) for each in rows) == list(on_disk(ports))


async def test_the_same_content_from_several_people_at_once_is_one(
    ada: RequestContext, ports: Ports
) -> None:
    people = [ada, *[await as_session(ports, await make_user()) for _ in range(3)]]

    files = await asyncio.gather(*(send_file(each, PNG) for each in people * 2))

    assert len({file.blob_id for file in files}) == 1
    assert await StoredFile.all().count() == 8
    assert await Blob.all().count() == 1
    assert await whole(ports)
    assert drafts(ports) == []


async def test_a_quota_holds_for_files_that_come_at_once(ada: RequestContext, ports: Ports) -> None:
    ada = replace(ada, ports=replace(ports, files=FilePolicy(quota_bytes=1000)))

    found = await asyncio.gather(
        *(send_file(ada, bytes([number]) * 400) for number in range(5)), return_exceptions=True
    )

    names = sorted(type(each).__name__ for each in found)
    assert names == [QuotaExceededError.__name__] * 3 + [StoredFile.__name__] * 2
    assert await StoredFile.all().count() == 2
    assert await whole(ports)


async def test_a_content_that_is_sent_again_while_it_is_swept_is_never_lost(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    for _ in range(6):
        await send_file(ada, PNG)
        await StoredFile.all().delete()

        _, file, _ = await asyncio.gather(prune_blobs(ada), send_file(ada, PNG), prune_blobs(ada))

        assert await Blob.exists(id=file.blob_id)
        assert await whole(ports)
        assert ports.blobs.path_of(file.blob.sha256).read_bytes() == PNG


class SlowToKeep:
    """A draft that waits, right before its content is put into place, for a sweep to begin."""

    def __init__(self, draft: BlobDraft, sweep: asyncio.Event, begun: asyncio.Event) -> None:
        self.draft, self.sweep, self.begun = draft, sweep, begun

    async def keep(self) -> None:
        """See BlobDraft.keep."""
        self.begun.set()
        await self.sweep.wait()
        await self.draft.keep()


async def test_a_sweep_waits_for_whoever_holds_the_content(
    ada: RequestContext, ports: Ports, sql: list[str]
) -> None:
    """The sweep begins between the row and the bytes of an upload, and finds the file after."""
    await send_file(ada, PNG)
    await StoredFile.all().delete()
    begun, go = asyncio.Event(), asyncio.Event()

    async def upload() -> None:
        async with written(ada, chunks(PNG)) as (draft, content):
            slow = SlowToKeep(draft, go, begun)
            await keep_slowly(ada, slow, content)

    uploading = asyncio.create_task(upload())
    await begun.wait()
    sweeping = asyncio.create_task(prune_blobs(ada))
    async with asyncio.timeout(5):
        while not any("NOT EXISTS" in each for each in sql):  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0)
    assert not sweeping.done()
    go.set()
    await uploading

    assert await sweeping == 0
    assert await whole(ports)
    assert await StoredFile.all().count() == 1


async def keep_slowly(context: RequestContext, draft: SlowToKeep, content: WrittenContent) -> None:
    async with in_transaction("default") as connection:
        kept = KeptFile(name="a", owner_kind=MESSAGE, owner_id=1)
        await keep_file(context, connection, draft, content, kept=kept)  # type: ignore[arg-type]


async def test_files_go_after_a_day_and_their_contents_with_the_last_one(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    await send_file(ada, PNG)
    await send_file(ada, b"other")
    clock.at += timedelta(hours=12)
    young = await send_file(await as_session(ports, await make_user()), PNG)
    clock.at += timedelta(hours=12)
    worker = as_command(ports)

    assert await prune_files(worker) == 2
    assert await prune_blobs(worker) == 1

    assert [file.id for file in await StoredFile.all()] == [young.id]
    assert len(on_disk(ports)) == 1
    assert await whole(ports)
    assert (await prune_files(worker), await prune_blobs(worker)) == (0, 0)


async def test_the_worker_deletes_what_is_due_in_one_round(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    await send_file(ada, PNG)
    clock.at += timedelta(days=1)
    worker = RetentionWorker(as_command(ports), click_days=90, prunes=PRUNES)

    deleted = await worker.step()

    assert {name: deleted[name] for name in PRUNES} == {
        "files": 1,
        "blobs": 1,
        "lost_contents": 0,
        "file_drafts": 0,
    }
    assert on_disk(ports) == []


async def test_a_file_is_attached_or_swept_and_never_both(
    ada: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    file = await send_file(ada, PNG)
    late = replace(ada, ports=replace(ports, clock=FixedClock(clock.at + timedelta(days=1))))

    async def attach() -> bool:
        try:
            async with in_transaction("default") as connection:
                await attach_files(
                    ada, connection, file_ids=[file.id], owner_kind=MESSAGE, owner_id=1
                )
        except NotFoundError:
            return False
        return True

    is_attached, gone = await asyncio.gather(attach(), prune_files(late))

    assert gone == (0 if is_attached else 1)
    assert await StoredFile.filter(owner_id=1).count() == is_attached


async def test_a_content_whose_upload_was_killed_before_the_commit_goes_after_a_day(
    ada: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await send_file(ada, b"kept")
    async with written(ada, chunks(PNG)) as (draft, content):
        await draft.keep()  # and then the process died
    lost, known = content.sha256, kept.blob.sha256
    for prefix in (lost[:2], known[:2]):  # of 256 folders one is looked through at a time
        monkeypatch.setattr(secrets, "token_hex", lambda _, prefix=prefix: prefix)
        assert await prune_lost_contents(ada) == 0
    later = time.time() + (LOST_AFTER + timedelta(hours=1)).total_seconds()
    monkeypatch.setattr(time, "time", lambda: later)

    assert await prune_lost_contents(ada) == 0
    monkeypatch.setattr(secrets, "token_hex", lambda _: lost[:2])
    assert await prune_lost_contents(ada) == 1

    assert on_disk(ports) == [known]
    assert await whole(ports)


async def test_a_lost_content_that_is_sent_again_just_then_stays(
    ada: RequestContext, ports: Ports
) -> None:
    for _ in range(4):
        async with written(ada, chunks(PNG)) as (draft, content):
            await draft.keep()

        _, file = await asyncio.gather(_delete_lost(ada, content.sha256), send_file(ada, PNG))

        assert await whole(ports)
        assert ports.blobs.path_of(file.blob.sha256).read_bytes() == PNG
        await StoredFile.all().delete()
        assert await prune_blobs(ada) == 1
        assert on_disk(ports) == []


async def test_what_was_being_written_when_the_process_died_goes_after_an_hour(
    ada: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await ports.blobs.draft(expected_bytes=0)
    await draft.write(b"half of a file")
    assert await prune_drafts(ada) == 0
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)

    assert await prune_drafts(ada) == 1

    assert drafts(ports) == []
    await draft.drop()
