"""Files that hold whole addresses do not outlive their use."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from api.adapters.stale_files import DAMAGED_KEPT_S, DRAFTS_KEPT_S, delete_stale_files
from api.data_folder import DataFolder
from api.workers.retention import RetentionWorker
from resolvers.ports import Ports
from tests.factories import as_command


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder.open(tmp_path / "var")


def put(path: Path, *, age_s: float = 0.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"192.0.2.7")
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def test_what_is_old_goes_and_the_rest_stays(folder: DataFolder) -> None:
    damaged = folder.spool / "damaged"
    old = [
        put(damaged / f"{'a' * 32}-32.bin", age_s=DAMAGED_KEPT_S + 60),
        put(folder.spool / f"{'b' * 32}.new", age_s=DRAFTS_KEPT_S + 60),
        put(folder.imports / "draft.new"),
        put(folder.mail / "12.345.new", age_s=DRAFTS_KEPT_S + 60),
    ]
    kept = [
        put(folder.mail / "12.eml", age_s=DAMAGED_KEPT_S + 60),
        put(damaged / f"{'a' * 32}-64.bin", age_s=DAMAGED_KEPT_S - 60),
        put(folder.spool / f"{'c' * 32}.new", age_s=DRAFTS_KEPT_S - 60),
        put(folder.spool / f"{'d' * 32}.spool", age_s=DAMAGED_KEPT_S + 60),
        put(folder.imports / f"{'e' * 32}.spool", age_s=DAMAGED_KEPT_S + 60),
        put(folder.spool / "source", age_s=DAMAGED_KEPT_S + 60),
    ]

    assert delete_stale_files(folder) == 4

    assert [path for path in old if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert delete_stale_files(folder) == 0


def test_the_draft_of_a_running_import_stays(folder: DataFolder) -> None:
    draft = put(folder.imports / "draft.new", age_s=DRAFTS_KEPT_S + 60)

    with folder.locked("imports"):
        assert delete_stale_files(folder) == 0
        assert draft.exists()

    assert delete_stale_files(folder) == 1
    assert not draft.exists()


@pytest.mark.usefixtures("database")
async def test_the_worker_deletes_them_when_it_starts(folder: DataFolder, ports: Ports) -> None:
    draft = put(folder.imports / "draft.new")
    worker = RetentionWorker(as_command(ports), click_days=1, folder=folder)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop=stop))

    async with asyncio.timeout(10):
        while draft.exists():  # noqa: ASYNC110 - the file system tells nobody
            await asyncio.sleep(0.001)

    stop.set()
    await running
    assert list(folder.imports.iterdir()) == []
