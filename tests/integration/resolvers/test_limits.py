"""spend(): tries are counted in the store, once each, whoever asks at the same moment."""

import asyncio
import re
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.errors import RateLimitedError
from models.rules.rate_limits import RULES, RateLimit, WindowRule
from models.throttles import Throttle
from resolvers.context import RequestContext
from resolvers.limits import forgive, give_back, spend
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from resolvers.rate_store import OpenTransactionError
from resolvers.retention import BATCH, prune_throttles
from tests.factories import as_nobody
from tests.fakes import FixedClock

ACCOUNT = "ann@people.test"
ADDRESS = "192.0.2.7"


@pytest.fixture
def context(database: None, ports: Ports) -> RequestContext:
    return as_nobody(ports)


async def tries(
    context: RequestContext, limit: RateLimit, subject: str, *, count: int, cost: int = 1
) -> int:
    """Try so often and return how many of the tries were let through."""
    results = await asyncio.gather(
        *(spend(context, limit, subject, cost=cost) for _ in range(count)), return_exceptions=True
    )
    refused = [each for each in results if each is not None]
    assert all(isinstance(each, RateLimitedError) for each in refused)
    return count - len(refused)


async def refused_for(context: RequestContext, limit: RateLimit, subject: str) -> int:
    """Try once, in vain, and return how long to wait."""
    with pytest.raises(RateLimitedError) as caught:
        await spend(context, limit, subject)
    return caught.value.retry_after_s


async def test_tries_at_the_same_moment_pass_as_often_as_the_limit_says(
    context: RequestContext,
) -> None:
    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=60) == 30
    assert [row.hits for row in await Throttle.all()] == [30]


async def test_a_hundred_and_one_guesses_cost_a_hundred_and_one(context: RequestContext) -> None:
    """What a document with 101 aliases does: each guess asks by itself."""
    assert await tries(context, RateLimit.ONE_TIME_TOKEN, ADDRESS, count=101) == 30
    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=101) == 5


async def test_a_try_that_costs_more_than_is_left_is_refused_and_not_counted(
    context: RequestContext,
) -> None:
    await spend(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, cost=28)

    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=1, cost=3) == 0
    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=3) == 2


async def test_the_window_slides_and_tells_when_the_next_try_passes(
    context: RequestContext, clock: FixedClock
) -> None:
    limit = RateLimit.SIGN_IN_ADDRESS
    await tries(context, limit, ADDRESS, count=20)
    clock.at += timedelta(minutes=5)
    await tries(context, limit, ADDRESS, count=10)

    wait_s = await refused_for(context, limit, ADDRESS)
    clock.at += timedelta(seconds=wait_s - 1)
    assert await refused_for(context, limit, ADDRESS) == 1
    clock.at += timedelta(seconds=1)

    assert 300 < wait_s <= 375
    assert await tries(context, limit, ADDRESS, count=40) == 20


async def test_subjects_and_limits_are_counted_apart(context: RequestContext) -> None:
    await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=30)

    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, "192.0.2.8", count=1) == 1
    assert await tries(context, RateLimit.ONE_TIME_TOKEN, ADDRESS, count=1) == 1
    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=1) == 0


async def test_a_household_cannot_change_its_address_to_be_counted_anew(
    context: RequestContext,
) -> None:
    for number in range(30):
        await spend(context, RateLimit.SIGN_IN_ADDRESS, f"2001:db8:1:2::{number:x}")

    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, "2001:db8:1:2:ffff::1", count=1) == 0
    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, "2001:db8:1:3::1", count=1) == 1


async def test_processes_share_a_limit(context: RequestContext, ports: Ports) -> None:
    others = [RateCounters(bytes(32)) for _ in range(4)]
    limit, now = RateLimit.SIGN_IN_ADDRESS, ports.clock.now()

    spendings = await asyncio.gather(
        *(
            rates.spend(limit, RULES[limit], ADDRESS, cost=1, now=now)
            for rates in others
            for _ in range(15)
        )
    )

    assert sum(each.is_allowed for each in spendings) == 30


async def test_no_address_and_no_account_is_stored(context: RequestContext) -> None:
    await spend(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS)
    await spend(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT)

    for row in await Throttle.all():
        assert re.fullmatch("[0-9a-f]{64}", row.key)
    other_key = RateCounters(b"k" * 32)
    now, limit = context.ports.clock.now(), RateLimit.SIGN_IN_ADDRESS
    await other_key.spend(limit, RULES[limit], ADDRESS, cost=1, now=now)
    assert await Throttle.all().count() == 3


