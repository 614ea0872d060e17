"""Numbers for the texts that clicks are broken down by."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import placeholders
from models.raw_sql import execute_many, fetch
from models.rules.dimensions import Dimension

ValueKey: TypeAlias = tuple[Dimension, str]
_MAX_CACHED: Final = 200_000  # keys; then the cache starts anew
_CHUNK: Final = 400  # values of one SELECT; SQLite takes 32,766 parameters


class ValueNumbers:
    """Cache of click_value: a row never changes and is never deleted.

    One per process. New texts are stored by a transaction of their own, before
    the clicks that use them: a text that nothing uses does no harm, and a number
    is cached only once it is committed.
    """

    def __init__(self) -> None:
        self._known: dict[ValueKey, int] = {}

    async def of(self, keys: Iterable[ValueKey]) -> Mapping[ValueKey, int]:
        """Return the numbers of all keys, storing those that are new.

        Safe beside other processes that store the same texts: the unique
        constraint keeps one number for each, and all store in the same order.
        """
        wanted = set(keys)
        if len(self._known) > _MAX_CACHED:
            self._known.clear()
        missing = sorted(wanted - self._known.keys())
        if missing:
            async with in_transaction("default") as connection:
                found = await _find(connection, missing)
                absent = [key for key in missing if key not in found]
                if absent:
                    await _store(connection, absent)
                    found |= await _find(connection, absent)
            self._known |= found
        return self._known


async def _find(connection: BaseDBAsyncClient, keys: Iterable[ValueKey]) -> dict[ValueKey, int]:
    found: dict[ValueKey, int] = {}
    for dimension, group in groupby(keys, key=itemgetter(0)):
        values = [value for _, value in group]
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            rows = await fetch(
                connection,
                f"SELECT id, value FROM click_value WHERE dimension = {int(dimension)}"
                f" AND value IN ({placeholders(connection, len(chunk))})",
                chunk,
            )
            found |= {(dimension, row["value"]): row["id"] for row in rows}
    return found


async def _store(connection: BaseDBAsyncClient, keys: Iterable[ValueKey]) -> None:
    await execute_many(
        connection,
        f"INSERT INTO click_value (dimension, value) VALUES ({placeholders(connection, 2)})"
        " ON CONFLICT (dimension, value) DO NOTHING",
        [[int(dimension), value] for dimension, value in keys],
    )
