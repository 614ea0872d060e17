"""The loop that brings clicks from the spools into the tables."""

import asyncio
import gc
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from api.adapters.spool_folder import SpoolFolder
from models.orm import is_sqlite, writer
from resolvers.click_progress import note_progress
from resolvers.context import RequestContext
from resolvers.ingestion import Ingestion, finish_file, positions

# Records of one transaction. SQLite has one write lock, which this holds for about 0.1 s;
# on PostgreSQL a larger batch moves the counter of a popular link less often.
_SQLITE_BATCH: Final = 5_000
_POSTGRES_BATCH: Final = 10_000
_LOOK_S: Final = 0.5  # between two looks without a signal
_PAUSE_S: Final = 0.05  # after a small batch, so that clicks share their commits
_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0)  # waits after failures in a row

_TURN: Final = timedelta(seconds=1)  # a click may be this old when it comes to its spool
_NOTE_EVERY: Final = timedelta(seconds=1)  # while clicks come in
_NOTE_IDLE: Final = timedelta(seconds=5)  # while none do: each note is a commit on the disk
_END_S: Final = 5.0  # that a cancelled batch gets to end

_log = structlog.stdlib.get_logger("linkyard.worker")


@dataclass(slots=True)
class ClickProgress:
    """What the loop has done, and how far it is."""

    stored: int = 0  # clicks since the start
    damaged: int = 0  # stretches set aside since the start
    waiting_bytes: int = 0  # in the spools, after the last look
    is_store_up: bool = True
    too_new_files: int = 0  # that only a newer version can read on
    stored_bytes: int = 0  # of the spools that are there
    oldest_us: int = 0  # moment of the first click that waits, 0 if none can be read
    is_caught_up: bool = False  # the last step stored all that lay in the spools when it began


class ClickWorker:
    """Reads one folder of spools. One per folder, see SpoolFolder."""

    def __init__(
        self,
        context: RequestContext,
        *,
        folder: Path,
        ingestion: Ingestion,
        is_live: bool = True,
        batch_records: int | None = None,
    ) -> None:
        self.progress = ClickProgress()
        self._context = context
        self._folder = SpoolFolder(folder)
        self._ingestion = ingestion
        self._is_live = is_live
        self._chosen_batch = batch_records
        self._noted = datetime.min.replace(tzinfo=UTC)
        self._has_news = False  # clicks were stored since the last note

    async def run(self, *, stop: asyncio.Event, wake: asyncio.Event) -> None:
        """Step until `stop`, at once when `wake` is set; cancelling it at any moment is safe.

        While the store does not answer, the clicks stay in the spools.
        """
        spare_the_collector()
        failures = 0
        while not stop.is_set():
            wake.clear()
            try:
                records = await self.step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop must go on
                failures += 1
                if failures == 1:
                    _log.warning("clicks wait for the store", exc_info=error)
                await _first_of(stop.wait(), timeout_s=_RETRY_S[min(failures, len(_RETRY_S)) - 1])
                continue
            if failures:
                _log.info("clicks are stored again", failures=failures)
            failures = 0
            if records == 0:
                await _first_of(wake.wait(), stop.wait(), timeout_s=_LOOK_S)
            elif records < self._batch_records:
                await _first_of(stop.wait(), timeout_s=_PAUSE_S)

    async def step(self) -> int:
        """Store one batch and delete the files that are done.

        After an exception the step may be repeated: nothing is stored twice. When it is
        cancelled it ends once its transaction did: Tortoise 1.1 keeps locks for ever
        when a connection is cancelled while it opens.

        Returns:
            How many records were dealt with, damaged ones included; 0 when there was none.
        """
        try:
            records = await _uninterrupted(self._store_batch())
        except BaseException:
            # Whether the commit went through, only the store knows: ask it again.
            self._folder.close()
            self.progress.is_store_up = False
            raise
        self.progress.is_store_up = True
        return records

    @property
    def _batch_records(self) -> int:
        usual = _SQLITE_BATCH if is_sqlite(writer()) else _POSTGRES_BATCH
        return usual if self._chosen_batch is None else self._chosen_batch

    async def drain(self) -> int:
        """Store everything that lies in the spools now; return how many clicks."""
        before = self.progress.stored
        while await self.step() > 0:
            pass
        return self.progress.stored - before

    def record_bytes(self) -> int:
        """Return how many bytes of records, stored or not, lie in the folder."""
        return self._folder.record_bytes()

    def close(self) -> None:
        """Let go of the files."""
        self._folder.close()

    async def _store_batch(self) -> int:
        began_at = self._context.ports.clock.now()
        new = self._folder.discover()
        if new:
            self._folder.place(await positions(new))
        slices = self._folder.read(self._batch_records)
        if slices:
            stored = await self._ingestion.store(self._context, slices, is_live=self._is_live)
            self._folder.confirm(slices)
            self.progress.stored += stored
            self._has_news = True
        finished = self._folder.finished()
        for file_id in finished:  # noted first: a file without a note is never forgotten
            await finish_file(self._context, file_id)
        self._folder.remove(finished)
        if self._is_live and self._folder.is_read_to_the_end:
            await self._note_progress(began_at - _TURN)
        damaged = sum(part.damaged for part in slices)
        self.progress.damaged += damaged
        self.progress.waiting_bytes = self._folder.waiting_bytes()
        self.progress.too_new_files = self._folder.too_new
        self.progress.stored_bytes = self._folder.stored_bytes()
        self.progress.oldest_us = self._folder.oldest_us()
        self.progress.is_caught_up = self._folder.is_read_to_the_end
        return damaged + sum(len(part.clicks) for part in slices)

    async def _note_progress(self, complete_to: datetime) -> None:
        if complete_to - self._noted >= (_NOTE_EVERY if self._has_news else _NOTE_IDLE):
            await note_progress(source=self._folder.source(), complete_to=complete_to)
            self._noted, self._has_news = complete_to, False


def spare_the_collector() -> None:
    """Let the garbage collector pass by what was loaded so far, which lives for ever.

    Every batch makes some 100,000 tuples, and the collector would walk the tables of
    patterns each time: 15 % of a batch's processor time.
    """
    gc.collect()
    gc.freeze()


async def _uninterrupted(work: Coroutine[Any, Any, int]) -> int:
    """Await the work; a cancellation takes effect when the work is done, or does not end."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_END_S)
        if task.done() and not task.cancelled():
            task.exception()  # taken notice of: who cancels does not want it
        raise


async def _first_of(*waits: Coroutine[Any, Any, object], timeout_s: float) -> None:
    """Return when one of the waits is over, or after some seconds; the others are ended."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