async def test_the_fifth_failure_makes_the_next_try_wait_and_each_further_one_twice_as_long(
    context: RequestContext, clock: FixedClock
) -> None:
    limit = RateLimit.SIGN_IN_ACCOUNT
    assert await tries(context, limit, ACCOUNT, count=5) == 5
    for wait_s in (4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert await refused_for(context, limit, ACCOUNT) == wait_s
        clock.at += timedelta(seconds=wait_s - 1)
        assert await refused_for(context, limit, ACCOUNT) == 1
        clock.at += timedelta(seconds=1)
        await spend(context, limit, ACCOUNT)


async def test_of_parallel_tries_after_the_wait_one_passes(
    context: RequestContext, clock: FixedClock
) -> None:
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=5)
    clock.at += timedelta(seconds=4)

    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=20) == 1


async def test_refused_tries_do_not_lengthen_the_wait(
    context: RequestContext, clock: FixedClock
) -> None:
    """Nobody can lock the owner of an account out for longer than one wait."""
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=500)
    clock.at += timedelta(seconds=4)

    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=1) == 1


async def test_a_success_starts_the_count_of_failures_again(context: RequestContext) -> None:
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=5)

    await forgive(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT)

    assert not await Throttle.exists()
    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=9) == 5


async def test_a_known_device_is_counted_apart_from_strangers(context: RequestContext) -> None:
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=50)

    await spend(context, RateLimit.SIGN_IN_DEVICE, f"{ACCOUNT} device-1")

    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=1) == 0


async def test_failures_are_forgotten_after_a_day_of_peace(
    context: RequestContext, clock: FixedClock
) -> None:
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=5)
    clock.at += timedelta(days=1)

    assert await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=9) == 5


async def test_a_try_is_not_counted_in_a_transaction_that_could_take_it_back(
    context: RequestContext,
) -> None:
    async with in_transaction("default"):
        for attempt in (
            spend(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS),
            spend(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT),
            forgive(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT),
        ):
            with pytest.raises(OpenTransactionError):
                await attempt

    assert not await Throttle.exists()


async def test_a_try_stays_counted_when_the_use_case_fails_afterwards(
    context: RequestContext,
) -> None:
    await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=30)
    with pytest.raises(ZeroDivisionError):
        async with in_transaction("default"):
            _ = 1 / 0

    assert await tries(context, RateLimit.SIGN_IN_ADDRESS, ADDRESS, count=1) == 0


async def test_what_is_given_back_can_be_spent_again_and_no_more_than_that(
    context: RequestContext, clock: FixedClock
) -> None:
    limit = RateLimit.LINK_PASSWORD
    await tries(context, limit, "7", count=2)
    clock.at += timedelta(minutes=7)
    await tries(context, limit, "7", count=3)

    await asyncio.gather(*(give_back(context, limit, "7") for _ in range(3)))
    assert await tries(context, limit, "7", count=5) == 3
    for _ in range(20):
        await give_back(context, limit, "7")
    assert sorted([row.hits for row in await Throttle.all()]) == [0, 0]
    assert await tries(context, limit, "7", count=6) == 5


async def test_only_a_window_gives_back_and_never_inside_a_transaction(
    context: RequestContext,
) -> None:
    with pytest.raises(TypeError):
        await give_back(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT)
    async with in_transaction("default"):
        with pytest.raises(OpenTransactionError):
            await give_back(context, RateLimit.LINK_PASSWORD, "7")


async def test_counters_of_the_past_are_deleted_and_the_others_stay(
    context: RequestContext, clock: FixedClock
) -> None:
    limit = RateLimit.SIGN_IN_ADDRESS
    rule = RULES[limit]
    assert isinstance(rule, WindowRule)
    await tries(context, limit, ADDRESS, count=1)
    await tries(context, RateLimit.SIGN_IN_ACCOUNT, ACCOUNT, count=1)
    clock.at += timedelta(seconds=rule.window_s * 9 // 8 + 1)
    await tries(context, limit, ADDRESS, count=30)

    assert await prune_throttles(context) == 1
    assert await prune_throttles(context) == 0
    assert BATCH == 2_000
    assert await Throttle.all().count() == 2
    assert await tries(context, limit, ADDRESS, count=1) == 0
