"""`clicks import` and `clicks verify` as real commands on a store of their own."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.workers.retention import RetentionWorker
from models.clicks import Click
from models.installation import Installation
from models.links import Link
from models.orm import open_database, writer
from models.rules.click_facts import moment_of
from resolvers.first_run import prepare_installation
from resolvers.ports import Ports
from tests.factories import as_command, make_link

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def line(path: str, *, method: str = "GET", second: int = 0, year: int = 2015) -> str:
    moment = f"17/May/{year}:10:05:{second:02} +0200"
    return f'192.0.2.7 - - [{moment}] "{method} {path} HTTP/1.1" 302 0 "-" "{_AGENT}"\n'


class Shell:
    """Runs commands in a data folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `clicks ...` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "api", "clicks", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "LINKYARD_DATA_DIR": os.fspath(self.folder),
                "LINKYARD_DATABASE_URL": self.url,
                "LINKYARD_DEFAULT_DOMAIN": "go.test",
            },
        )


async def prepare(url: str, ports: Ports) -> None:
    async with open_database(url):
        await prepare_installation(
            host="go.test", admin_email="admin@localhost", now=datetime(2026, 1, 1, tzinfo=UTC)
        )
        for slug in ("one", "два"):
            await make_link(as_command(ports), slug=slug)


async def counters(url: str) -> dict[str, tuple[int, int]]:
    async with open_database(url):
        rows = await Link.all()
        assert await Click.all().count() == sum(
            row.clicks_human + row.clicks_preview for row in rows
        )
        return {row.slug: (row.clicks_human, row.clicks_preview) for row in rows}


async def last_clicks(url: str) -> dict[str, datetime | None]:
    async with open_database(url):
        return {row.slug: row.last_clicked_at for row in await Link.all()}


async def retain(url: str, ports: Ports) -> datetime:
    """Delete old single clicks as the worker does; return the edge."""
    async with open_database(url):
        await writer().execute_script("DELETE FROM visitor_hour")  # as once they are counted
        await RetentionWorker(as_command(ports), click_days=90).step()
        since_us = (await Installation.get()).clicks_kept_since_us
        assert since_us is not None
        return moment_of(since_us)


async def spoil(url: str) -> None:
    async with open_database(url):
        await writer().execute_script("UPDATE link SET clicks_human = 9 WHERE slug = 'one'")


@pytest.fixture
def shell(migrated_database_url: str, tmp_path: Path, ports: Ports) -> Shell:
    asyncio.run(prepare(migrated_database_url, ports))
    return Shell(migrated_database_url, tmp_path / "var")


def test_a_log_is_imported_once_and_the_clicks_add_up(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        line("/one")
        + line("/%D0%B4%D0%B2%D0%B0/?utm=x", second=1)
        + line("/one", method="HEAD", second=2)
        + line("/one", method="POST")
        + line("/robots.txt")
        + line("/nothing")
        + "nonsense\n"
    )

    first = shell("import", os.fspath(log))
    again = shell("import", os.fspath(log))

    assert first.returncode == again.returncode == 3
    assert first.stdout == (
        "7 lines: 3 clicks, 3 of them stored now. No clicks: 1 neither GET nor HEAD,"
        " 1 one of our own paths, 1 no link is meant by this path,"
        " 1 not a line of the combined log format.\n"
    )
    assert [told for told in first.stderr.splitlines() if told.startswith(os.fspath(log))] == [
        f"{log}:4: neither GET nor HEAD: POST (1 line)",
        f"{log}:5: one of our own paths: /robots.txt (1 line)",
        f"{log}:6: no link is meant by this path: /nothing (1 line)",
        f"{log}:7: not a line of the combined log format: nonsense (1 line)",
    ]
    assert "3 clicks, 0 of them stored now (this log was imported before)." in again.stdout
    assert asyncio.run(counters(shell.url)) == {"one": (1, 1), "два": (1, 0)}
    assert list((shell.folder / "imports").iterdir()) == []

    verified = shell("verify")

    assert verified.returncode == 0
    assert verified.stdout == (
        "3 spooled, 3 stored, 3 counted; 0 damaged stretches set aside; 0 bytes wait.\n"
        "No difference.\n"
    )
    asyncio.run(spoil(shell.url))
    spoilt = shell("verify")
    assert spoilt.returncode == 1
    assert spoilt.stdout.startswith("counter of the link, and sum of its totals [link ")
    assert ", human]: 9, expected 1\n" in spoilt.stdout
    assert spoilt.stderr == "1 difference.\n"


