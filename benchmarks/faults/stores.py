"""The database and Redis stopped, frozen and emptied under load."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from typing import Final

import asyncpg
from redis import Redis as RedisClient

from benchmarks.faults.findings import Findings
from benchmarks.faults.trial import IN_FORCE_S, SERVING_AGAIN_S, Trial, trial
from benchmarks.service import ServiceError
from tests.servers import (
    Postgres,
    Redis,
    database_url,
    private_postgres,
    private_redis,
    stoppable_postgres,
    stoppable_redis,
)

_RECOVERY_S: Final = 15.0  # until changes are in force again after the store came back
_RETRY_S: Final = 0.1
_names = (f"faults_{number}" for number in count())


@dataclass(frozen=True, slots=True)
class _Outage:
    """What is taken away for a while.

    Attributes:
        store_is_down: no link can be made meanwhile.
    """

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    store_is_down: bool = field(kw_only=True)


@asynccontextmanager
async def standard_mode() -> AsyncIterator[dict[str, str]]:
    """Run a PostgreSQL and a Redis; yields the settings that name them."""
    with private_postgres() as server, private_redis() as redis_url:
        yield {"DATABASE_URL": await new_database(server), "REDIS_URL": redis_url}


async def stores(findings: Findings, *, hold_s: float) -> None:
    """Take each store away in each way for so many seconds, and restart web processes meanwhile."""
    with stoppable_postgres() as postgres, stoppable_redis() as redis:
        settings = {"DATABASE_URL": await new_database(postgres.url), "REDIS_URL": redis.url}
        async with trial(findings, settings) as subject:
            async with subject.client(requests_per_s=600):
                for outage in _outages(postgres, redis):
                    await _endure(subject, outage, hold_s)
            await subject.check_answers()
            await subject.check_clicks()


def _outages(postgres: Postgres, redis: Redis) -> list[_Outage]:
    return [
        _Outage("database stopped", postgres.stop, postgres.start, store_is_down=True),
        _Outage("database frozen", postgres.freeze, postgres.thaw, store_is_down=True),
        _Outage("Redis stopped", redis.stop, redis.start, store_is_down=False),
        _Outage("Redis frozen", redis.freeze, redis.thaw, store_is_down=False),
        _Outage("Redis flushed", lambda: _flush(redis.url), lambda: None, store_is_down=False),
        _Outage(
            "both stopped",
            lambda: _each(postgres.stop, redis.stop),
            lambda: _each(redis.start, postgres.start),
            store_is_down=True,
        ),
    ]


async def _endure(subject: Trial, outage: _Outage, hold_s: float) -> None:
    findings, probe = subject.findings, subject.probe()
    outage.begin()
    try:
        await asyncio.sleep(hold_s)
        await _look(subject, outage)
        await subject.kill_web()
        again_s = await subject.serving_again(probe)
        replaced_s = await subject.replace_web()
        if not outage.store_is_down:
            findings.at_most(
                f"{outage.name}: a new link redirects meanwhile",
                await subject.change_in_force(),
                IN_FORCE_S,
            )
    finally:
        outage.end()
    back = time.monotonic()
    findings.at_most(f"{outage.name}: a killed web process redirects", again_s, SERVING_AGAIN_S)
    findings.state(f"{outage.name}: all web processes replaced after", f"{replaced_s:.2f} s")
    await _until_link_can_be_made(subject)
    findings.at_most(
        f"{outage.name}: changes in force after its end", time.monotonic() - back, _RECOVERY_S
    )
    await subject.clicks_arrive()
    findings.at_most(
        f"{outage.name}: clicks of the outage stored after its end",
        time.monotonic() - back,
        _RECOVERY_S,
    )


async def _look(subject: Trial, outage: _Outage) -> None:
    """Ask /readyz, which must answer soon and tell what is away."""
    started = time.monotonic()
    report = await asyncio.to_thread(subject.service.get, "/readyz")
    findings, took_s = subject.findings, time.monotonic() - started
    findings.at_most(f"{outage.name}: /readyz answers", took_s, SERVING_AGAIN_S)
    findings.equal(
        f"{outage.name}: /readyz, store ok",
        report.json()["store"]["ok"],
        not outage.store_is_down,
    )


async def _until_link_can_be_made(subject: Trial) -> None:
    deadline = time.monotonic() + _RECOVERY_S
    while True:
        try:
            await subject.change_in_force()
        except (ServiceError, OSError, HTTPException):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _each(*calls: Callable[[], None]) -> None:
    for call in calls:
        call()


def _flush(redis_url: str) -> None:
    with closing(RedisClient.from_url(redis_url)) as client:
        client.flushall()


async def new_database(server: str) -> str:
    """Make an empty database of a server and return its URL."""
    name = next(_names)
    connection = await asyncpg.connect(database_url(server, "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return database_url(server, name)
