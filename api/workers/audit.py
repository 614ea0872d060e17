"""The loop that chains the audit log, and notes how far the chain went."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from api.adapters.audit_heads import HeadsFile
from api.workers.pacing import keep_doing
from models.rules.audit_heads import Head
from resolvers.audit_chain import ChainHead, chain_entries, goes_on
from resolvers.ports import Clock

_EVERY_S: Final = 1.0
# A head is due after so many entries, after an hour with any, and each day.
HEAD_ENTRIES: Final = 1_000
HEAD_NEW: Final = timedelta(hours=1)
HEAD_SAME: Final = timedelta(days=1)
LATEST_EVERY: Final = timedelta(seconds=1)  # each costs two syncs of the disk

_log = structlog.stdlib.get_logger("linkyard.worker")


class AuditWorker:
    """One per machine, each with heads of its own. Several share the work on one chain."""

    def __init__(self, heads: HeadsFile, *, clock: Clock) -> None:
        """Do nothing yet."""
        self._heads = heads
        self._clock = clock
        self._last: Head | None = None  # that was added to the file
        self._latest: Head | None = None  # that this process signed
        self._known: ChainHead | None = None  # the chain has it, or was tampered with
        self._was_read = False

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        await keep_doing("audit", self.step, wake=asyncio.Event(), every_s=_EVERY_S)

    async def step(self) -> bool:
        """Chain a batch, sign how far it went; return whether there is more to do at once."""
        if not self._was_read:
            await asyncio.to_thread(self._read)
        done = await chain_entries()
        await self._compare(done.base)
        self._known = done.head
        if self._is_due(done.head):
            head = self._signed(done.head)
            await asyncio.to_thread(self._heads.append, head)
            self._last = head
        if self._is_latest_due(done.head):
            head = self._signed(done.head)
            await asyncio.to_thread(self._heads.replace_latest, head)
            self._latest = head
        return done.has_more

    def _read(self) -> None:
        self._last, latest = self._heads.last(), self._heads.latest()
        self._known = None if latest is None else ChainHead(latest.seq, latest.hash)
        self._was_read = True

    def _signed(self, head: ChainHead) -> Head:
        return Head(head.seq, head.hash, self._clock.now())

    def _is_due(self, head: ChainHead) -> bool:
        if head.seq == 0:
            return False
        if self._last is None:
            return True
        age = self._clock.now() - self._last.at
        is_new = head.hash != self._last.hash
        is_far = abs(head.seq - self._last.seq) >= HEAD_ENTRIES
        return is_far or age >= HEAD_SAME or (is_new and age >= HEAD_NEW)

    def _is_latest_due(self, head: ChainHead) -> bool:
        if head.seq == 0:
            return False
        if self._latest is None:
            return True
        age = abs(self._clock.now() - self._latest.at)
        return head.hash != self._latest.hash and age >= LATEST_EVERY

    async def _compare(self, base: ChainHead) -> None:
        """Say once that the chain lost its end, and keep the head that proves it.

        The latest head is overwritten soon, so the one that is gone is added to the
        file that is copied: from now on `audit verify` finds it missing.
        """
        known = self._known
        if known is None or await goes_on(known, base):
            return
        head = self._signed(known)
        await asyncio.to_thread(self._heads.append, head)
        self._last = head
        _log.error(
            "the audit log ends before its last head: cut, or restored?",
            known=known.seq,
            found=base.seq,
        )