def test_lines_of_the_future_are_no_clicks(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        line("/one") + line("/one", year=2135) + line("/one", year=2135, second=1) + line("/two")
    )

    done = shell("import", os.fspath(log))

    assert done.returncode == 3
    assert done.stdout == (
        "4 lines: 1 click, 1 of them stored now."
        " No clicks: 2 in the future, 1 no link is meant by this path.\n"
    )
    assert f"{log}:2: in the future: 2135-05-17 (2 lines)\n" in done.stderr
    assert asyncio.run(counters(shell.url)) == {"one": (1, 0), "два": (0, 0)}
    assert asyncio.run(last_clicks(shell.url)) == {
        "one": datetime(2015, 5, 17, 8, 5, tzinfo=UTC),
        "два": None,
    }


def test_paths_are_mapped_by_their_number_or_by_a_file(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        line("/robots.txt")
        + line("/x/a.html")
        + line("/y", second=1)
        + line("/x/a.html?again", second=2)
    )
    mapping = tmp_path / "map.tsv"
    mapping.write_text("/x/a.html\tдва\n")

    numbered = shell("import", os.fspath(log), "--map", "numbered")
    by_file = shell("import", os.fspath(log), "--map", os.fspath(mapping), "--domain", "GO.test")

    assert (numbered.returncode, by_file.returncode) == (0, 3)
    assert asyncio.run(counters(shell.url)) == {"one": (2, 0), "два": (3, 0)}


def test_clicks_past_the_retention_are_told_apart_from_those_that_are_missing(
    shell: Shell, tmp_path: Path, ports: Ports
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(line("/one", second=n) for n in range(3)))
    shell("import", os.fspath(log))
    edge = asyncio.run(retain(shell.url, ports))

    done = shell("verify")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "3 spooled, 0 stored, 3 deleted past the retention"
        f" (before {edge:%Y-%m-%d %H:%M} UTC), 3 counted;"
        " 0 damaged stretches set aside; 0 bytes wait.\nNo difference.\n"
    )


def test_refusals_are_one_line_and_store_nothing(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(line("/one"))
    bad = tmp_path / "bad.map"
    bad.write_text("/one two\n")

    for arguments, told in (
        ((os.fspath(tmp_path / "none.log"),), "No such file or directory"),
        ((os.fspath(log), "--domain", "other.test"), "other.test"),
        ((os.fspath(log), "--map", os.fspath(bad)), "neither a tab nor a comma"),
        ((os.fspath(log), "--map", os.fspath(tmp_path / "none.map")), "No such file"),
    ):
        done = shell("import", *arguments)
        assert done.returncode == 1
        assert told in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stdout == ""
    assert asyncio.run(counters(shell.url)) == {"one": (0, 0), "два": (0, 0)}
    assert shell("verify").stdout.startswith("0 spooled, 0 stored, 0 counted;")


async def test_a_stopped_import_is_finished_by_the_next(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(line("/one", second=n % 60) for n in range(4000)))
    command = [sys.executable, "-m", "api", "clicks", "import", os.fspath(log)]
    environment = os.environ | {
        "LINKYARD_DATA_DIR": os.fspath(shell.folder),
        "LINKYARD_DATABASE_URL": shell.url,
        "LINKYARD_DEFAULT_DOMAIN": "go.test",
    }
    for pause_s in (0.7, 0.9, 1.1, 1.3):
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(process.wait(), pause_s)
        except TimeoutError:
            process.kill()
            await process.wait()

    done = await asyncio.to_thread(shell, "import", os.fspath(log))

    assert done.returncode == 0
    verified = await asyncio.to_thread(shell, "verify")
    assert verified.stdout.startswith("4000 spooled, 4000 stored, 4000 counted;")
    assert verified.returncode == 0
