"""`clicks sources`: a machine that left is found, and forgotten on request."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.orm import open_database
from resolvers.click_progress import note_progress, sources_of_clicks, stats_as_of
from resolvers.first_run import prepare_installation

NOW = datetime.now(UTC).replace(microsecond=0)
GONE = NOW - timedelta(days=3, minutes=5)


async def prepare(url: str) -> None:
    async with open_database(url):
        await prepare_installation(host="go.test", admin_email="admin@localhost", now=GONE)
        await note_progress(source="here", complete_to=NOW)
        await note_progress(source="gone", complete_to=GONE)


async def looked(url: str) -> tuple[list[str], datetime]:
    async with open_database(url):
        return [source.name for source in await sources_of_clicks()], await stats_as_of()


@pytest.fixture
def url(migrated_database_url: str) -> str:
    asyncio.run(prepare(migrated_database_url))
    return migrated_database_url


def sources(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api", "clicks", "sources", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "LINKYARD_DATA_DIR": os.fspath(folder),
            "LINKYARD_DATABASE_URL": url,
            "LINKYARD_DEFAULT_DOMAIN": "go.test",
        },
    )


def test_a_machine_that_left_is_named_and_forgotten_on_request(url: str, tmp_path: Path) -> None:
    listed = sources(url, tmp_path)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == [
        (
            f"gone\tcomplete to {GONE:%Y-%m-%d %H:%M:%S} UTC\tsilent for 3 days: if that machine is"
            " gone for good, run `clicks sources --forget gone`"
        ),
        f"here\tcomplete to {NOW:%Y-%m-%d %H:%M:%S} UTC",
    ]
    assert asyncio.run(looked(url)) == (["gone", "here"], GONE)

    forgotten = sources(url, tmp_path, "--forget", "gone")

    assert (forgotten.returncode, forgotten.stdout) == (0, "Forgotten: gone.\n")
    assert asyncio.run(looked(url)) == (["here"], NOW)


def test_a_source_that_is_not_there_is_refused(url: str, tmp_path: Path) -> None:
    refused = sources(url, tmp_path, "--forget", "gnoe")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "There is no source gnoe; `clicks sources` lists them.\n"
    assert asyncio.run(looked(url)) == (["gone", "here"], GONE)
