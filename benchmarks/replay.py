"""Visitors taken from an access log: each line is sent again, as its visitor sent it.

The client notes every answer on disk before it counts it, so that what was
answered is known even if the client itself dies.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

_CONNECTIONS: Final = 32
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_OURS: Final = ("User-Agent", "Accept", "Accept-Encoding")  # what aiohttp would add of its own
_LED: Final = "302"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One line of a log that is a click, and the link that it now means."""

    request_id: str
    method: str
    slug: str
    target: str
    address: str
    referrer: str
    agent: str

    def headers(self, host: str) -> dict[str, str]:
        """Return the head of the request; what the log has not, the visitor did not send."""
        sent = {
            "Host": host,
            "X-Forwarded-For": self.address,
            "X-Request-Id": self.request_id,
            "Referer": self.referrer,
            "User-Agent": self.agent,
        }
        return {name: value for name, value in sent.items() if value}


class Replay:
    """Sends visits over a few connections that stay open, and keeps what came back.

    Attributes:
        answered: request ids of the visits that were led to the right target.
        wrong: how often each other outcome was met, by status or name of the error.
    """

    def __init__(self, *, port: int, host: str, history: Path) -> None:
        """Say where to send to.

        Args:
            port: of the server, on the loopback.
            host: value of the Host header.
            history: file that each answer is appended to before it counts.
        """
        self.answered: set[str] = set()
        self.wrong: Counter[str] = Counter()
        self._base = f"http://127.0.0.1:{port}"
        self._host = host
        self._history = history

    async def send(self, visits: Iterable[Visit], *, advance: Callable[[], None]) -> None:
        """Send every visit once, about in their order; `advance` is called after each answer."""
        rest = iter(visits)
        with self._history.open("ab", buffering=0) as notes:
            async with aiohttp.ClientSession(
                self._base,
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
                skip_auto_headers=_OURS,
                timeout=_TIMEOUT,
            ) as session:

                async def visitor() -> None:
                    for visit in rest:
                        outcome = await self._outcome(session, visit)
                        notes.write(f"{visit.request_id} {outcome}\n".encode())
                        self._count(visit, outcome)
                        advance()

                await asyncio.gather(*(visitor() for _ in range(_CONNECTIONS)))

    def _count(self, visit: Visit, outcome: str) -> None:
        if outcome == _LED:
            self.answered.add(visit.request_id)
        else:
            self.wrong[outcome] += 1

    async def _outcome(self, session: aiohttp.ClientSession, visit: Visit) -> str:
        """Return _LED, or in one word what was wrong with the answer."""
        headers = visit.headers(self._host)
        try:
            async with session.request(
                visit.method, f"/{visit.slug}", headers=headers, allow_redirects=False
            ) as answer:
                if str(answer.status) == _LED and answer.headers.get("Location") != visit.target:
                    return "another target"
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
