"""The loop that looks after the clocks of the service terms."""

import asyncio
from typing import Final

from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.service_book import renew_for_holidays
from resolvers.service_sweep import is_swept, sweep_clocks

_EVERY_S: Final = 5.0


class ServiceTermsWorker:
    """One per machine. Several share the work: the ticket's lock keeps them apart."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._is_new = True

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        await keep_doing("service terms", self.step, wake=asyncio.Event(), every_s=_EVERY_S)

    async def step(self) -> bool:
        """Note what is due; return whether there is more of it."""
        if self._is_new:
            await renew_for_holidays()
            self._is_new = False
        await sweep_clocks(self._context)
        return not await is_swept(self._context)
