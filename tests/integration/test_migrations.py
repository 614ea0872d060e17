"""Migrations: one at a time, all or nothing, and nothing is lost."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from api.migrate import OrphanError, SchemaTooNewError, migrate, pending
from models.orm import sqlite_path
from tests.planted_migrations import GATE, REAL, ROWS, contents, execute, fill, plant

ROOT: Final = Path(__file__).resolve().parents[2]
TIMEOUT_S: Final = 60
COUNT: Final = "op.execute('INSERT INTO planted_count (applied) VALUES (1)')"
# Changes the parents of nearly every row: on SQLite each of these tables is made anew.
REBUILD: Final = """
with op.batch_alter_table("role") as batch:
    batch.alter_column("name", type_=sa.String(100), existing_nullable=False)
with op.batch_alter_table("app_user") as batch:
    batch.alter_column("name", type_=sa.String(300), existing_nullable=False)
with op.batch_alter_table("domain") as batch:
    batch.alter_column("host", type_=sa.String(300), existing_nullable=False)
with op.batch_alter_table("link") as batch:
    batch.alter_column("title", type_=sa.String(500))
    batch.add_column(sa.Column("planted", sa.Integer, server_default="7", nullable=False))
with op.batch_alter_table("link_slug") as batch:
    batch.alter_column("slug", type_=sa.String(80), existing_nullable=False)
