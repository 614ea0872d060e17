"""Where tries are counted, and how limits hold when Redis comes and goes.

What Place.STORE has is counted in the store, try by try. The rest is counted in Redis
where there is one. Every process also keeps what it let through itself and tells the
store once a second, all in one statement, whether or not there is a Redis. So:

- Redis fails (killed, frozen, cut off): the store goes on with all it was told, and the
  process's own rest is added first. What is forgotten is what other processes let through
  in the last second.
- Redis is empty or was away for a while: it says since when it remembers everything. As
  long as that is less than the longest window, the store has to agree to each try.
- Without Redis: limits of every request (`is_eager`) are decided by what the store last
  said and what this process let through since. Before the latter exceeds the rule's
  `slack` the store is told and asked. At most `slack` hits for each process go over. The
  other limits are decided by the store, try by try.
"""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from models.rules.moments import microseconds_of
from models.rules.rate_limits import (
    PARTS,
    BackoffRule,
    Place,
    RateLimit,
    Rule,
    Spending,
    WindowRule,
    fits,
    spending_of,
    subject_of,
)
from resolvers.ports import FastCounter
from resolvers.rate_store import (
    Counts,
    Untold,
    counts_of,
    forget,
    give_back_in_window,
    spend_in_window,
    spend_with_backoff,
    tell,
)

TELL_EVERY_S: Final = 1.0
_PATIENCE_S: Final = 2.0
_MAX_KNOWN: Final = 20_000  # subjects whose counts are remembered in a process
_MAX_UNTOLD: Final = 50_000  # parts that wait for a store that is away
_log = structlog.stdlib.get_logger("linkyard.limits")


@dataclass(slots=True)
class _Known:
    """Hits of a subject, as the store last said, with what it was told since.

    Attributes:
        counts: by part.
        unasked: hits that this process let through since it asked.
    """

    counts: Counts
    unasked: int


class RateCounters:
    """RateCounter over the store, and over a FastCounter where there is one."""

    def __init__(
        self, key: bytes, *, fast: FastCounter | None = None, patience_s: float = _PATIENCE_S
    ) -> None:
        """Count nothing yet.

        Args:
            key: makes the names of subjects unreadable; every process needs the same.
            fast: None where there is no Redis.
            patience_s: how long a try waits for others to be told to a store that hangs;
                then it fails with a TimeoutError, as if the store were away.
        """
        self._key = key
        self._fast = fast
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._untold: dict[str, dict[int, Untold]] = {}
        self._telling = asyncio.Lock()
        self._patience_s = patience_s

    async def spend(
        self, limit: RateLimit, rule: Rule, subject: str, *, cost: int, now: datetime
    ) -> Spending:
        """See RateCounter.spend."""
        name = self._name(limit, subject_of(rule, subject))
        if isinstance(rule, BackoffRule):
            return await spend_with_backoff(name, rule, cost=cost, now=now)
        if rule.place is Place.STORE:
            return await spend_in_window(name, rule, cost=cost, now=now)
        at_us = microseconds_of(now)
        if self._fast is not None:
            found = await self._fast.spend(name, rule, cost=cost, at_us=at_us)
            if found is not None:
                said = spending_of(
                    rule, found.counts, is_allowed=found.is_allowed, cost=cost, at_us=at_us
                )
                if not said.is_allowed:
                    return said
                if rule.part_of(found.since_us) < rule.part_of(at_us) - PARTS:
                    self._note(name, rule, cost=cost, at_us=at_us)
                    return said
        if rule.is_eager:
            return await self._spend_eagerly(name, rule, cost=cost, now=now)
        await self.tell_store()
        return await spend_in_window(name, rule, cost=cost, now=now)

    async def forgive(self, limit: RateLimit, subject: str) -> None:
        """See RateCounter.forgive."""
        await forget(self._name(limit, subject))

    async def give_back(
        self, limit: RateLimit, rule: WindowRule, subject: str, *, cost: int, now: datetime
    ) -> None:
        """See RateCounter.give_back."""
        name = self._name(limit, subject_of(rule, subject))
        await give_back_in_window(name, rule, cost=cost, now=now)

    async def keep_told(self) -> None:
        """Tell the store once a second, for ever; start it outside any transaction."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            try:
                await self.tell_store()
            except Exception as error:  # noqa: BLE001 - the store is away: a second later then
                _log.debug("hits are told later", error=repr(error))

    async def tell_store(self) -> None:
        """Add to the store what this process let through and did not tell yet.

        Raises:
            Exception: the store fails; nothing is forgotten.
        """
        async with self._turn():
            await self._tell(self._untold)

    async def _spend_eagerly(
        self, name: str, rule: WindowRule, *, cost: int, now: datetime
    ) -> Spending:
        at_us = microseconds_of(now)
        if self._must_ask(name, rule, cost=cost):
            async with self._turn():
                if self._must_ask(name, rule, cost=cost):  # nobody did while we waited
                    await self._ask(name, rule, at_us=at_us)
        counts = self._counts(name)
        is_allowed = fits(rule, counts, cost=cost, at_us=at_us)
        if is_allowed:
            self._note(name, rule, cost=cost, at_us=at_us)
            counts = self._counts(name)
        return spending_of(rule, counts, is_allowed=is_allowed, cost=cost, at_us=at_us)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        async with asyncio.timeout(self._patience_s):
            await self._telling.acquire()
        try:
            yield
        finally:
            self._telling.release()

    def _must_ask(self, name: str, rule: WindowRule, *, cost: int) -> bool:
        known = self._known.get(name)
        return known is None or known.unasked + cost > rule.slack

    async def _ask(self, name: str, rule: WindowRule, *, at_us: int) -> None:
        await self._tell({name: self._untold.get(name, {})})
        counts = (await counts_of([name], rule, at_us=at_us))[name]
        waiting = sum(each.hits for each in self._untold.get(name, {}).values())
        self._known[name] = _Known(counts, unasked=waiting)
        self._known.move_to_end(name)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)

    def _note(self, name: str, rule: WindowRule, *, cost: int, at_us: int) -> None:
        """Keep what was let through until the store is told."""
        part = rule.part_of(at_us)
        parts = self._untold.setdefault(name, {})
        before = parts[part].hits if part in parts else 0
        parts[part] = Untold(name, part, before + cost, rule.expires_at_us(part))
        if name in self._known:
            self._known[name].unasked += cost
        while len(self._untold) > _MAX_UNTOLD:  # the store is away for long
            del self._untold[next(iter(self._untold))]

    async def _tell(self, told: Mapping[str, Mapping[int, Untold]]) -> None:
        sent = [each for parts in told.values() for each in parts.values()]
        if not sent:
            return
        await tell(sent)
        for each in sent:  # more may have come while it was written
            parts = self._untold.get(each.name, {})
            now = parts.pop(each.part, each)
            if now.hits > each.hits:
                parts[each.part] = now._replace(hits=now.hits - each.hits)
            if not parts:
                self._untold.pop(each.name, None)
            known = self._known.get(each.name)
            if known is not None:
                known.counts[each.part] = known.counts.get(each.part, 0) + each.hits

    def _counts(self, name: str) -> Counts:
        known = self._known.get(name)
        counts = dict(known.counts) if known is not None else {}
        for part, each in self._untold.get(name, {}).items():
            counts[part] = counts.get(part, 0) + each.hits
        return counts

    def _name(self, limit: RateLimit, subject: str) -> str:
        """Return what stands for a subject outside this process: nobody reads it backwards."""
        return hmac.digest(self._key, f"{limit}\0{subject}".encode(), "sha256").hex()
