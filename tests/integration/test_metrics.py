"""Counters over all processes, living, dead and killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from api.ended_counters import fold_dead
from api.metrics import TABLE, Metrics, render, start_over
from tests.limits import file_size_limit

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


def lines(folder: Path) -> dict[str, float]:
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in render(folder).decode().splitlines()
        if not line.startswith("#")
    }


def files_in(folder: Path, pattern: str) -> list[str]:
    return sorted(file.name for file in folder.glob(pattern))


def end_after_counting(folder: Path, number: int) -> None:
    """Leave what a process leaves: files without a lock."""
    metrics = Metrics(folder)
    metrics.counter(SPOOLED).inc(number)
    metrics.gauge("linkyard_spool_failing").set(1)
    metrics.close()


def count_and_die(folder: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _COUNT_AND_WAIT, os.fspath(folder), str(number)],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_what_killed_processes_counted_stays_in_the_sum(tmp_path: Path) -> None:
    numbers = [1, 20, 300]
    for number in numbers:
        count_and_die(tmp_path, number)
    metrics = Metrics(tmp_path)
    metrics.counter(SPOOLED).inc(4000)

    assert lines(tmp_path)[SPOOLED] == 4321
    assert lines(tmp_path)['linkyard_redirects_total{status="302",way="fast"}'] == 321
    assert lines(tmp_path)["linkyard_spool_failing"] == 3
    fold_dead(tmp_path)
    assert lines(tmp_path)[SPOOLED] == 4321
    assert lines(tmp_path)['linkyard_redirects_total{status="302",way="fast"}'] == 321
    assert lines(tmp_path).get("linkyard_spool_failing", 0) == 0
    metrics.close()


def test_a_crash_loop_leaves_one_file_of_sums(tmp_path: Path) -> None:
    living = Metrics(tmp_path)
    living.counter(SPOOLED).inc(1000)
    its_files = files_in(tmp_path, "*.db")

    for number in range(1, 21):
        end_after_counting(tmp_path, number)
        fold_dead(tmp_path)

    assert files_in(tmp_path, "*.db") == its_files
    assert files_in(tmp_path, "ended.*") == ["ended.json", "ended.lock"]
    assert lines(tmp_path)[SPOOLED] == 1210
    living.counter(SPOOLED).inc(1)
    assert lines(tmp_path)[SPOOLED] == 1211
    living.close()


def test_whoever_is_killed_between_the_sums_and_the_deletion_counts_nothing_twice(
    tmp_path: Path,
) -> None:
    end_after_counting(tmp_path, 5)
    [name] = files_in(tmp_path, "counter_*")
    content = (tmp_path / name).read_bytes()
    fold_dead(tmp_path)

    (tmp_path / name).write_bytes(content)  # as if the deletion had not come

    assert lines(tmp_path)[SPOOLED] == 5
    end_after_counting(tmp_path, 6)
    assert lines(tmp_path)[SPOOLED] == 11
    fold_dead(tmp_path)
    assert lines(tmp_path)[SPOOLED] == 11
    assert files_in(tmp_path, "*.db") == []
    fold_dead(tmp_path)
    assert lines(tmp_path)[SPOOLED] == 11


def test_a_sum_is_whole_while_processes_end(tmp_path: Path) -> None:
    ended = threading.Event()

    def end_many() -> None:
        for _ in range(60):
            end_after_counting(tmp_path, 1)
            fold_dead(tmp_path)
        ended.set()

    seen: list[float] = []
    ending = threading.Thread(target=end_many)
    ending.start()
    while not ended.is_set():
        seen.append(lines(tmp_path).get(SPOOLED, 0.0))
    ending.join()

    assert lines(tmp_path)[SPOOLED] == 60
    assert seen == sorted(seen)


def test_without_room_for_the_sums_counters_stay_and_gauges_go(tmp_path: Path) -> None:
    end_after_counting(tmp_path, 7)
    with file_size_limit(0):
        fold_dead(tmp_path)

    assert lines(tmp_path)[SPOOLED] == 7
    assert "linkyard_spool_failing" not in lines(tmp_path)
    fold_dead(tmp_path)
    assert lines(tmp_path)[SPOOLED] == 7
    assert files_in(tmp_path, "*.db") == []


def test_sums_that_a_power_cut_tore_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "ended.json").write_bytes(b"")
    end_after_counting(tmp_path, 3)

    fold_dead(tmp_path)

    assert lines(tmp_path)[SPOOLED] == 3


def test_drafts_of_killed_processes_go_when_they_are_old(tmp_path: Path) -> None:
    old, new = tmp_path / "counter_1-a.new", tmp_path / "counter_2-b.new"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))

    fold_dead(tmp_path)

    assert (old.exists(), new.exists()) == (False, True)


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
    fold_dead(tmp_path)
    end_after_counting(tmp_path, 1)

    start_over(tmp_path)

    assert render(tmp_path) == b""


def test_a_full_disk_does_not_keep_a_process_from_starting(tmp_path: Path) -> None:
    with file_size_limit(0):
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
