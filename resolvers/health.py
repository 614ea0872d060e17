"""Whether the store answers."""

import asyncio
from typing import Final

from models.orm import reader
from models.raw_sql import fetch

_TIMEOUT_S: Final = 1.0


async def store_answers() -> bool:
    """Tell whether the tables can be read now; False after a second without an answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            rows = await fetch(reader(), "SELECT store_id FROM installation")
    except Exception:  # noqa: BLE001 - every way to fail is the same answer
        return False
    return len(rows) == 1
