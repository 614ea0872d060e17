"""A service under load, what may be done to it, and the comparison at the end."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import psutil

from benchmarks.faults.findings import Findings
from benchmarks.load_client import Ledger, Load, LoadClient
from benchmarks.service import Service, ServiceError, service

SERVING_AGAIN_S: Final = 5.0
IN_FORCE_S: Final = 1.0
_ARRIVAL_S: Final = 60.0  # how long clicks may take to the tables after the load
_START_S: Final = 30.0  # until killed processes have successors
_POLL_S: Final = 0.05
_FRESH_CONNECTIONS: Final = 16  # enough that every listening socket gets some of them
_LINKS: Final = 500
REDIRECTS: Final = "linkyard_redirects_total"
LOST: Final = "linkyard_clicks_lost_total"
_POLLS: Final = "poll-"  # request ids of the trial's own look-ups

_CREATE: Final = """
mutation ($input: LinkCreateInput!) {
  linkCreate(input: $input) {
    __typename
    ... on LinkCreateSuccess { link { id slug } }
    ... on Problem { code message }
  }
}
"""


@dataclass(slots=True, kw_only=True)
class Trial:
    """One service with links, the clients that follow them, and what was done to it.

    Attributes:
        targets: where each slug must lead.
        excused: client port of every connection that a killed process had open, and
            when it was killed; requests on these alone may stay without an answer.
    """

    service: Service
    findings: Findings
    targets: dict[str, str]
    random: random.Random
    excused: dict[int, list[float]] = field(default_factory=dict)
    clients: list[LoadClient] = field(default_factory=list)
    _killed: set[int] = field(default_factory=set)
    _polls: int = 0
    _made: int = 0

    def client(self, **load: Any) -> LoadClient:  # noqa: ANN401 - fields of Load
        """Return a new load client for all links, whose history the comparison includes."""
        plan = Load(
            address=self.service.address, host=self.service.host, targets=self.targets, **load
        )
        self.clients.append(LoadClient(plan, self.service.folder))
        return self.clients[-1]

    # What is done to it

    async def kill_web(self) -> int:
        """Kill -9 a random web process and excuse exactly the connections it had open."""
        return self._kill(self.random.choice(await self.web_pids()))

    async def kill_worker(self) -> int:
        """Kill -9 the worker."""
        return self._kill((await self.worker_pids())[0])

    def _kill(self, pid: int) -> int:
        os.kill(pid, signal.SIGSTOP)  # nothing is accepted between the look and the kill
        self.excuse(pid)
        os.kill(pid, signal.SIGKILL)
        self._killed.add(pid)
        return pid

    def excuse(self, pid: int) -> None:
        """Note that this process is dying, and with it the connections it has open now."""
        now = time.monotonic()
        with suppress(psutil.NoSuchProcess):
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.raddr and connection.laddr.port == self.service.port:
                    self.excused.setdefault(connection.raddr.port, []).append(now)

    async def replace_web(self, timeout_s: float = 60.0) -> float:
        """SIGHUP; return the seconds until every web process is another one."""
        before = set(await self.web_pids())
        started = time.monotonic()
        assert self.service.process is not None  # noqa: S101 - a trial has a running service
        self.service.process.send_signal(signal.SIGHUP)
        await self.until(
            lambda: not before & set(self.service.children()),
            timeout_s,
            "the old web processes end",
        )
        await self.web_pids()
        return time.monotonic() - started

    # What is seen of it

    async def web_pids(self) -> list[int]:
        """Return the web processes, as soon as all of them are there."""
        wanted = int(self.service.settings["PROCESSES"])
        return await self._pids(self.service.web_pids, wanted)

    async def worker_pids(self) -> list[int]:
        """Return the worker, as soon as it is there."""
        return await self._pids(self.service.worker_pids, 1)

    async def _pids(self, look: Callable[[], list[int]], wanted: int) -> list[int]:
        """Wait for so many processes that were not killed before."""
        found: list[int] = []

        def are_there() -> bool:
            found[:] = [pid for pid in look() if pid not in self._killed]
            return len(found) >= wanted

        await self.until(are_there, _START_S, "all processes are there")
        return found

    async def serving_again(self, probe: LoadClient) -> float:
        """Return the seconds until fresh connections, enough for all processes, are answered."""
        started = time.monotonic()
        await probe.burst(_FRESH_CONNECTIONS)
        return time.monotonic() - started

    def probe(self) -> LoadClient:
        """Return a client for `serving_again`: every request has a connection of its own."""
        return self.client(
            connections=_FRESH_CONNECTIONS, requests_per_s=0, requests_per_connection=1
        )

    async def change_in_force(self) -> float:
        """Make a link by GraphQL; return the seconds from the answer until it redirects."""
        self._made += 1
        slug, url = f"made-{self._made}", f"https://example.org/made/{self._made}"
        variables = {"input": {"url": url, "slug": slug}}
        made = await asyncio.to_thread(self.service.graphql, _CREATE, variables)
        if made["linkCreate"]["__typename"] != "LinkCreateSuccess":
            raise ServiceError(f"linkCreate: {made}")
        started = time.monotonic()
        await self.until_redirects(slug, url)
        return time.monotonic() - started

    async def until_redirects(self, slug: str, url: str, timeout_s: float = 30.0) -> None:
        """Return when this link leads where it must, on several connections in a row."""

        def leads() -> bool:
            for _ in range(4):
                self._polls += 1
                headers = {"X-Request-Id": f"{_POLLS}{self._polls}"}
                answer = self.service.get(f"/{quote(slug)}", headers)
                if (answer.status, answer.headers.get("location")) != (HTTPStatus.FOUND, url):
                    return False
            return True

        await self.until(leads, timeout_s, f"{slug} redirects")

    async def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Poll in a thread until something holds; return the seconds it took."""
        started = time.monotonic()
        while not await asyncio.to_thread(holds):
            if time.monotonic() - started > timeout_s:
                raise TimeoutError(f"not within {timeout_s:g} s: {what}")
            await asyncio.sleep(_POLL_S)
        return time.monotonic() - started

    # The comparison

    def ledger(self) -> Ledger:
        """Read every history back from the disk."""
        ledger = Ledger()
        for client in self.clients:
            ledger.add(client.history.path)
        return ledger

    def stored(self) -> list[tuple[str, str]]:
        """Return request id and slug of every stored click, but the trial's own look-ups."""
        statement = (
            "SELECT click.request_id, link.slug "
            "FROM click LEFT JOIN link ON link.id = click.link_id"
        )
        rows = self.service.rows(statement)
        return [(str(i), str(slug)) for i, slug in rows if not str(i).startswith(_POLLS)]

    async def clicks_arrive(self) -> float:
        """Return the seconds until every answered click is in the tables."""
        answered = self.ledger().answered
        return await self.until(
            lambda: answered <= {request_id for request_id, _ in self.stored()},
            _ARRIVAL_S,
            "all answered clicks are stored",
        )

    async def check_answers(self) -> None:
        """Every answer was the right redirect; only kills left requests without one."""
        for_all = self.clients
        self.findings.state("requests sent", sum(client.sent for client in for_all))
        self.findings.state("answered", sum(client.answered for client in for_all))
        self.findings.equal(
            "answers that led to a wrong target", sum(c.wrong_targets for c in for_all), 0
        )
        statuses = sorted({status for client in for_all for status in client.statuses})
        self.findings.equal("statuses", statuses, [int(HTTPStatus.FOUND)])
        self.findings.none_of("other answers", [line for c in for_all for line in c.wrong])
        cuts = sum(len(client.cuts) for client in for_all)
        self.findings.state("requests that a kill cut", cuts)
        left = [cut for client in for_all for cut in client.cuts_outside(self.excused)]
        self.findings.none_of("other requests without an answer", [str(cut) for cut in left])
        self.findings.equal("failed connects", sum(c.unconnected for c in for_all), 0)

    async def check_clicks(self) -> None:
        """Answered is contained in stored, stored in sent, none twice, no half row."""
        with suppress(TimeoutError):
            self.findings.state("clicks all stored after", f"{await self.clicks_arrive():.2f} s")
        ledger = self.ledger()
        stored = await asyncio.to_thread(self.stored)
        ids = {request_id for request_id, _ in stored}
        self.findings.state("clicks stored", len(stored))
        self.findings.none_of("answered, not stored", sorted(ledger.answered - ids))
        self.findings.none_of("stored, not sent", sorted(ids - ledger.sent.keys()))
        self.findings.equal("stored twice", len(stored) - len(ids), 0)
        astray = [i for i, slug in stored if i in ledger.sent and ledger.sent[i] != slug]
        self.findings.none_of("stored for another link", astray)
        await self.check_rows()

    async def check_rows(self) -> None:
        """Counters, rollups, raw clicks and spool positions agree."""
        verified = await asyncio.to_thread(self.service.cli, "clicks", "verify")
        found = verified.stdout.splitlines() + verified.stderr.splitlines()
        self.findings.none_of("differences by clicks verify", found if verified.returncode else [])


