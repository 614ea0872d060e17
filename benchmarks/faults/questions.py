"""GraphQL requests beside the load, each on a connection of its own."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from benchmarks.service import Service

_BODY: Final = json.dumps({"query": "{ portal { name } }"}).encode()
_ANSWER: Final = b'{"data":{"portal":{"name":"Linkyard"}}}'
_TIMEOUT_S: Final = 15.0
_PAUSE_S: Final = 0.01


@dataclass(slots=True)
class Questions:
    """Asks for the portal's name until the `async with` block ends.

    Attributes:
        answered: whole and right answers.
        failed: what became of the others, but for those that nobody accepted.
    """

    service: Service
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None
    _stopping: bool = False

    async def __aenter__(self) -> Self:
        self._stopping = False
        self._task = asyncio.create_task(self._ask_again_and_again())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        if self._task is not None:
            await self._task

    async def _ask_again_and_again(self) -> None:
        while not self._stopping:
            try:
                async with asyncio.timeout(1.0):
                    reader, writer = await asyncio.open_connection(*self.service.address)
            except (OSError, TimeoutError):
                continue  # nobody accepted it: the service is ending
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await self._ask(reader, writer)
            except (OSError, EOFError, TimeoutError) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            finally:
                writer.close()
            await asyncio.sleep(_PAUSE_S)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {self.service.host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
        )
        writer.write(head.encode() + _BODY)
        answer = await reader.read()
        if answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(_ANSWER):
            self.answered += 1
        else:
            self.failed.append(f"{answer[:80]!r}")