"""
# Columns whose contents other columns took over.
MOVED: Final = {("role", "is_staff")}
_MIGRATE: Final = """
import sys
from pathlib import Path
from api.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
print(" ".join(migrate(sys.argv[1], folder=Path(sys.argv[2]))))
"""


@contextmanager
def _process(url: str, folder: Path, gate: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """Start a process that migrates once it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MIGRATE, url, os.fspath(folder)],
        cwd=ROOT,
        env={**os.environ, "GATE": str(gate.getsockname()[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def gate() -> Iterator[socket.socket]:
    """Where a migration in a process of ours reports that it is inside, and waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT_S)
        yield listening


def _start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def test_several_processes_at_once_apply_each_step_once(
    fresh_database_url: str, tmp_path: Path, gate: socket.socket
) -> None:
    table = "op.create_table('planted_count', sa.Column('applied', sa.Integer))"
    folder = plant(tmp_path / "versions", f"{table}\n{COUNT}\n{GATE}", COUNT)

    with (
        _process(fresh_database_url, folder, gate) as one,
        _process(fresh_database_url, folder, gate) as two,
        _process(fresh_database_url, folder, gate) as three,
        _process(fresh_database_url, folder, gate) as four,
    ):
        processes = (one, two, three, four)
        for process in processes:
            _start(process)
        inside, _ = gate.accept()  # a second process in there would wait for ever
        inside.close()
        answers = [process.communicate(timeout=TIMEOUT_S)[0].strip() for process in processes]

    assert sorted(answers) == ["", "", "", " ".join([*REAL, "9001", "9002"])]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert contents(fresh_database_url).rows["planted_count"] == [{"applied": 1}] * 2


@pytest.mark.parametrize(
    "bodies",
    [
        (GATE + REBUILD, COUNT),
        (REBUILD + GATE, COUNT),
        (REBUILD, COUNT + GATE),
    ],
    ids=["before the first statement", "between two steps", "before the commit"],
)
def test_a_migration_that_is_killed_leaves_the_old_tables_and_can_run_again(
    fresh_database_url: str, tmp_path: Path, gate: socket.socket, bodies: tuple[str, str]
) -> None:
    url = fresh_database_url
    migrate(url)
    execute(url, "CREATE TABLE planted_count (applied INTEGER)")
    fill(url)
    before = contents(url)
    folder = plant(tmp_path / "versions", *bodies)

    with _process(url, folder, gate) as process:
        _start(process)
        inside, _ = gate.accept()
        process.kill()
        assert process.wait(TIMEOUT_S) == -9
        inside.close()

    assert contents(url) == before
    assert migrate(url, folder=folder) == ["9001", "9002"]
    after = contents(url)
    assert after.version == "9002"
    assert len(after.rows["planted_count"]) == ROWS + 1
    assert [row["planted"] for row in after.rows["link"]] == [7] * ROWS


def test_making_tables_anew_loses_no_row_no_index_and_no_reference(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url)
    fill(url)
    before = contents(url)

    assert migrate(url, folder=plant(tmp_path / "versions", REBUILD)) == ["9001"]

    after = contents(url)
    assert after.columns["link"]["title"] == "VARCHAR(500)"
    assert {name: len(rows) for name, rows in before.rows.items()} == {
        name: 1 if name == "installation" else ROWS for name in before.columns
    }
    for row in after.rows["link"]:
        assert row.pop("planted") == 7
    assert after.rows == before.rows
    assert after.indexes == before.indexes
    assert after.foreign_keys == before.foreign_keys


def test_a_migration_that_orphans_rows_is_rolled_back(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url)
    fill(url)
    before = contents(url)
    folder = plant(tmp_path / "versions", "op.execute('DELETE FROM domain')")
    # PostgreSQL refuses the statement itself; on SQLite we look before the commit.
    refusal = OrphanError if sqlite_path(url) is not None else sa.exc.IntegrityError

    with pytest.raises(refusal) as refused:
        migrate(url, folder=folder)

    if refusal is OrphanError:
        assert str(refused.value) == "The migration would orphan 6 rows of link, link_slug."
    assert contents(url) == before


def test_a_migration_that_fails_leaves_the_old_tables(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url)
    fill(url)
    before = contents(url)
    folder = plant(tmp_path / "versions", REBUILD, "raise ZeroDivisionError")

    with pytest.raises(ZeroDivisionError):
        migrate(url, folder=folder)

    assert contents(url) == before
    assert pending(url, folder=folder) == ["9001", "9002"]


def test_tables_of_a_newer_version_are_refused_and_left_alone(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url, folder=plant(tmp_path / "versions", REBUILD))
    fill(url)
    before = contents(url)

    for refuses in (migrate, pending):
        with pytest.raises(SchemaTooNewError, match="revision 9001, which this version"):
            refuses(url)

    assert contents(url) == before


def test_pending_names_what_is_missing_and_changes_nothing(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    newer = plant(tmp_path / "versions", REBUILD, COUNT)
    path = sqlite_path(url)

    assert pending(url) == list(REAL)
    assert path is None or not Path(path).exists()
    assert migrate(url) == list(REAL)
    assert (pending(url), migrate(url)) == ([], [])
    before = contents(url)
    assert pending(url, folder=newer) == ["9001", "9002"]
    assert contents(url) == before


def test_the_tables_of_the_first_version_come_along_with_every_row(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url, folder=plant(tmp_path / "first", real=1))
    fill(url)
    before = contents(url)

    assert migrate(url) == list(REAL[1:])

    after = contents(url)
    assert after.version == REAL[-1]
    for table, rows in before.rows.items():
        names = [name for name in before.columns[table] if (table, name) not in MOVED]
        kept, had = (
            sorted(({name: row[name] for name in names} for row in each), key=repr)
            for each in (after.rows[table], rows)
        )
        assert kept == had


def test_staff_of_the_first_version_still_see_everything(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    migrate(url, folder=plant(tmp_path / "first", real=1))
    moment = "'2026-01-01 00:00:00+00:00'"
    execute(
        url,
        "INSERT INTO role (id, created_at, updated_at, name, scopes, is_staff) VALUES"
        f" (1, {moment}, {moment}, 'administrator', '', true),"
        f" (2, {moment}, {moment}, 'user', 'LINK_READ', false),"
        f" (3, {moment}, {moment}, 'desk', '', true)",
    )

    migrate(url)

    found = {(row["name"], row["reach"], row["is_built_in"]) for row in contents(url).rows["role"]}
    assert found == {
        ("administrator", "ALL", True),
        ("customer", "OWN", True),
        ("desk", "ALL", False),
    }


def test_a_database_that_grew_step_by_step_is_one_that_was_made_at_once(
    fresh_database_url: str, tmp_path: Path
) -> None:
    url = fresh_database_url
    for count in range(1, len(REAL) + 1):
        folder = plant(tmp_path / str(count), real=count)
        assert migrate(url, folder=folder) == [REAL[count - 1]]
    grown = contents(url)
    if (path := sqlite_path(url)) is not None:
        Path(path).unlink()
    else:
        execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")

    migrate(url)

    assert contents(url) == grown