def links(count: int = _LINKS) -> dict[str, str]:
    """Return targets by slug; every tenth slug is Cyrillic."""
    slugs = (f"ссылка-{n}" if n % 10 == 0 else f"link-{n}" for n in range(count))
    return {slug: f"https://example.org/{n}?of={count}" for n, slug in enumerate(slugs)}


@asynccontextmanager
async def trial(
    findings: Findings, settings: Mapping[str, str] | None = None, *, seed: int = 1
) -> AsyncIterator[Trial]:
    """Start a service with links that all redirect; end it afterwards, whatever it became."""
    # One client asks for all: limits of requests would refuse what faults must not.
    unlimited = {"KEY_PER_MINUTE": "0", "ANONYMOUS_PER_MINUTE": "0"}
    with service({**unlimited, **(settings or {})}, start=False) as running:
        subject = Trial(
            service=running,
            findings=findings,
            targets=links(),
            random=random.Random(seed),  # noqa: S311 - moments and victims, repeatable
        )
        try:
            await asyncio.to_thread(running.start)
            await asyncio.to_thread(running.import_links, subject.targets)
            slug, url = list(subject.targets.items())[-1]
            await subject.until_redirects(slug, url)
            yield subject
        except Exception as error:
            error.add_note(running.last_words())
            raise
        finally:
            for client in subject.clients:
                client.close()
