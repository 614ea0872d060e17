"""The supervisor keeps its processes, and ends when it is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import psutil

LIMIT_S = 15.0


@contextmanager
def supervised(folder: Path, what: str = "all is well") -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.api.supervised", os.fspath(folder), what],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children():
                child.kill()
        process.kill()
        process.wait()


def events(folder: Path, event: str) -> list[int]:
    """Return the processes that noted an event, oldest first."""
    files = sorted(folder.glob(f"*.{event}"), key=lambda file: file.stat().st_mtime_ns)
    return [int(file.name.split(".")[0]) for file in files]


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_services_start_after_the_setup_and_readiness_is_told_once(tmp_path: Path) -> None:
    with supervised(tmp_path) as process:
        eventually(lambda: events(tmp_path, "ready") and events(tmp_path, "worker"))
        [web], [worker], [setup] = (events(tmp_path, n) for n in ("web", "worker", "setup"))

        os.kill(web, signal.SIGKILL)
        eventually(lambda: len(events(tmp_path, "web")) == 2)
        process.terminate()

        assert process.wait(LIMIT_S) == 0
    assert events(tmp_path, "ready") == [process.pid]
    assert (tmp_path / f"{setup}.ended.0").exists()
    assert (tmp_path / f"{web}.ended.-9").exists()
    assert set(events(tmp_path, "stopped")) == {worker, events(tmp_path, "web")[1]}


def test_the_worker_is_told_to_stop_after_the_web_processes_ended(tmp_path: Path) -> None:
    with supervised(tmp_path) as process:
        eventually(lambda: events(tmp_path, "ready") and events(tmp_path, "worker"))
        process.terminate()
        assert process.wait(LIMIT_S) == 0

    assert events(tmp_path, "stopped") == [*events(tmp_path, "web"), *events(tmp_path, "worker")]


def test_a_process_that_dies_again_and_again_is_started_ever_more_slowly(tmp_path: Path) -> None:
    with supervised(tmp_path, "web crashes") as process:
        eventually(lambda: len(events(tmp_path, "web")) == 5)
        files = sorted(file.stat().st_mtime for file in tmp_path.glob("*.web"))
        waits = [later - earlier for earlier, later in pairwise(files)]
        process.terminate()
        assert process.wait(LIMIT_S) == 0

    least = [0.1, 0.2, 0.5, 1.0]
    assert [wait >= wanted for wait, wanted in zip(waits, least, strict=True)] == [True] * 4
    assert events(tmp_path, "ready") == []


def test_a_replacement_retires_the_old_process_only_when_the_new_one_is_ready(
    tmp_path: Path,
) -> None:
    with supervised(tmp_path) as process:
        eventually(lambda: events(tmp_path, "ready") and events(tmp_path, "worker"))
        [old], [worker] = events(tmp_path, "web"), events(tmp_path, "worker")

        process.send_signal(signal.SIGHUP)
        eventually(lambda: events(tmp_path, "retired"))

        assert events(tmp_path, "retired") == [old]
        _, new = events(tmp_path, "web")
        assert is_alive(new)
        assert is_alive(worker)
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_successor_that_dies_leaves_the_old_process_in_place(tmp_path: Path) -> None:
    with supervised(tmp_path, "successor crashes") as process:
        eventually(lambda: events(tmp_path, "ready"))
        [old] = events(tmp_path, "web")
        (tmp_path / "break").touch()

        process.send_signal(signal.SIGHUP)
        eventually(lambda: list(tmp_path.glob("*.ended.70")))

        assert len(events(tmp_path, "web")) == 2
        assert events(tmp_path, "retired") == []
        assert is_alive(old)
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_setup_that_refuses_ends_the_service_with_an_error(tmp_path: Path) -> None:
    with supervised(tmp_path, "setup refuses") as process:
        assert process.wait(LIMIT_S) == 1

    assert events(tmp_path, "worker") == []


def test_the_web_is_ready_without_a_setup_and_the_worker_waits_for_it(tmp_path: Path) -> None:
    with supervised(tmp_path, "setup fails") as process:
        eventually(lambda: events(tmp_path, "ready") and len(events(tmp_path, "setup")) > 1)
        assert len(events(tmp_path, "web")) == 1
        assert events(tmp_path, "worker") == []

        (tmp_path / "store").touch()
        eventually(lambda: events(tmp_path, "worker"))

        assert events(tmp_path, "ready") == [process.pid]
        assert len(events(tmp_path, "web")) == 1
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_process_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, "web hangs") as process:
        eventually(lambda: events(tmp_path, "ready"))
        [web] = events(tmp_path, "web")
        process.terminate()

        assert process.wait(LIMIT_S) == 0
    assert (tmp_path / f"{web}.ended.-9").exists()


def test_a_child_that_is_ready_too_late_does_not_end_the_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path, "a word comes late") as process:
        eventually(lambda: events(tmp_path, "ready") and events(tmp_path, "worker"))
        process.terminate()

        assert process.wait(LIMIT_S) == 0


def test_a_second_ctrl_c_waits_for_nobody(tmp_path: Path) -> None:
    with supervised(tmp_path, "web hangs for long") as process:
        eventually(lambda: events(tmp_path, "ready"))
        [web] = events(tmp_path, "web")
        process.send_signal(signal.SIGINT)
        eventually(lambda: events(tmp_path, "stopped") == [web])
        process.send_signal(signal.SIGINT)

        assert process.wait(LIMIT_S) == 0
    assert (tmp_path / f"{web}.ended.-9").exists()
