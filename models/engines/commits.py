"""What is done right after a transaction was committed, and not at all if it was not.

For wake-ups alone: nothing that has to happen may depend on it, because a process can end
between the two. Work of an inner transaction (a savepoint) is never done.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from tortoise.backends.base.client import BaseDBAsyncClient

Work: TypeAlias = Callable[[], Awaitable[None]]
_waiting: Final[WeakKeyDictionary[BaseDBAsyncClient, list[Work]]] = WeakKeyDictionary()


def after_commit(connection: BaseDBAsyncClient, work: Work) -> None:
    """Have work done once the open transaction of the connection is committed.

    Args:
        connection: what `in_transaction` returned.
        work: is awaited before the transaction's block is left; must not raise. The same
            work given twice is done once.
    """
    works = _waiting.setdefault(connection, [])
    if work not in works:
        works.append(work)


async def committed(connection: BaseDBAsyncClient) -> None:
    """Do what was left for this moment; for the engines."""
    for work in _waiting.pop(connection, []):
        await work()
