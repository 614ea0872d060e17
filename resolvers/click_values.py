"""Numbers for the texts that clicks are broken down by."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import placeholders
from models.raw_sql import execute_many, fetch
from models.rules.dimensions import Dimension

Texts: TypeAlias = Mapping[Dimension, AbstractSet[str]]
Numbers: TypeAlias = Mapping[Dimension, Mapping[str, int]]
_MAX_CACHED: Final = 100_000  # texts of a dimension; then the cache starts anew
_CHUNK: Final = 400  # values of one SELECT; SQLite takes 32,766 parameters


class ValueNumbers:
    """Cache of click_value: a row never changes and is never deleted.

    One per process. New texts are stored by a transaction of their own, before
    the clicks that use them: a text that nothing uses does no harm, and a number
    is cached only once it is committed.
    """

    def __init__(self) -> None:
        self._known: dict[Dimension, dict[str, int]] = {kind: {} for kind in Dimension}

    async def of(self, texts: Texts) -> Numbers:
        """Return the numbers of all texts, storing those that are new.

        Safe beside other processes that store the same texts: the unique
        constraint keeps one number for each, and all store in the same order.
        """
        for known in self._known.values():
            if len(known) > _MAX_CACHED:
                known.clear()
        for kind in sorted(texts):
            missing = sorted(texts[kind] - self._known[kind].keys())
            if missing:
                self._known[kind] |= await _numbers(kind, missing)
        return self._known


async def _numbers(kind: Dimension, texts: Sequence[str]) -> dict[str, int]:
    async with in_transaction("default") as connection:
        found = await _find(connection, kind, texts)
        absent = [text for text in texts if text not in found]
        if absent:
            await execute_many(
                connection,
                "INSERT INTO click_value (dimension, value)"
                f" VALUES ({placeholders(connection, 2)})"
                " ON CONFLICT (dimension, value) DO NOTHING",
                [[int(kind), text] for text in absent],
            )
            found |= await _find(connection, kind, absent)
    return found


async def _find(
    connection: BaseDBAsyncClient, kind: Dimension, texts: Sequence[str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        rows = await fetch(
            connection,
            f"SELECT id, value FROM click_value WHERE dimension = {int(kind)}"
            f" AND value IN ({placeholders(connection, len(chunk))})",
            chunk,
        )
        found |= {row["value"]: row["id"] for row in rows}
    return found
