"""The loop that counts the visitors of each hour, and deletes salts when their time is over."""

import asyncio
from typing import Final

from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.ports import VisitorSalts
from resolvers.visitors import count_hour

_EVERY_S: Final = 30.0


class VisitorWorker:
    """One per machine. Several may count the same hour; it does no harm."""

    def __init__(self, context: RequestContext, *, salts: VisitorSalts) -> None:
        self._context = context
        self._salts = salts
        self._before: int | None = None  # where this round goes on

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        await keep_doing("visitors", self.step, wake=asyncio.Event(), every_s=_EVERY_S)

    async def step(self) -> bool:
        """Count one hour; return whether this round may have another one. Old salts go first."""
        if self._before is None:
            await self._salts.forget_old(now=self._context.ports.clock.now())
        self._before = await count_hour(self._context, before=self._before)
        return self._before is not None
