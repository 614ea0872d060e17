"""Counters over all processes, living, dead and killed."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.metrics import TABLE, Metrics, forget_process, render, start_over

SPOOLED = "linkyard_clicks_spooled_total"
_COUNT_AND_WAIT = """
import sys, time
from pathlib import Path
from api.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
metrics.counter("linkyard_clicks_spooled_total").inc(int(sys.argv[2]))
metrics.counter("linkyard_redirects_total", "302", "fast").inc(int(sys.argv[2]))
metrics.gauge("linkyard_spool_failing").set(1)
print("counted", flush=True)
time.sleep(60)
"""


@pytest.fixture
def file_limit() -> Iterator[None]:
    """Puts the process's limit for the size of files back."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lines(folder: Path) -> dict[str, float]:
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in render(folder).decode().splitlines()
        if not line.startswith("#")
    }


def count_and_die(folder: Path, number: int) -> int:
    with subprocess.Popen(
        [sys.executable, "-c", _COUNT_AND_WAIT, os.fspath(folder), str(number)],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return process.pid


def test_what_killed_processes_counted_stays_in_the_sum(tmp_path: Path) -> None:
    numbers = [1, 20, 300]
    pids = [count_and_die(tmp_path, number) for number in numbers]
    metrics = Metrics(tmp_path)
    metrics.counter(SPOOLED).inc(4000)

    assert lines(tmp_path)[SPOOLED] == 4321
    assert lines(tmp_path)['linkyard_redirects_total{status="302",way="fast"}'] == 321
    assert lines(tmp_path)["linkyard_spool_failing"] == 3
    for pid in pids:
        forget_process(tmp_path, pid)
    assert lines(tmp_path)[SPOOLED] == 4321
    assert lines(tmp_path).get("linkyard_spool_failing", 0) == 0
    metrics.close()


def test_a_process_counts_on_where_one_of_the_same_number_ended(tmp_path: Path) -> None:
    first = Metrics(tmp_path)
    first.counter(SPOOLED).inc(5)
    first.close()
    second = Metrics(tmp_path)
    second.counter(SPOOLED).inc(6)

    assert lines(tmp_path)[SPOOLED] == 11
    second.close()


@pytest.mark.parametrize("content", [b"", b"\0" * 8])
def test_the_file_of_a_process_that_was_killed_while_it_made_it_does_no_harm(
    tmp_path: Path, content: bytes
) -> None:
    metrics = Metrics(tmp_path)
    metrics.counter(SPOOLED).inc(1)
    (tmp_path / "counter_99999.db").write_bytes(content)

    assert lines(tmp_path)[SPOOLED] == 1
    metrics.close()


def test_starting_over_begins_at_nothing(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.counter(SPOOLED).inc(1)
    metrics.close()

    start_over(tmp_path)

    assert render(tmp_path) == b""


@pytest.mark.usefixtures("file_limit")
def test_a_full_disk_does_not_keep_a_process_from_starting(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    metrics = Metrics(tmp_path)
    metrics.counter(SPOOLED).inc(1)

    assert SPOOLED not in lines(tmp_path)
    metrics.close()


def test_the_files_have_no_holes(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)

    for file in tmp_path.glob("*.db"):
        assert file.stat().st_blocks * 512 >= file.stat().st_size == 65536
    metrics.close()


def test_every_metric_of_the_table_can_be_used(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for name, spec in TABLE.items():
        if spec.mode is None:
            metrics.counter(name, *("x" for _ in spec.labels)).inc()
        else:
            metrics.gauge(name).set(1)

    told = render(tmp_path).decode()

    for name, spec in TABLE.items():
        assert f"# HELP {name} {spec.help}\n" in told
    metrics.close()
