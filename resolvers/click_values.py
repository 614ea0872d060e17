"""Numbers for the texts that clicks are broken down by."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import placeholders
from models.raw_sql import execute_many, fetch
from models.rules.dimensions import Dimension

Texts: TypeAlias = Mapping[Dimension, AbstractSet[str]]
Numbers: TypeAlias = Mapping[Dimension, Mapping[str, int]]
MAX_NEW_REFERRERS: Final = 5_000  # hosts a day, of each worker
OTHER_REFERRERS: Final = "(other)"
_MAX_CACHED: Final = 100_000  # texts of a dimension; then the cache starts anew
_CHUNK: Final = 400  # values of one SELECT; SQLite takes 32,766 parameters


class ValueNumbers:
    """Cache of click_value: a row never changes and is never deleted.

    So strangers must not make rows at will: of the hosts that a Referer may invent, so many
    a day get a number, and the others share that of OTHER_REFERRERS.

    One per process. New texts are stored by a transaction of their own, before
    the clicks that use them: a text that nothing uses does no harm, and a number
    is cached only once it is committed.
    """

    def __init__(self) -> None:
        self._known: dict[Dimension, dict[str, int]] = {kind: {} for kind in Dimension}
        self._day = date.min
        self._new_referrers = 0  # of that day

    async def of(self, texts: Texts, *, at: datetime | None = None) -> Numbers:
        """Return the numbers of all texts, storing those that are new.

        At most MAX_NEW_REFERRERS hosts are new on the day of `at`; None for those of
        today that were counted so far.

        Safe beside other processes that store the same texts: the unique constraint
        keeps one number for each, and all store in the same order.
        """
        for known in self._known.values():
            if len(known) > _MAX_CACHED:
                known.clear()
        if at is not None and at.date() != self._day:
            self._day, self._new_referrers = at.date(), 0
            self._known[Dimension.REFERRER_HOST].clear()  # some were only out of numbers
        for kind in sorted(texts):
            missing = sorted(texts[kind] - self._known[kind].keys())
            if not missing:
                continue
            if kind is Dimension.REFERRER_HOST:
                room = max(MAX_NEW_REFERRERS - self._new_referrers, 0)
                numbers, stored = await _numbers(kind, missing, room=room)
                self._new_referrers += stored
            else:
                numbers, _ = await _numbers(kind, missing, room=len(missing))
            self._known[kind] |= numbers
        return self._known


async def _numbers(
    kind: Dimension, texts: Sequence[str], *, room: int
) -> tuple[dict[str, int], int]:
    """Return the number of every text, and how many texts are new, at most `room`."""
    async with in_transaction("default") as connection:
        found = await _find(connection, kind, texts)
        unknown = [text for text in texts if text not in found]
        new, beyond = unknown[:room], unknown[room:]
        absent = sorted({*new, OTHER_REFERRERS}) if beyond else new
        if absent:
            await execute_many(
                connection,
                "INSERT INTO click_value (dimension, value)"
                f" VALUES ({placeholders(connection, 2)})"
                " ON CONFLICT (dimension, value) DO NOTHING",
                [[int(kind), text] for text in absent],
            )
            found |= await _find(connection, kind, absent)
        if beyond:
            found |= dict.fromkeys(beyond, found[OTHER_REFERRERS])
    return found, len(new)


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
