"""Numbers for the texts that clicks are broken down by."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import is_sqlite
from models.rules.dimensions import Dimension

ValueKey: TypeAlias = tuple[Dimension, str]
_MAX_CACHED: Final = 200_000  # keys; then the cache starts anew
_CHUNK: Final = 400  # keys of one SELECT; SQLite takes 32,766 parameters


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


async def _find(connection: BaseDBAsyncClient, keys: list[ValueKey]) -> dict[ValueKey, int]:
    found: dict[ValueKey, int] = {}
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        for dimension in sorted({dimension for dimension, _ in chunk}):
            values = [value for other, value in chunk if other == dimension]
            marks = ", ".join("?" if is_sqlite(connection) else f"${n + 2}" for n in range(len(values)))
            first = "?" if is_sqlite(connection) else "$1"
            rows = await connection.execute_query_dict(
                f"SELECT id, value FROM click_value WHERE dimension = {first} AND value IN ({marks})",
                [int(dimension), *values],
            )
            found |= {(dimension, row["value"]): row["id"] for row in rows}
    return found


async def _store(connection: BaseDBAsyncClient, keys: list[ValueKey]) -> None:
    marks = "?, ?" if is_sqlite(connection) else "$1, $2"
    await connection.execute_many(
        f"INSERT INTO click_value (dimension, value) VALUES ({marks})"
        " ON CONFLICT (dimension, value) DO NOTHING",
        [[int(dimension), value] for dimension, value in keys],
    )
