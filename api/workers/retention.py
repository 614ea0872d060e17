"""The loop that deletes what is kept for a time only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

import structlog

from api.adapters.spool_folder import spool_sizes
from api.adapters.stale_files import delete_stale_files
from api.data_folder import DataFolder
from api.workers.pacing import wait_for
from resolvers.context import RequestContext
from resolvers.retention import (
    EDGE_MOVES_US,
    move_click_edge,
    prune_clicks,
    prune_link_changes,
    prune_mails,
    prune_one_time_tokens,
    prune_replays,
    prune_sessions,
    prune_spool_positions,
    prune_throttles,
)

Prune: TypeAlias = Callable[[RequestContext], Awaitable[int]]
_NONE: Final[Mapping[str, Prune]] = MappingProxyType({})
_EVERY_S: Final = 3600.0
_PAUSE_S: Final = 0.05  # between batches: other writers come first

_log = structlog.stdlib.get_logger("linkyard.worker")


class RetentionWorker:
    """Deletes in small batches. Several machines may do so at once; it does no harm."""

    def __init__(
        self,
        context: RequestContext,
        *,
        click_days: int,
        folder: DataFolder | None = None,
        prunes: Mapping[str, Prune] = _NONE,
    ) -> None:
        """Delete nothing yet.

        Args:
            context: of the worker.
            click_days: how long single clicks are kept.
            folder: whose stale files are deleted too; None leaves all files alone.
            prunes: what is deleted beside that, by name.
        """
        self._context = context
        self._click_days = click_days
        self._folder = folder
        self._prunes = prunes

    async def run(self, *, stop: asyncio.Event) -> None:
        """Step every hour until `stop`. Files go also while the store is away."""
        while not stop.is_set():
            await self._delete_files()
            try:
                await self.step(pause_s=_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - the store is away: the next time then
                _log.warning("nothing is deleted while the store is away", error=repr(error))
            await wait_for(stop, _EVERY_S)

    async def _delete_files(self) -> None:
        if self._folder is None:
            return
        try:
            await asyncio.to_thread(delete_stale_files, self._folder)
        except OSError as error:
            _log.warning("stale files could not be deleted", error=str(error))

    async def _present(self) -> frozenset[str]:
        """Return the ids of all spools on this machine, also those of imports."""
        if self._folder is None:
            return frozenset()
        spools = await asyncio.to_thread(spool_sizes, self._folder.spool)
        return frozenset(spools) | frozenset(
            await asyncio.to_thread(spool_sizes, self._folder.imports)
        )

    async def _click_edge_us(self) -> int:
        edge = await move_click_edge(self._context, kept_days=self._click_days)
        if edge is None:
            return 0
        if edge.behind_us:
            _log.warning(
                "single clicks are deleted a day at a time: was the clock set, or the service off?",
                days_behind=round(edge.behind_us / EDGE_MOVES_US, 1),
            )
        return edge.edge_us

    async def step(self, *, pause_s: float = 0.0) -> dict[str, int]:
        """Delete everything that is due; return how many rows of what."""
        prunes: dict[str, Prune] = {
            "clicks": partial(prune_clicks, edge_us=await self._click_edge_us()),
            "link_changes": prune_link_changes,
            "mails": prune_mails,
            "replays": prune_replays,
            "sessions": prune_sessions,
            "one_time_tokens": prune_one_time_tokens,
            "throttles": prune_throttles,
            "spool_positions": partial(prune_spool_positions, present=await self._present()),
            **self._prunes,
        }
        deleted = dict.fromkeys(prunes, 0)
        for name, prune in prunes.items():
            while count := await prune(self._context):
                deleted[name] += count
                await asyncio.sleep(pause_s)
        return deleted
