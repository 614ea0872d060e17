"""Two processes claim the same slugs: the unique index has one winner for each."""

import asyncio
import os
import sys
from pathlib import Path

from models.links import Link, LinkChange, LinkSlug
from models.orm import reader
from models.raw_sql import fetch
from resolvers.ports import Ports
from tests.factories import as_person, make_domain, make_user

ROOT = Path(__file__).parents[3]
ROUNDS, CLAIMANTS = 12, 16  # in each of two processes: 32 claimants a round

CLAIM = """
import asyncio, sys
from api.adapters.clock import SystemClock
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from models.errors import SlugTakenError
from models.orm import open_database
from models.users import User
from resolvers.context import RequestContext
from resolvers.links import create_link
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from resolvers.users import viewer_of
from tests.factories import PASSWORDS, SEALER

async def main(url, user_id, rounds, claimants):
    async with open_database(url):
        user = await User.get(id=user_id).select_related("role")
        ports = Ports(
            clock=SystemClock(),
            link_signal=QuietLinkSignal(),
            click_feed=QuietClickFeed(),
            sealer=SEALER,
            passwords=PASSWORDS,
            rates=RateCounters(bytes(32)),
        )
        context = RequestContext(viewer_of(user), ports)
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(rounds):
            results = await asyncio.gather(
                *(
                    create_link(context, url="https://example.org/", slug=f"race-{number}")
                    for _ in range(claimants)
                ),
                return_exceptions=True,
            )
            for result in results:
                if not isinstance(result, SlugTakenError):
                    print(number, getattr(result, "id", repr(result)), flush=True)

asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
"""


async def test_each_slug_has_one_winner_among_32_claimants_of_two_processes(
    database: None, database_url: str, ports: Ports
) -> None:
    await make_domain()
    user = as_person(ports, await make_user()).viewer
    arguments = [database_url, str(user.user_id), str(ROUNDS), str(CLAIMANTS)]
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CLAIM,
            *arguments,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [process.returncode for process in processes] == [0, 0]
    winners = [line.split() for output, _ in outputs for line in output.decode().splitlines()]
    assert sorted(int(number) for number, *_ in winners) == list(range(ROUNDS))
    links = {link.slug: link.id for link in await Link.all()}
    assert links == {f"race-{number}": int(link_id) for number, link_id in winners}
    assert await LinkSlug.all().count() == await LinkChange.all().count() == ROUNDS
    orphans = await fetch(
        reader(), "SELECT id FROM link WHERE id NOT IN (SELECT link_id FROM link_slug)"
    )
    assert orphans == []
