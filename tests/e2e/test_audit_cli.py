"""`python -m api audit ...` as people run it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.adapters.audit_heads import HeadsFile
from api.data_folder import read_secret_keys
from benchmarks.service import service
from models.orm import open_database, writer
from models.raw_sql import execute
from models.rules.audit_chain import FIELDS, GENESIS, entry_hash
from models.rules.audit_heads import Head
from models.rules.moments import microseconds_of
from resolvers.audit_chain import chain_entries
from resolvers.first_run import prepare_installation

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def run(migrated_database_url: str, data: Path) -> Run:
    environment = {
        **os.environ,
        "LINKYARD_DATA_DIR": os.fspath(data),
        "LINKYARD_DATABASE_URL": migrated_database_url,
        "COLUMNS": "200",
    }

    def started(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )

    return started


@pytest.fixture
def chained(migrated_database_url: str, data: Path) -> Callable[..., None]:
    """A database after its first start, chained, with a signed head; and what changes it."""
    data.mkdir()

    async def prepare() -> None:
        async with open_database(migrated_database_url):
            await prepare_installation(host="localhost", admin_email="a@example.org", now=NOW)
            done = await chain_entries()
        secrets = read_secret_keys(data / "secret.key")
        head = Head(done.head.seq, done.head.hash, NOW)
        HeadsFile(data / "audit", secrets=secrets).append(head)

    async def change(statement: str) -> None:
        async with open_database(migrated_database_url):
            await execute(writer(), statement)

    asyncio.run(prepare())
    return lambda statement: asyncio.run(change(statement))


@pytest.mark.usefixtures("chained")
def test_a_whole_log_passes(run: Run) -> None:
    done = run("audit", "verify")

    assert done.stdout.splitlines() == [
        "11 entries checked against 1 signed head; 0 entries are not chained yet.",
        "Nothing was changed.",
    ]
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE audit_entry SET after = '{}' WHERE seq = 2",
            "entry 2: does not fit its hash: it was edited, or the one before it with its hash",
        ),
        (
            "DELETE FROM audit_entry WHERE seq IN (4, 5)",
            "entries 4 to 5: removed; the entry behind cannot be checked without it",
        ),
        (
            "DELETE FROM audit_entry WHERE seq > 9",
            "entries 10 to 11: cut off: a signed head knows of more entries than there are",
        ),
        (
            "DELETE FROM audit_entry",
            "entries 1 to 11: cut off: a signed head knows of more entries than there are",
        ),
    ],
)
def test_a_changed_log_fails_with_the_place_and_the_kind(
    run: Run, chained: Callable[[str], None], statement: str, told: str
) -> None:
    chained(statement)

    done = run("audit", "verify")

    assert done.stdout.splitlines()[0] == told
    assert done.stderr.splitlines()[-1] == "1 finding."
    assert done.returncode == 1


def test_a_copy_of_the_heads_tells_what_the_machine_no_longer_knows(
    run: Run, chained: Callable[[str], None], data: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(data / "audit" / "heads.jsonl", tmp_path / "copy.jsonl")
    chained("DELETE FROM audit_entry WHERE seq > 9")
    shutil.rmtree(data / "audit")

    without, with_copy = run("audit", "verify"), run("audit", "verify", "--heads", copy)

    assert without.returncode == 0
    assert "nobody can tell whether the end was cut off" in without.stderr
    assert with_copy.stdout.startswith("entries 10 to 11: cut off")
    assert with_copy.returncode == 1


@pytest.mark.usefixtures("chained")
def test_a_copy_that_is_behind_says_what_could_be_cut_off(
    run: Run, data: Path, tmp_path: Path
) -> None:
    behind = tmp_path / "copy"
    secrets = read_secret_keys(data / "secret.key")
    entry = orjson.loads(run("audit", "export").stdout.splitlines()[7])
    HeadsFile(behind, secrets=secrets).append(Head(8, entry["chain_hash"], NOW))

    done = run("audit", "verify", "--heads", os.fspath(behind / "heads.jsonl"))

    assert done.stdout.splitlines()[1:] == [
        "No head covers the last 3 entries: cut off, nobody would miss them.",
        "Nothing was changed.",
    ]
    assert done.returncode == 0


def test_the_latest_head_of_this_machine_counts(
    run: Run, chained: Callable[[str], None], data: Path
) -> None:
    secrets = read_secret_keys(data / "secret.key")
    last = orjson.loads(run("audit", "export").stdout.splitlines()[-1])
    (data / "audit" / "heads.jsonl").unlink()
    HeadsFile(data / "audit", secrets=secrets).replace_latest(Head(11, last["chain_hash"], NOW))
    chained("DELETE FROM audit_entry WHERE seq > 9")

    done = run("audit", "verify")

    assert done.stdout.startswith("entries 10 to 11: cut off")
    assert done.returncode == 1


@pytest.mark.usefixtures("chained")
def test_heads_that_nobody_signed_are_named(run: Run, data: Path) -> None:
    path = data / "audit" / "heads.jsonl"
    path.write_text(path.read_text().replace('"seq":11', '"seq":10'))

    done = run("audit", "verify")

    assert done.stdout.splitlines()[0] == "line 1 of the heads: signed by none of our keys"
    assert done.returncode == 1


@pytest.mark.usefixtures("chained")
def test_heads_that_are_not_there_are_an_error(run: Run, tmp_path: Path) -> None:
    done = run("audit", "verify", "--heads", os.fspath(tmp_path / "none"))

    assert done.stderr.splitlines()[-1] == f"{tmp_path}/none: No such file or directory"
    assert done.returncode == 1


@pytest.mark.usefixtures("chained")
def test_an_export_is_enough_to_compute_every_hash_again(run: Run) -> None:
    done = run("audit", "export")

    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "11 entries exported."
    previous = GENESIS
    for seq, line in enumerate(done.stdout.splitlines(), 1):
        entry = orjson.loads(line)
        at = datetime.fromisoformat(entry["at"])
        texts: dict[str, Any] = {
            "at": microseconds_of(at),
            "before": orjson.dumps(entry["before"]).decode(),
            "after": orjson.dumps(entry["after"]).decode(),
        }
        previous = entry_hash(previous, seq, [texts.get(name, entry[name]) for name in FIELDS])
        assert (entry["seq"], entry["chain_hash"]) == (seq, previous)
    assert [orjson.loads(line)["action"] for line in done.stdout.splitlines()] == [
        "installation.create",
        "domain.create",
        *["role.create"] * 7,
        "user.create",
        "api_key.create",
    ]


def test_a_running_service_chains_and_signs_by_itself(migrated_database_url: str) -> None:
    settings = {"PROCESSES": "1", "DATABASE_URL": migrated_database_url}
    with service(settings) as running:
        heads = running.data / "audit" / "heads.jsonl"
        deadline = time.monotonic() + 20
        while not heads.exists() or not heads.read_bytes().endswith(b"\n"):
            assert time.monotonic() < deadline
            os.sched_yield()

        done = running.cli("audit", "verify").stdout

        assert "entries checked against 1 signed head;" in done
        assert done.endswith("Nothing was changed.\n")
