"""Visitors of a real service: from the redirect to the answer, and its salt on the disk."""

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.service import service
from models.orm import sqlite_path

LIMIT_S = 20.0
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CREATE = """
mutation { linkCreate(input: {url: "https://example.org/", slug: "a"}) { __typename } }
"""
TOTALS = """{ stats(range: {period: {preset: LAST_24_HOURS}, timeZone: "UTC"}) {
  totals { human bot visitors } } }"""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline


@pytest.fixture
def settings(migrated_database_url: str, redis_url: str | None) -> dict[str, str]:
    chosen = {
        "PROCESSES": "1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "DATABASE_URL": migrated_database_url,
    }
    return chosen if redis_url is None else {**chosen, "REDIS_URL": redis_url}


def test_people_are_told_apart_also_after_a_new_start(settings: dict[str, str]) -> None:
    with service(settings) as running:
        running.graphql(CREATE)
        eventually(lambda: running.get("/a").status == 302)

        def visit(address: str) -> None:
            head = {"User-Agent": FIREFOX, "X-Forwarded-For": address}
            assert running.get("/a", head).status == 302

        def totals() -> dict[str, int]:
            found: dict[str, int] = running.graphql(TOTALS)["stats"]["totals"]
            return found

        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            visit(address)
        eventually(lambda: totals()["human"] == 3)
        assert totals()["visitors"] == 2

        running.stop()
        running.start()
        visit("192.0.2.1")
        eventually(lambda: totals()["human"] == 4)

        assert totals()["visitors"] == 2
        folder = running.data / "salts"
        assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        tables = sqlite_path(running.database_url)
        if tables is not None:
            (salt,) = folder.iterdir()
            assert salt.read_bytes() not in Path(tables).read_bytes()
