"""What the worker tells the other processes."""

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
