"""Three processes try at the same moment, over and over: together they have one limit."""

import asyncio
import json
import os
import sys
from pathlib import Path

from models.rules.rate_limits import RULES, RateLimit, WindowRule

ROOT = Path(__file__).parents[3]
PROCESSES, SUBJECTS = 3, 3
TRIES = {  # of each process, for each subject
    RateLimit.SIGN_IN_ADDRESS: 40,
    RateLimit.SIGN_IN_ACCOUNT: 40,
    RateLimit.LINK_PASSWORD_ALL: 50,
    RateLimit.API_ADDRESS: 300,
}

SPEND = """
import asyncio, json, sys
from datetime import UTC, datetime
from models.orm import open_database
from models.rules.rate_limits import RULES, RateLimit
from resolvers.rate_counters import RateCounters

async def main(url, subjects, tries):
    rates = RateCounters(bytes(32))
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    async with open_database(url):
        print("ready", flush=True)
        sys.stdin.readline()
        passed = []
        for limit, count in tries.items():
            for number in range(subjects):
                spendings = await asyncio.gather(
                    *(
                        rates.spend(
                            RateLimit(limit), RULES[limit], f"{number}", cost=1, now=now
                        )
                        for _ in range(count)
                    )
                )
                passed.append(sum(each.is_allowed for each in spendings))
        print(json.dumps(passed), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
"""


async def passed(database_url: str) -> dict[RateLimit, list[int]]:
    """Let the processes try, and return how many tries passed for each subject."""
    arguments = [database_url, f"{SUBJECTS}", json.dumps(TRIES)]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SPEND, *arguments),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    for each in processes:
        assert each.stdout is not None
        assert await each.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(each.communicate(b"go\n") for each in processes))
    assert [each.returncode for each in processes] == [0] * PROCESSES
    counts: list[list[int]] = [json.loads(out) for out, _ in told]
    sums = [sum(each) for each in zip(*counts, strict=True)]
    return {
        limit: sums[SUBJECTS * number : SUBJECTS * (number + 1)]
        for number, limit in enumerate(TRIES)
    }


async def test_the_store_decides_exactly_and_what_is_told_afterwards_goes_over_by_the_slack(
    database: None, database_url: str
) -> None:
    rule = RULES[RateLimit.API_ADDRESS]
    assert isinstance(rule, WindowRule)

    counts = await passed(database_url)
    eager = counts.pop(RateLimit.API_ADDRESS)

    assert counts == {
        RateLimit.SIGN_IN_ADDRESS: [30] * SUBJECTS,
        RateLimit.SIGN_IN_ACCOUNT: [5] * SUBJECTS,
        RateLimit.LINK_PASSWORD_ALL: [50] * SUBJECTS,
    }
    assert min(eager) >= rule.most
    assert max(eager) <= rule.most + PROCESSES * rule.slack
