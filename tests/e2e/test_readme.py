"""The commands of README.md do what it says, on a service of this test alone."""

import itertools
import re
import shlex
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from benchmarks.service import Response, Service, service

README = Path("README.md").read_text(encoding="utf-8")
CURLS = re.findall(r"^    (curl .+)$", README, re.MULTILINE)
COMMANDS = re.findall(r"^    \.venv/bin/python -m api (.+)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service({"PROCESSES": "1"}) as started:
        yield started


def curl(command: str, running: Service) -> Response:
    """Send what the command line says, but to the test's own service and with its key."""
    words = shlex.split(command.replace("$KEY", running.key()))[1:]
    path = next(word for word in words if word.startswith("http://localhost:8080"))
    pairs = list(itertools.pairwise(words))
    headers = dict(value.split(": ", 1) for word, value in pairs if word == "-H")
    body = dict(pairs).get("-d")
    return running.request(
        "GET" if body is None else "POST",
        path.removeprefix("http://localhost:8080"),
        headers=headers,
        body=None if body is None else body.encode(),
    )


def test_the_first_link_is_made_and_followed_by_two_commands(running: Service) -> None:
    create, follow = CURLS

    created = curl(create, running)
    deadline = time.monotonic() + 1  # a change is in force within a second
    while (followed := curl(follow, running)).status == HTTPStatus.NOT_FOUND:
        assert time.monotonic() < deadline

    assert created.json() == {
        "data": {
            "linkCreate": {
                "__typename": "LinkCreateSuccess",
                "link": {"shortUrl": f"http://{running.host}/hello"},
            }
        }
    }
    assert followed.status == HTTPStatus.FOUND
    assert followed.headers["location"] == "https://example.org/"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(command: str, running: Service) -> None:
    done = running.cli(*shlex.split(command))

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout
