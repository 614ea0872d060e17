"""SQLite for several processes: every transaction starts as a writer.

Tortoise 1.1 opens transactions with a plain BEGIN. Two processes that read and
then write in such a transaction fail with "database is locked" at once, however
long the busy timeout (measured: 33 to 60 % of them). BEGIN IMMEDIATE waits.
"""

import asyncio
import sqlite3
from types import TracebackType
from typing import cast

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError

from models.engines.commits import committed


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that holds the write lock from its first moment."""

    async def begin(self) -> None:
        """Take the write lock, waiting up to the busy timeout.

        Raises:
            OperationalError: another process held the lock for all that time.
        """
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class ImmediateTransactionContext(SqliteTransactionContext):
    """Gives the connection back when the transaction could not begin.

    The stock context keeps its lock for ever after a failed or cancelled BEGIN.
    """

    async def __aenter__(self) -> TransactionalDBClient:
        """Wait for this process's turn, then for the other processes' writers."""
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            try:
                if self.connection._connection is not None:  # noqa: SLF001 - not even connected
                    # A cancelled BEGIN may still run in the driver's thread; ROLLBACK queues
                    # behind it.
                    await asyncio.shield(self.connection.rollback())
            finally:
                self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return cast("TransactionalDBClient", self.connection)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or after an error roll back."""
        await super().__aexit__(kind, error, traceback)
        if error is None:
            await committed(cast("TransactionalDBClient", self.connection))


class ReleasingConnection(ConnectionWrapper[aiosqlite.Connection]):
    """One use of the connection, which also ends when the file cannot be opened.

    The stock wrapper keeps its lock for ever after a failed or cancelled opening.
    """

    async def __aenter__(self) -> aiosqlite.Connection:
        """Wait for this process's turn, and open the file if that was not done."""
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class ImmediateSqliteClient(SqliteClient):
    """The engine named `models.engines.sqlite` in models.orm."""

    def acquire_connection(self) -> ReleasingConnection:
        """Return the connection for one statement."""
        return ReleasingConnection(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


client_class = ImmediateSqliteClient
