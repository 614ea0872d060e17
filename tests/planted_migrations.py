"""Migrations that tests plant after the real ones, and a look at everything in a database."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api.migrate import VERSIONS
from models.orm import sqlite_path

Answer = TypeVar("Answer")
REAL: Final = tuple(path.name[:4] for path in sorted(VERSIONS.glob("0*.py")))
ROWS: Final = 3  # of every table after fill()
# Tables that the engine fills from `search_document`, by triggers or with a type of its own.
_ENGINES_OWN: Final = "search_index"
# Stops a migration, in a process that has GATE in its environment, until the test lets it go on.
GATE: Final = """
if "GATE" in os.environ:
    with socket.create_connection(("127.0.0.1", int(os.environ["GATE"]))) as gate:
        gate.recv(1)
"""
_STEP: Final = """
import os
import socket

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade():
{body}
"""


def plant(folder: Path, *bodies: str, real: int = len(REAL)) -> Path:
    """Fill a folder with the first real migrations and one more for each body, 9001 and on."""
    folder.mkdir()
    for path in sorted(VERSIONS.glob("0*.py"))[:real]:
        shutil.copy(path, folder)
    before = REAL[real - 1]
    for number, body in enumerate(bodies, start=9001):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        step = _STEP.format(revision=number, before=before, body=lines)
        (folder / f"{number}_planted.py").write_text(step, encoding="utf-8")
        before = str(number)
    return folder


@dataclass(frozen=True)
class Contents:
    """Everything in a database that a migration could lose."""

    version: str
    columns: dict[str, dict[str, str]]  # of each table, with their types
    rows: dict[str, list[dict[str, Any]]]
    indexes: dict[str, list[str]]
    foreign_keys: dict[str, list[str]]


def contents(url: str) -> Contents:
    """Return everything in a database."""
    return _on_database(url, _read)


def fill(url: str) -> None:
    """Put ROWS rows into every table (one into `installation`), each with its parents."""
    _on_database(url, _fill)


def execute(url: str, *statements: str) -> None:
    """Run statements in one transaction."""

    def run(connection: sa.Connection) -> None:
        for statement in statements:
            connection.execute(sa.text(statement))

    _on_database(url, run)


def _on_database(url: str, run: Callable[[sa.Connection], Answer]) -> Answer:
    path = sqlite_path(url)
    if path is not None:
        with sa.create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
            return run(connection)

    async def on_postgres() -> Answer:
        engine = create_async_engine(
            f"postgresql+asyncpg{url[url.index(':') :]}", poolclass=NullPool
        )
        async with engine.begin() as connection:
            return await connection.run_sync(run)

    return asyncio.run(on_postgres())


def _read(connection: sa.Connection) -> Contents:
    found = Contents("", {}, {}, {}, {})
    inspector = sa.inspect(connection)
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        if table.startswith(_ENGINES_OWN):
            continue
        found.columns[table] = {c["name"]: str(c["type"]) for c in inspector.get_columns(table)}
        found.indexes[table] = sorted(
            [_index(index) for index in inspector.get_indexes(table)]
            + [str(sorted(key["column_names"])) for key in inspector.get_unique_constraints(table)]
            + [str(inspector.get_pk_constraint(table)["constrained_columns"])]
        )
        found.foreign_keys[table] = sorted(
            f"{key['constrained_columns']} {key['referred_table']} {key['options']}"
            for key in inspector.get_foreign_keys(table)
        )
        rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).mappings()
        found.rows[table] = sorted((dict(row) for row in rows), key=repr)
    if inspector.has_table("alembic_version"):
        version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return Contents(str(version), found.columns, found.rows, found.indexes, found.foreign_keys)
    return found


def _index(index: ReflectedIndex) -> str:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return f"{index['name']} {index['column_names']} {bool(index['unique'])} {options}"


def _fill(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    metadata.reflect(connection, only=lambda name, _: not name.startswith(_ENGINES_OWN))
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            count = 1 if table.name == "installation" else ROWS
            rows = [{c.name: _value(c, n) for c in table.columns} for n in range(1, count + 1)]
            connection.execute(table.insert(), rows)


def _value(column: sa.Column[Any], number: int) -> object:
    match column.type:
        case sa.Boolean():
            return number % 2 == 0
        case sa.DateTime():
            return datetime(2026, 1, number, tzinfo=UTC)
        case sa.Integer():
            return number
        case sa.LargeBinary():
            return bytes((number,))
        case _:
            return f"{column.name} {number}"
