"""The fault scenarios by name, each in its full and its short form."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.faults.counters import counters
from benchmarks.faults.damage import blind, damage
from benchmarks.faults.disk import disk
from benchmarks.faults.findings import Findings
from benchmarks.faults.heads import heads
from benchmarks.faults.kills import backlog, kills
from benchmarks.faults.replacement import replacement, shutdown
from benchmarks.faults.stores import standard_mode, stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One named fault.

    Attributes:
        title: what is done, as the report says it.
        run: fills the findings; the flag chooses the short form.
        is_standard: needs PostgreSQL and Redis, which it starts itself.
        is_in_tests: its short form is part of `make test`, which must stay short.
        timeout_s: of the full form; a scenario that takes longer has failed.
    """

    title: str
    run: Callable[[Findings, bool], Awaitable[None]]
    is_standard: bool = False
    is_in_tests: bool = True
    timeout_s: float = 1200.0


async def _kills(findings: Findings, short: bool) -> None:  # noqa: FBT001 - Scenario.run
    await kills(findings, count=6 if short else 200)


async def _kills_standard(findings: Findings, short: bool) -> None:  # noqa: FBT001
    async with standard_mode() as settings:
        await kills(findings, count=6 if short else 200, settings=settings)


async def _backlog(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await backlog(findings, rounds=1 if short else 10)


async def _backlog_standard(findings: Findings, short: bool) -> None:  # noqa: FBT001
    async with standard_mode() as settings:
        await backlog(findings, rounds=1 if short else 10, settings=settings)


async def _stores(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await stores(findings, hold_s=0.5 if short else 5.0)


async def _damage(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await damage(findings, kinds=3 if short else 8)


async def _blind(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await blind(findings, hold_s=1.0 if short else 5.0)


async def _disk(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await disk(findings, hold_s=0.5 if short else 3.0)


async def _replacement(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await replacement(findings, rounds=2 if short else 20)


async def _shutdown(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await shutdown(findings, rounds=1 if short else 10)


async def _counters(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await counters(findings, kills=3 if short else 20, requests=200 if short else 1000)


async def _heads(findings: Findings, short: bool) -> None:  # noqa: FBT001
    await heads(findings, count=4_000 if short else 1_000_000)


SCENARIOS: Final[dict[str, Scenario]] = {
    "kills": Scenario(title="kill -9 of web and worker under load, SQLite", run=_kills),
    "kills-standard": Scenario(
        title="kill -9 of web and worker under load, PostgreSQL and Redis",
        run=_kills_standard,
        is_standard=True,
    ),
    "backlog": Scenario(
        title="kill -9 of the worker while it takes in a backlog, SQLite",
        run=_backlog,
        is_in_tests=False,
    ),
    "backlog-standard": Scenario(
        title="kill -9 of the worker while it takes in a backlog, PostgreSQL",
        run=_backlog_standard,
        is_standard=True,
        is_in_tests=False,
    ),
    "stores": Scenario(
        title="database and Redis stopped, frozen and flushed under load",
        run=_stores,
        is_standard=True,
    ),
    "damage": Scenario(title="replica cut short or overwritten with noise", run=_damage),
    "blind": Scenario(
        title="replica damaged while the database is away", run=_blind, is_standard=True
    ),
    "disk": Scenario(title="no room for the spool", run=_disk),
    "replacement": Scenario(title="rolling replacement of every web process", run=_replacement),
    "shutdown": Scenario(title="SIGTERM of the whole service under load", run=_shutdown),
    "counters": Scenario(title="sums of /metrics over killed processes", run=_counters),
    "heads": Scenario(
        title="a million generated requests, fast path against aiohttp",
        run=_heads,
        timeout_s=2400.0,
    ),
}
