"""When each key was last used: written beside the requests, never in their way.

A use is written at most once a minute for each key and process. A use that
cannot be written is forgotten: the next one comes soon enough.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from models.api_keys import ApiKey
from models.store_failures import is_store_failure

_EVERY: Final = timedelta(minutes=1)
_MAX_KEYS: Final = 10_000  # remembered in a process
_noted: Final[dict[int, datetime]] = {}  # key id: when its use was last noted here
_writing: Final[set[asyncio.Task[None]]] = set()


def note_use(key_id: int, *, now: datetime, known: datetime | None) -> None:
    """Have a use written soon, unless one of the last minute is.

    Must not be called inside a transaction: the write outlives the caller.

    Args:
        key_id: of an ApiKey.
        now: moment of the use.
        known: what the store says, None for never used.
    """
    latest = max(filter(None, (known, _noted.get(key_id))), default=None)
    if latest is not None and timedelta(0) <= now - latest < _EVERY:
        return
    if len(_noted) >= _MAX_KEYS:
        _noted.clear()
    _noted[key_id] = now
    task = asyncio.get_running_loop().create_task(_write(key_id, now))
    _writing.add(task)
    task.add_done_callback(_writing.discard)


async def uses_written() -> None:
    """Wait for the writes under way: before the connections close."""
    while _writing:
        await asyncio.wait(_writing)


async def _write(key_id: int, now: datetime) -> None:
    try:
        await ApiKey.filter(id=key_id).update(last_used_at=now)
    except Exception as error:
        if not is_store_failure(error):
            raise
