"""The loop that chains the audit log, and notes how far the chain went."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from api.adapters.audit_heads import HeadsFile
from api.workers.pacing import keep_doing
from models.rules.audit_heads import Head
from resolvers.audit_chain import ChainHead, chain_entries
from resolvers.ports import Clock

_EVERY_S: Final = 1.0
# A head is due after so many entries, after an hour with any, and each day.
HEAD_ENTRIES: Final = 1_000
HEAD_NEW: Final = timedelta(hours=1)
HEAD_SAME: Final = timedelta(days=1)

_log = structlog.stdlib.get_logger("linkyard.worker")


class AuditWorker:
    """One per machine, each with heads of its own. Several share the work on one chain."""

    def __init__(self, heads: HeadsFile, *, clock: Clock) -> None:
        """Do nothing yet."""
        self._heads = heads
        self._clock = clock
        self._last: Head | None = None
        self._was_read = False
        self._is_behind = False

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        await keep_doing("audit", self.step, wake=asyncio.Event(), every_s=_EVERY_S)

    async def step(self) -> bool:
        """Chain a batch, add a head if one is due; return whether there is more to do at once."""
        done = await chain_entries()
        if not self._was_read:
            self._last, self._was_read = await asyncio.to_thread(self._heads.last), True
        self._compare(done.head)
        if self._is_due(done.head):
            head = Head(done.head.seq, done.head.hash, self._clock.now())
            await asyncio.to_thread(self._heads.append, head)
            self._last = head
        return done.has_more

    def _is_due(self, head: ChainHead) -> bool:
        if head.seq == 0:
            return False
        if self._last is None:
            return True
        age = self._clock.now() - self._last.at
        is_new = head.hash != self._last.hash
        is_far = abs(head.seq - self._last.seq) >= HEAD_ENTRIES
        return is_far or age >= HEAD_SAME or (is_new and age >= HEAD_NEW)

    def _compare(self, head: ChainHead) -> None:
        """Say once when the chain is not the one whose head was signed last."""
        last = self._last
        is_behind = last is not None and (
            head.seq < last.seq or (head.seq == last.seq and head.hash != last.hash)
        )
        if is_behind and not self._is_behind:
            _log.error("the audit log ends before its last signed head: cut, or restored?")
        self._is_behind = is_behind
