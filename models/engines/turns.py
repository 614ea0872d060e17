"""Whoever asks much at once waits for themselves: how many statements one operation runs.

Connections are few. An operation that sends thirty statements would have all of
them, and everybody else would stand in line behind it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final


class _Turn:
    """The line of one operation, made when the engine first says how long it may be."""

    def __init__(self) -> None:
        self.line: asyncio.Semaphore | None = None


_turn: Final[ContextVar[_Turn | None]] = ContextVar("turn", default=None)


def begin_turn() -> None:
    """Let this task, and those it starts from now on, share one line."""
    _turn.set(_Turn())


@asynccontextmanager
async def own_turn(at_once: int) -> AsyncGenerator[None]:
    """Wait until fewer than `at_once` statements of the operation run; without one, do not."""
    turn = _turn.get()
    if turn is None:
        yield
        return
    if turn.line is None:
        turn.line = asyncio.Semaphore(at_once)
    async with turn.line:
        yield
