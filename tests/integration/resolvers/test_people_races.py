"""Two processes at once: what a constraint or a lock decides, whoever is faster."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import orjson

from api.adapters.clock import SystemClock
from models.links import Link
from models.mails import Mail
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.users import User
from resolvers.invitations import create_invitation
from resolvers.mails import SEALED_FOR
from resolvers.ports import Ports
from tests.factories import SEALER, as_command, make_built_in, make_domain, make_organization

ROOT = Path(__file__).parents[3]

RACE = """
import asyncio, sys
from api.adapters.clock import SystemClock
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from resolvers.rate_counters import RateCounters
from models.errors import DomainError
from models.orm import open_database
from models.users import User
from resolvers.invitation_accepting import accept_invitation
from resolvers.links import create_link
from resolvers.ports import Ports
from resolvers.user_edits import UserChanges, deactivate_user, update_user
from tests.factories import PASSWORDS, SEALER, as_command, as_nobody, as_person

async def administrators(ports, ids):
    return await asyncio.gather(
        *(deactivate_user(as_command(ports), user_id=int(each)) for each in ids[::2]),
        *(update_user(as_command(ports), user_id=int(each), changes=UserChanges(role="customer"))
          for each in ids[1::2]),
        return_exceptions=True,
    )

async def quota(ports, ids):
    people = [await User.get(id=int(each)).select_related("role") for each in ids]
    return await asyncio.gather(
        *(create_link(as_person(ports, person), url="https://example.org/") for person in people),
        return_exceptions=True,
    )

async def invitations(ports, tokens):
    return [
        each
        for token in tokens
        for each in await asyncio.gather(
            *(accept_invitation(as_nobody(ports), token=token, name="A", password="long enough 1")
              for _ in range(2)),
            return_exceptions=True,
        )
    ]

async def main(url, name, *arguments):
    async with open_database(url):
        ports = Ports(
            clock=SystemClock(),
            link_signal=QuietLinkSignal(),
            click_feed=QuietClickFeed(),
            sealer=SEALER,
            passwords=PASSWORDS,
            rates=RateCounters(bytes(32)),
        )
        print("ready", flush=True)
        sys.stdin.readline()
        for result in await globals()[name](ports, arguments):
            if isinstance(result, Exception) and not isinstance(result, DomainError):
                raise result
            print(type(result).__name__, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def race(database_url: str, name: str, *arguments: list[str]) -> list[str]:
    """Run the function of RACE in one process for each list of arguments, at the same moment.

    Returns:
        The names of the types of all results, sorted.
    """
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RACE,
            database_url,
            name,
            *each,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for each in arguments
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * len(processes)
    return sorted(line for output, _ in outputs for line in output.decode().split())


async def test_one_administrator_is_left_when_all_are_removed_at_once(
    database: None, database_url: str
) -> None:
    await make_built_in(CUSTOMER)
    people = [str((await make_built_in(ADMINISTRATOR)).id) for _ in range(12)]

    results = await race(database_url, "administrators", people[:6], people[6:])

    assert results == ["LastAdministratorError"] + ["User"] * 11
    left = await User.filter(role__name=ADMINISTRATOR, deactivated_at=None).count()
    assert left == 1


async def test_a_quota_holds_when_links_come_from_two_processes(
    database: None, database_url: str
) -> None:
    await make_domain()
    place = await make_organization(max_links=10)
    people = [str((await make_built_in(CUSTOMER, organization=place)).id) for _ in range(4)]
    busy = await make_built_in(CUSTOMER)
    await User.filter(id=busy.id).update(max_links=3)
    mine = [str(busy.id)] * 5

    results = await race(database_url, "quota", people * 2 + mine, people * 2 + mine)

    assert results == ["Link"] * 13 + ["QuotaExceededError"] * 13
    assert await Link.filter(organization_id=place.id).count() == 10
    assert await Link.filter(owner_id=busy.id).count() == 3


async def test_an_invitation_makes_one_account_in_two_processes(
    database: None, database_url: str, ports: Ports
) -> None:
    await make_built_in(CUSTOMER)
    soon = as_command(replace(ports, clock=SystemClock()))
    for number in range(6):
        await create_invitation(soon, email=f"n{number}@people.test", role="customer")
    letters = [
        orjson.loads(SEALER.open(mail.sealed_params, purpose=SEALED_FOR))["path"]
        for mail in await Mail.all()
    ]
    tokens = [path.partition("#")[2] for path in letters]

    results = await race(database_url, "invitations", tokens, tokens)

    assert results == ["InvitationInvalidError"] * 18 + ["User"] * 6
    assert await User.filter(email__startswith="n").count() == 6
