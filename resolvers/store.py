"""Whether the database is ready for use."""

from enum import Enum, auto
from pathlib import Path
from typing import Final

from tortoise.exceptions import OperationalError

import models
from models.orm import is_sqlite, reader
from models.raw_sql import fetch
from models.store_failures import is_store_failure

_STEPS: Final = Path(models.__file__).parent / "migrations" / "versions"


class StoreState(Enum):
    """What a program of this version can do with the tables."""

    READY = auto()
    UNPREPARED = auto()  # no tables, or nothing in them: the service was never started
    OLDER = auto()  # steps are missing
    NEWER = auto()  # a later version was here


async def store_state() -> StoreState:
    """Compare the revision of the tables with the newest step of this version, by one query.

    Raises:
        Exception: the store does not answer; models.store_failures knows it.
    """
    try:
        rows = await fetch(
            reader(), "SELECT version_num FROM alembic_version CROSS JOIN installation"
        )
    except OperationalError as error:
        if is_store_failure(error):
            raise
        return StoreState.UNPREPARED  # a table is missing
    if not rows:
        return StoreState.UNPREPARED
    revision, known = rows[0]["version_num"], _revisions()
    if revision not in known:
        return StoreState.NEWER
    return StoreState.READY if revision == known[-1] else StoreState.OLDER


async def tables_are_newest() -> bool:
    """Tell whether migrating would change nothing and refuse nothing.

    It answers without what runs the steps, whose loading takes half a second of
    every start. On SQLite it looks for rows without their parents, as migrating does.

    Raises:
        Exception: as store_state.
    """
    try:
        rows = await fetch(reader(), "SELECT version_num FROM alembic_version")
    except OperationalError as error:
        if is_store_failure(error):
            raise
        return False  # no tables yet
    if [row["version_num"] for row in rows] != _revisions()[-1:]:
        return False
    return not is_sqlite(reader()) or not await fetch(reader(), "PRAGMA foreign_key_check")


def _revisions() -> list[str]:
    """Return the revisions of this version, the oldest first: files begin with theirs."""
    return sorted(path.name.partition("_")[0] for path in _STEPS.glob("[0-9]*.py"))
