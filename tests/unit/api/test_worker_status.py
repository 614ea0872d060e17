"""What the worker tells the other processes."""

import time
from pathlib import Path

import pytest

from api.worker_status import WorkerStatus


def test_the_moment_of_a_success_is_seen_by_everybody(tmp_path: Path) -> None:
    worker, web = WorkerStatus(tmp_path), WorkerStatus(tmp_path)

    assert web.age_s("replica") is None
    worker.succeeded("replica")

    age_s = web.age_s("replica")
    assert age_s is not None
    assert 0.0 <= age_s < 20.0
    assert web.age_s("clicks") is None


@pytest.mark.parametrize("size", [0, 10])
def test_the_file_has_no_hole_that_a_full_disk_could_not_fill(tmp_path: Path, size: int) -> None:
    file = tmp_path / "worker.status"
    file.write_bytes(bytes(size))

    WorkerStatus(tmp_path)

    assert file.read_bytes() == bytes(64)
    assert file.stat().st_blocks > 0


def test_what_is_stored_of_the_spools_is_seen_by_everybody(tmp_path: Path) -> None:
    worker, web = WorkerStatus(tmp_path), WorkerStatus(tmp_path)
    assert (web.stored_bytes(), web.caught_up_at(), web.oldest_wait_s()) == (0, 0.0, 0.0)

    worker.note_spools(stored_bytes=700, oldest_us=0, caught_up_us=5_000_000)
    worker.note_spools(stored_bytes=900, oldest_us=0, caught_up_us=None)

    assert (web.stored_bytes(), web.caught_up_at()) == (900, 5.0)
    assert abs(time.time() - 5.0 - web.oldest_wait_s()) < 20.0
    worker.note_spools(stored_bytes=900, oldest_us=3_000_000, caught_up_us=None)
    assert abs(time.time() - 3.0 - web.oldest_wait_s()) < 20.0


def test_a_worker_that_begins_does_not_count_files_that_were_deleted_meanwhile(
    tmp_path: Path,
) -> None:
    status = WorkerStatus(tmp_path)
    status.note_start(record_bytes=100)
    assert status.stored_bytes() == 0
    assert time.time() - 20.0 < status.caught_up_at() <= time.time()
    status.note_spools(stored_bytes=900, oldest_us=0, caught_up_us=5_000_000)

    status.note_start(record_bytes=1000)
    assert (status.stored_bytes(), status.caught_up_at()) == (900, 5.0)
    status.note_start(record_bytes=100)

    assert (status.stored_bytes(), status.caught_up_at()) == (100, 5.0)
