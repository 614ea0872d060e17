"""SQLite for readers: several connections, of which each statement takes one that is free.

A statement that runs longer than the deadline is interrupted, and so is one that
nobody waits for any more; SQLite then answers SQLITE_INTERRUPT.
"""
# A member is opened and closed as Tortoise does it, and interrupted from outside its thread.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, cast

import aiosqlite
from tortoise.backends.base.client import ConnectionWrapper
from tortoise.backends.sqlite.client import SqliteClient

from models.engines.turns import own_turn

_AT_ONCE: Final = 1  # statements of one operation


class SqliteReaders(SqliteClient):
    """The engine named `models.engines.sqlite_readers` in models.orm. Not for transactions."""

    def __init__(
        self,
        file_path: str,
        *,
        readers: int,
        deadline_s: float | None,
        **pragmas: Any,  # noqa: ANN401 - of any type
    ) -> None:
        """Args: deadline_s is of one statement; None sets no limit."""
        super().__init__(file_path, **pragmas)
        self.deadline_s = deadline_s
        self.members = [SqliteClient(file_path, **pragmas) for _ in range(readers)]
        self.free = self.members.copy()
        self.places = asyncio.Semaphore(readers)

    def acquire_connection(self) -> "Lent":
        """Return what lends a connection for one statement."""
        return Lent(self)

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - of Tortoise
        """Do nothing: each member connects when it is first lent."""

    async def close(self) -> None:
        """Close every member."""
        for member in self.members:
            await member.close()


class Lent(ConnectionWrapper[aiosqlite.Connection]):
    """One statement's use of a member: waited for, timed, and given back."""

    def __init__(self, readers: SqliteReaders) -> None:
        self._readers = readers
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> aiosqlite.Connection:
        """Wait for the operation's turn, then for a member; open its file if that was not done."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(own_turn(_AT_ONCE))
            await stack.enter_async_context(self._readers.places)
            member = self._readers.free.pop()
            stack.callback(self._readers.free.append, member)
            if member._connection is None:
                await member.create_connection(with_db=True)
            connection = cast("aiosqlite.Connection", member._connection)
            if self._readers.deadline_s is not None:
                loop = asyncio.get_running_loop()
                timer = loop.call_later(self._readers.deadline_s, connection._conn.interrupt)
                stack.callback(timer.cancel)
            self._stack = stack.pop_all()
            self._connection = connection
        return connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the member back, also when the statement is still running."""
        if isinstance(error, asyncio.CancelledError):
            self._connection._conn.interrupt()
        await self._stack.aclose()


client_class = SqliteReaders
