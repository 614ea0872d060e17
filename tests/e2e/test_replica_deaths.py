"""What the service makes of a process that dies as readers of a damaged replica do."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from benchmarks.service import Service, service

CREATE = """
mutation { linkCreate(input: {url: "https://example.org/there", slug: "a"}) { __typename } }
"""
LIMIT_S = 20.0


@pytest.fixture
def serving(migrated_database_url: str) -> Iterator[Service]:
    """A service with one web process and the link `a`."""
    with service({"PROCESSES": "1", "DATABASE_URL": migrated_database_url}) as running:
        running.graphql(CREATE)
        eventually(lambda: running.get("/a").status == 302)
        yield running


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def generation(running: Service) -> str:
    return (running.data / "replica" / "current").read_text()


def kill_web(running: Service, number: signal.Signals) -> None:
    """End the web process and wait until another one is there."""
    [old] = running.web_pids()
    process = psutil.Process(old)
    process.send_signal(number)
    process.wait(LIMIT_S)
    running.wait_ready()


def test_a_crash_that_has_nothing_to_do_with_the_replica_leaves_it_in_service(
    serving: Service,
) -> None:
    before = generation(serving)

    kill_web(serving, signal.SIGSEGV)
    eventually(lambda: "the replica is sound" in serving.last_words())

    assert generation(serving) == before
    assert serving.get("/a").status == 302
    assert "retired" not in serving.last_words()


def test_after_a_crash_a_damaged_replica_is_found_and_built_anew(serving: Service) -> None:
    before = generation(serving)
    file = serving.data / "replica" / f"{before}.mdb"
    with file.open("r+b") as opened:  # in place: it is mapped
        content = opened.read()
        assert b"https://example.org/there" in content
        opened.seek(0)
        opened.write(content.replace(b"https://example.org/there", b"https://example.net/there"))

    kill_web(serving, signal.SIGBUS)
    eventually(lambda: "the replica was retired" in serving.last_words())
    eventually(lambda: "it is damaged" in serving.last_words())
    eventually((serving.data / "replica" / "current").exists)
    serving.wait_ready()

    assert generation(serving) != before
    eventually(lambda: serving.get("/a").status == 302)
    assert serving.get("/a").headers["location"] == "https://example.org/there"


def test_three_such_crashes_within_a_minute_retire_even_a_replica_that_reads_well(
    serving: Service,
) -> None:
    before = generation(serving)

    for _ in range(3):
        eventually(lambda: len(serving.web_pids()) == 1)  # nobody reads the replica just now
        kill_web(serving, signal.SIGABRT)
    eventually(lambda: "processes go on dying" in serving.last_words())
    eventually((serving.data / "replica" / "current").exists)
    serving.wait_ready()

    assert generation(serving) != before
    eventually(lambda: serving.get("/a").status == 302)
