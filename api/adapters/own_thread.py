"""A thread of one's own for a client that blocks."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    call: Callable[[], T]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T]

    def do(self) -> None:
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for it
            self._tell(partial(self.answer.set_exception, error))
        else:
            self._tell(partial(self.answer.set_result, result))

    def _tell(self, say: Callable[[], None]) -> None:
        def say_if_asked() -> None:
            if not self.answer.done():  # else whoever asked was cancelled
                say()

        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(say_if_asked)


class OwnThread:
    """Does one call after the other. Nobody waits for it at the end of the process.

    Whoever stops waiting for a call has to make it end, for example by its socket.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(call, loop, answer))
        return await answer

    def end(self, last: Callable[[], None]) -> None:
        """Let the thread end after a last call, which must not raise; does not wait."""
        loop = asyncio.get_running_loop()
        self._jobs.put(_Job(last, loop, loop.create_future()))
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
