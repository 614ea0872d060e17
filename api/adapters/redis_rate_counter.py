"""Counters of rate limits in Redis: quick, shared by all processes, and never waited for.

A call takes 50 ms at most. After one that failed, Redis is left alone for a second; then
one call tries it, while the others go on without. The next call that goes through says that
counts are missing: from then on every process sees that Redis remembers everything only
since that moment. The same is seen of a Redis that was emptied, because the note of the
moment is gone with the rest.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from models.rules.rate_limits import PARTS, WindowRule
from resolvers.ports import FastCount

_TIMEOUT_S: Final = 0.05
_REST_S: Final = 1.0
_CONNECTIONS: Final = 16
_SINCE_KEPT_S: Final = 7 * 86_400
_UNAVAILABLE: Final = (RedisError, OSError, TimeoutError)
_log = structlog.stdlib.get_logger("linkyard.redis")

# One subject is one hash: number of a part -> hits. Redis runs a script as one step.
_SPEND: Final = """
local since = redis.call('GET', KEYS[2])
if not since or ARGV[6] == '1' then
  since = ARGV[5]
  redis.call('SET', KEYS[2], since)
end
redis.call('EXPIRE', KEYS[2], ARGV[8])
local counts = redis.call('HGETALL', KEYS[1])
local kept, spent = {}, 0
for i = 1, #counts, 2 do
  if tonumber(counts[i]) < tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], counts[i])
  else
    kept[#kept + 1] = counts[i]
    kept[#kept + 1] = counts[i + 1]
    spent = spent + tonumber(counts[i + 1])
  end
end
local allowed = 0
if spent + tonumber(ARGV[3]) <= tonumber(ARGV[4]) then
  allowed = 1
  redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
return {allowed, since, kept}
"""


class RedisRateCounter:
    """FastCounter over one Redis; `close` it in the process that made it."""

    def __init__(
        self,
        redis_url: str,
        *,
        timeout_s: float = _TIMEOUT_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet.

        Args:
            redis_url: as of RedisSignals.
            timeout_s: of one call, with connecting.
            monotonic_s: tells how long Redis has been left alone.
        """
        pool: Any = aioredis.BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped
            redis_url,
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._client = aioredis.Redis.from_pool(pool)
        self._script = self._client.register_script(_SPEND)
        # Like channels, so that one look at a server tells whose keys these are.
        self._prefix = f"linkyard:{pool.connection_kwargs.get('db', 0)}:rate"
        self.timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._resting_until_s = 0.0
        self._is_incomplete = False  # something may have been counted elsewhere

    async def close(self) -> None:
        """End the connections."""
        with suppress(*_UNAVAILABLE):
            await self._client.aclose(close_connection_pool=True)

    async def spend(
        self, name: str, rule: WindowRule, *, cost: int, at_us: int
    ) -> FastCount | None:
        """See FastCounter.spend."""
        now_s = self._monotonic_s()
        if now_s < self._resting_until_s:
            return None
        is_telling = self._is_incomplete
        if is_telling:
            self._resting_until_s = now_s + _REST_S  # the others go on without, this one tries
        part = rule.part_of(at_us)
        arguments = [
            part,
            part - PARTS,
            cost,
            rule.most,
            at_us,
            int(is_telling),
            rule.window_s * 1000 * (PARTS + 1) // PARTS + 1000,
            _SINCE_KEPT_S,
        ]
        keys = [f"{self._prefix}:{name}", f"{self._prefix}:since"]
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self._script(keys=keys, args=arguments)
        except _UNAVAILABLE as error:
            if not self._is_incomplete:
                _log.warning("limits are counted without redis", error=repr(error))
            self._is_incomplete = True
            self._resting_until_s = self._monotonic_s() + _REST_S
            return None
        if is_telling:
            _log.info("limits are counted in redis again")
            self._is_incomplete = False
            self._resting_until_s = 0.0
        return _read(cast("list[Any]", answer), part=part, cost=cost)


def _read(answer: list[Any], *, part: int, cost: int) -> FastCount:
    allowed, since, flat = answer
    counts = {int(flat[i]): int(flat[i + 1]) for i in range(0, len(flat), 2)}
    if allowed:
        counts[part] = counts.get(part, 0) + cost
    return FastCount(is_allowed=bool(allowed), counts=counts, since_us=int(since))
