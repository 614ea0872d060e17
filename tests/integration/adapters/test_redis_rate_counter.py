"""Rate limits with Redis: counted there, and held while it is killed, frozen or emptied."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest
from redis import asyncio as aioredis

from api.adapters.redis_rate_counter import RedisRateCounter
from models.orm import sqlite_path
from models.rules.moments import microseconds_of
from models.rules.rate_limits import RULES, RateLimit, Spending, WindowRule
from models.store_failures import is_store_failure
from models.throttles import Throttle
from resolvers.rate_counters import RateCounters
from tests.fakes import FixedClock
from tests.servers import Redis, stoppable_redis

KEY = bytes(32)
NAME = "f" * 64
SUBJECT = "192.0.2.7"
PATIENCE_S = 5.0  # of calls that must go through: this machine may be busy
HASTE_S = 0.05  # of calls that cannot


@dataclass
class Monotonic:
    """A clock that the breaker reads."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now_s


@dataclass
class Process:
    """What one process has: its own counters, over the same Redis and store."""

    redis: RedisRateCounter
    rates: RateCounters
    breaker: Monotonic = field(default_factory=Monotonic)


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with stoppable_redis() as redis:
        yield redis


@pytest.fixture
async def redis(server: Redis) -> Redis:
    """The server, running and empty."""
    await empty(server)
    return server


async def empty(server: Redis) -> None:
    client: Any = aioredis.Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType] - untyped
    await client.flushall()
    await client.aclose()


@pytest.fixture
async def processes(redis: Redis, database: None) -> AsyncIterator[list[Process]]:
    made: list[Process] = []
    for _ in range(2):
        breaker = Monotonic()
        fast = RedisRateCounter(redis.url, timeout_s=PATIENCE_S, monotonic_s=breaker)
        made.append(Process(fast, RateCounters(KEY, fast=fast), breaker))
    yield made
    for each in made:
        await each.redis.close()


def rule_of(limit: RateLimit) -> WindowRule:
    rule = RULES[limit]
    assert isinstance(rule, WindowRule)
    return rule


async def burst(
    processes: list[Process],
    clock: FixedClock,
    *,
    count: int,
    limit: RateLimit = RateLimit.API_ADDRESS,
) -> int:
    """Spend so often, in turns over the processes, and return how many passed."""
    rule = rule_of(limit)
    spendings: list[Spending] = []
    for number in range(count):
        rates = processes[number % len(processes)].rates
        spendings.append(await rates.spend(limit, rule, SUBJECT, cost=1, now=clock.at))
    return sum(each.is_allowed for each in spendings)


async def trusted(processes: list[Process], clock: FixedClock) -> None:
    """Let Redis become older than every window."""
    for each in processes:
        found = await each.redis.spend(
            NAME, rule_of(RateLimit.API_ADDRESS), cost=1, at_us=microseconds_of(clock.at)
        )
        assert found is not None
    clock.at += timedelta(hours=2)


async def test_redis_counts_in_a_sliding_window_as_the_rule_says(
    redis: Redis, clock: FixedClock
) -> None:
    counter = RedisRateCounter(redis.url, timeout_s=PATIENCE_S)
    rule, at_us = WindowRule(most=10, window_s=80), microseconds_of(clock.at)
    allowed: list[bool] = []
    for seconds in [*[0] * 8, *[40] * 4, 79, 80, *[90] * 9]:
        found = await counter.spend(NAME, rule, cost=1, at_us=at_us + seconds * 1_000_000)
        assert found is not None
        allowed.append(found.is_allowed)
    await counter.close()

    assert allowed == [True] * 10 + [False] * 4 + [True] * 8 + [False]


async def test_redis_lets_parallel_tries_pass_as_often_as_the_limit_says(
    redis: Redis, clock: FixedClock
) -> None:
    counters = [RedisRateCounter(redis.url, timeout_s=PATIENCE_S) for _ in range(3)]
    rule, at_us = rule_of(RateLimit.API_ADDRESS), microseconds_of(clock.at)

    found = await asyncio.gather(
        *(each.spend(NAME, rule, cost=7, at_us=at_us) for each in counters for _ in range(20))
    )
    for each in counters:
        await each.close()

    assert [each.is_allowed for each in found if each is not None].count(True) == 300 // 7
    assert len([each for each in found if each is None]) == 0


