"""The only way the tables change.

Alembic keeps the order of the migrations and the version; this module adds what
makes them safe here: one runner at a time under the engine's own lock, all
pending steps and the version row in one transaction, and on SQLite foreign keys
off (set before the transaction, where alone it works) with a check before the
commit, so that rebuilding a table can neither cascade nor leave an orphan.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from models.orm import sqlite_path

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "models" / "migrations"
VERSIONS: Final = MIGRATIONS / "versions"
_LOCK: Final = 0x4C4B59  # "LKY", the key of the advisory lock
_BUSY_TIMEOUT_S: Final = 60.0


class SchemaTooNewError(Exception):
    """The tables were made by a newer version of Linkyard than this one."""


class OrphanError(Exception):
    """A migration would have left rows whose parent is gone; it was rolled back."""


def migrate(database_url: str, *, folder: Path = VERSIONS) -> Sequence[str]:
    """Bring the tables to the newest version and return the revisions that were applied.

    Safe to call from several processes at once: the others wait, then find
    nothing to do. A process killed in the middle leaves the old tables.
    Must not be called from a running event loop.

    Args:
        database_url: see models.orm.connection_config.
        folder: where the steps lie; tests plant their own.

    Raises:
        SchemaTooNewError: see there; nothing was changed.
        OrphanError: see there; nothing was changed.
    """
    path = sqlite_path(database_url)
    if path is None:
        return asyncio.run(_migrate_postgres(database_url, folder))
    return _migrate_sqlite(path, folder)


def pending(database_url: str, *, folder: Path = VERSIONS) -> Sequence[str]:
    """Return the revisions that migrate() would apply, without applying them.

    Raises:
        SchemaTooNewError: as in migrate().
    """
    path = sqlite_path(database_url)
    if path is not None:
        if not Path(path).exists():
            return _missing(folder, ())
        engine = sa.create_engine(_sqlite_url(path), poolclass=NullPool)
        with engine.connect() as connection:
            return _pending(connection, folder)

    async def look() -> Sequence[str]:
        async with _postgres_engine(database_url).connect() as connection:
            return await connection.run_sync(_pending, folder)

    return asyncio.run(look())


def _migrate_sqlite(path: str, folder: Path) -> Sequence[str]:
    engine = sa.create_engine(
        _sqlite_url(path), poolclass=NullPool, connect_args={"timeout": _BUSY_TIMEOUT_S}
    )
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.isolation_level = None  # the driver must not begin or commit by itself
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = OFF"):
            driver.execute(f"PRAGMA {pragma}")
        driver.execute("BEGIN IMMEDIATE")
        try:
            applied = _apply(connection, folder)
            _check_orphans(driver.execute("PRAGMA foreign_key_check").fetchall())
        except BaseException:
            driver.execute("ROLLBACK")
            raise
        driver.execute("COMMIT")
        return applied


async def _migrate_postgres(database_url: str, folder: Path) -> Sequence[str]:
    engine = _postgres_engine(database_url)
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            # From here a lock that live traffic holds makes the migration fail, not the traffic.
            await connection.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
            return await connection.run_sync(_apply, folder)
    finally:
        await engine.dispose()


def _sqlite_url(path: str) -> sa.URL:
    return sa.URL.create("sqlite", database=path)  # as it is: a path may have a question mark


def _postgres_engine(database_url: str) -> AsyncEngine:
    scheme, _, rest = database_url.partition("://")
    if scheme not in {"postgres", "postgresql", "asyncpg"}:
        raise ValueError(f"{scheme}:// is not a database that Linkyard can use.")
    return create_async_engine(f"postgresql+asyncpg://{rest}", poolclass=NullPool)


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    return config


def _pending(connection: sa.Connection, folder: Path) -> Sequence[str]:
    heads = MigrationContext.configure(connection).get_current_heads()
    return _missing(folder, heads)


def _missing(folder: Path, heads: Sequence[str]) -> Sequence[str]:
    scripts = ScriptDirectory.from_config(_config(folder))
    known = [script.revision for script in scripts.walk_revisions()][::-1]
    for head in heads:
        if head not in known:
            raise SchemaTooNewError(
                f"The database has revision {head}, which this version does not know: "
                "it was used by a newer Linkyard."
            )
    return known[known.index(heads[0]) + 1 :] if heads else known


def _apply(connection: sa.Connection, folder: Path) -> Sequence[str]:
    missing = _pending(connection, folder)
    if missing:
        config = _config(folder)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return missing


def _check_orphans(orphans: list[tuple[str, int, str, int]]) -> None:
    if orphans:
        tables = ", ".join(sorted({table for table, *_ in orphans}))
        raise OrphanError(f"The migration would orphan {len(orphans)} rows of {tables}.")
