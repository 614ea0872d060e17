"""An installation that moves to another address, as a real service."""

import time
from collections.abc import Callable

import pytest

from benchmarks.service import Service, service

TARGET = "https://example.org/there"
CREATE = """
mutation { linkCreate(input: {url: "https://example.org/there", slug: "a"}) { __typename } }
"""
LIMIT_S = 10.0


@pytest.fixture
def settings(migrated_database_url: str) -> dict[str, str]:
    return {"PROCESSES": "1", "DATABASE_URL": migrated_database_url}


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline


def status(running: Service, host: str) -> int:
    return running.get("/a", {"Host": host}).status


def test_links_move_to_the_present_address_while_the_service_runs(settings: dict[str, str]) -> None:
    with service(settings) as running:
        running.graphql(CREATE)
        port, old = running.port, running.host
        eventually(lambda: status(running, old) == 302)
        assert status(running, f"127.0.0.1:{port}") == 302
        assert status(running, f"[::1]:{port}") == 302
        assert status(running, "go.test") == 421
        assert "links live on another domain" not in running.last_words()
        assert running.stop() == 0
        running.settings = {**running.settings, "DEFAULT_DOMAIN": "go.test"}
        running.start()

        eventually(lambda: status(running, "go.test") == 404)  # the new domain is a change, too
        assert f"python -m api domains rename {old} go.test" in running.last_words()
        assert running.cli("domains", "list").stdout == f"{old}\t1 link\ngo.test\t0 links\n"
        assert running.cli("domains", "rename", old, "go.test").stdout == "go.test\n"

        eventually(lambda: status(running, "go.test") == 302)
        answer = running.graphql("{ links(first: 1) { nodes { shortUrl } } }")
        assert answer["links"]["nodes"][0]["shortUrl"].startswith("http://go.test")
        assert running.cli("domains", "list").stdout == "go.test\t1 link\n"
        assert running.stop() == 0