async def test_with_a_redis_that_is_old_enough_the_store_is_not_written_by_requests(
    processes: list[Process], clock: FixedClock, sql: list[str]
) -> None:
    await trusted(processes, clock)
    sql.clear()

    assert await burst(processes, clock, count=320) == 300
    assert sql == []
    for each in processes:
        await each.rates.tell_store()
    assert sum(row.hits for row in await Throttle.all()) == 300


@pytest.mark.parametrize("limit", [RateLimit.API_ADDRESS, RateLimit.LINK_PASSWORD_ALL])
async def test_a_redis_that_is_killed_gives_nobody_a_second_limit(
    redis: Redis, processes: list[Process], clock: FixedClock, limit: RateLimit
) -> None:
    most = rule_of(limit).most
    await trusted(processes, clock)
    assert await burst(processes, clock, count=most // 2, limit=limit) == most // 2
    for each in processes:
        await each.rates.tell_store()  # as once a second

    redis.stop()
    try:
        meanwhile = await burst(processes, clock, count=most, limit=limit)
    finally:
        redis.start()
    for each in processes:
        each.breaker.now_s += 2
    afterwards = await burst(processes, clock, count=most, limit=limit)

    assert most // 2 <= meanwhile <= most // 2 + len(processes) * rule_of(limit).slack
    assert afterwards == 0


async def test_what_a_process_counted_itself_is_known_to_it_the_moment_redis_dies(
    redis: Redis, processes: list[Process], clock: FixedClock
) -> None:
    await trusted(processes, clock)
    assert await burst(processes[:1], clock, count=200) == 200

    redis.stop()
    try:
        assert await burst(processes[:1], clock, count=200) == 100
    finally:
        redis.start()


async def test_a_redis_that_is_emptied_gives_nobody_a_second_limit(
    redis: Redis, processes: list[Process], clock: FixedClock
) -> None:
    await trusted(processes, clock)
    assert await burst(processes, clock, count=400) == 300
    for each in processes:
        await each.rates.tell_store()

    await empty(redis)

    assert await burst(processes, clock, count=400) == 0


async def test_what_was_counted_while_redis_was_frozen_is_not_forgotten_by_anybody(
    redis: Redis, processes: list[Process], clock: FixedClock
) -> None:
    """The second process saw nothing of it, and still learns that Redis missed something."""
    first, second = processes
    await trusted(processes, clock)
    first.redis.timeout_s = HASTE_S  # this call is to fail

    redis.freeze()
    try:
        assert await burst([first], clock, count=290) == 290
    finally:
        redis.thaw()
    first.redis.timeout_s = PATIENCE_S
    first.breaker.now_s += 2
    assert await burst([first], clock, count=1) == 1
    await first.rates.tell_store()

    assert await burst([second], clock, count=100) == 9


async def test_a_frozen_redis_is_asked_once_and_then_left_alone(
    redis: Redis, clock: FixedClock
) -> None:
    breaker = Monotonic()
    counter = RedisRateCounter(redis.url, timeout_s=HASTE_S, monotonic_s=breaker)
    rule, at_us = rule_of(RateLimit.API_ADDRESS), microseconds_of(clock.at)
    loop = asyncio.get_running_loop()

    redis.freeze()
    try:
        started = loop.time()
        assert await counter.spend(NAME, rule, cost=1, at_us=at_us) is None
        first_s = loop.time() - started
        started = loop.time()
        for _ in range(1000):
            assert await counter.spend(NAME, rule, cost=1, at_us=at_us) is None
        rest_s = loop.time() - started
        breaker.now_s += 1.0
        tries = await asyncio.gather(
            *(counter.spend(NAME, rule, cost=1, at_us=at_us) for _ in range(50))
        )
    finally:
        redis.thaw()
        await counter.close()

    assert first_s >= HASTE_S
    assert rest_s < HASTE_S * 20  # not a thousand times the wait
    assert tries == [None] * 50


async def test_a_redis_that_is_away_when_the_process_starts_is_found_later(
    redis: Redis, clock: FixedClock
) -> None:
    breaker = Monotonic()
    counter = RedisRateCounter(redis.url, timeout_s=PATIENCE_S, monotonic_s=breaker)
    rule, at_us = rule_of(RateLimit.API_ADDRESS), microseconds_of(clock.at)

    redis.stop()
    try:
        assert await counter.spend(NAME, rule, cost=1, at_us=at_us) is None
    finally:
        redis.start()
    breaker.now_s += 1.0
    found = await counter.spend(NAME, rule, cost=1, at_us=at_us)
    await counter.close()

    assert found is not None
    assert (found.is_allowed, found.since_us) == (True, at_us)


async def test_a_call_that_was_given_up_leaves_no_answer_to_the_next_one(
    redis: Redis, clock: FixedClock
) -> None:
    """Answers of cancelled calls once reached others: redis-py, CVE-2023-28858."""
    counter = RedisRateCounter(redis.url, timeout_s=PATIENCE_S)
    rule, at_us = rule_of(RateLimit.API_ADDRESS), microseconds_of(clock.at)
    for number in range(40):
        given_up = asyncio.ensure_future(
            counter.spend(f"{number:064x}", rule, cost=100 + number, at_us=at_us)
        )
        for _ in range(number % 8):
            await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        found = await counter.spend(f"{1000 + number:064x}", rule, cost=1, at_us=at_us)

        assert found is not None
        assert found.counts == {rule.part_of(at_us): 1}
    await counter.close()


async def test_without_redis_a_process_tells_the_store_of_every_fiftieth_of_the_limit(
    database: None, clock: FixedClock, sql: list[str]
) -> None:
    rule = rule_of(RateLimit.API_KEY)
    rates = [RateCounters(KEY) for _ in range(4)]
    sql.clear()
    allowed = 0
    for number in range(1000):
        each = rates[number % len(rates)]
        said = await each.spend(RateLimit.API_KEY, rule, "7", cost=1, now=clock.at)
        allowed += said.is_allowed

    writes = [each for each in sql if "INSERT INTO throttle" in each]
    assert rule.most <= allowed <= rule.most + len(rates) * rule.slack
    assert 1 <= len(writes) <= rule.most // rule.slack + len(rates)


async def test_a_number_of_its_own_limits_a_key(database: None, clock: FixedClock) -> None:
    rule = replace(rule_of(RateLimit.API_KEY), most=20)
    rates = RateCounters(KEY)
    said = [
        (await rates.spend(RateLimit.API_KEY, rule, "7", cost=1, now=clock.at)).is_allowed
        for _ in range(30)
    ]

    assert said == [True] * 20 + [False] * 10


@asynccontextmanager
async def hanging_store(database_url: str) -> AsyncGenerator[None]:
    """Let nobody write, and everybody wait, until the block is left."""
    if (path := sqlite_path(database_url)) is not None:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")
        return
    connection = await cast("Any", asyncpg).connect(database_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE throttle IN EXCLUSIVE MODE")
        yield
    await connection.close()


async def test_while_the_store_hangs_nobody_waits_in_a_line_for_it(
    database: None, database_url: str, clock: FixedClock
) -> None:
    rule, rates = rule_of(RateLimit.API_ADDRESS), RateCounters(KEY, patience_s=HASTE_S)
    await rates.spend(RateLimit.API_ADDRESS, rule, SUBJECT, cost=1, now=clock.at)

    async with hanging_store(database_url):
        telling = asyncio.create_task(rates.tell_store())
        await asyncio.sleep(0)
        others = await asyncio.gather(
            *(
                rates.spend(RateLimit.API_ADDRESS, rule, f"{number}", cost=1, now=clock.at)
                for number in range(20)
            ),
            return_exceptions=True,
        )
    await telling

    assert [type(each) for each in others] == [TimeoutError] * 20
    assert all(isinstance(each, TimeoutError) and is_store_failure(each) for each in others)
    assert [row.hits for row in await Throttle.all()] == [1]


async def test_hits_that_could_not_be_told_are_told_later(
    database: None, clock: FixedClock
) -> None:
    rule, rates = rule_of(RateLimit.API_ADDRESS), RateCounters(KEY)
    for _ in range(5):
        await rates.spend(RateLimit.API_ADDRESS, rule, SUBJECT, cost=1, now=clock.at)
    assert not await Throttle.exists()

    await asyncio.gather(rates.tell_store(), rates.tell_store())

    assert [row.hits for row in await Throttle.all()] == [5]
