"""Whether the database is ready for use."""

from enum import Enum, auto
from pathlib import Path
from typing import Final

from tortoise.exceptions import OperationalError

import models
from models.orm import reader
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


def _revisions() -> list[str]:
    """Return the revisions of this version, the oldest first: files begin with theirs."""
    return sorted(path.name.partition("_")[0] for path in _STEPS.glob("[0-9]*.py"))
