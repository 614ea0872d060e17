"""A comparison of a password that stops half way, so that something can happen meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from resolvers.context import RequestContext
from resolvers.ports import PasswordHasher, PasswordVerdict
from resolvers.sessions import StartedSession


class StoppedHasher:
    """The real hasher, whose answer to a comparison is held back until a test lets it go."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self.has_compared = asyncio.Event()
        self.may_tell = asyncio.Event()

    async def hash(self, password: str) -> str:
        """See PasswordHasher.hash."""
        return await self._hasher.hash(password)

    async def verify(self, password: str, stored: str | None) -> PasswordVerdict:
        """See PasswordHasher.verify."""
        verdict = await self._hasher.verify(password, stored)
        self.has_compared.set()
        await self.may_tell.wait()
        return verdict


@asynccontextmanager
async def stopped(
    context: RequestContext, work: Callable[[RequestContext], Awaitable[StartedSession]]
) -> AsyncGenerator[asyncio.Task[StartedSession]]:
    """Begin the work, stop it once it has compared a password, and let it go at the end."""
    hasher = StoppedHasher(context.ports.passwords)
    slow = replace(context, ports=replace(context.ports, passwords=hasher))
    task = asyncio.ensure_future(work(slow))
    await hasher.has_compared.wait()
    yield task
    hasher.may_tell.set()
    await asyncio.wait([task])
