"""Counters of rate limits for one process: over Redis where there is one, else by the store."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

from api.adapters.redis_rate_counter import RedisRateCounter
from api.data_folder import rate_key
from api.ending_tasks import end_tasks
from api.settings import Settings
from resolvers.rate_counters import RateCounters


@asynccontextmanager
async def open_rates(
    settings: Settings, secret_keys: Sequence[bytes]
) -> AsyncGenerator[RateCounters]:
    """Count until the process ends, and then leave what is known to the store.

    Args:
        settings: of this process; its database is open, for longer than this.
        secret_keys: of the installation, the newest first.
    """
    fast = RedisRateCounter(settings.redis_url) if settings.redis_url else None
    rates = RateCounters(rate_key(secret_keys), fast=fast)
    telling = asyncio.create_task(rates.keep_told())
    try:
        yield rates
    finally:
        await end_tasks([telling])
        with suppress(Exception):  # the store is away: the counts of a second are lost
            await rates.tell_store()
        if fast is not None:
            await fast.close()
