"""Whether the time of an answer tells who has an account.

`python -m benchmarks.sign_in` prints its part of the table. Known and unknown addresses
take turns, each comes once, from a network address of its own, so no limit steps in.
Every try is a real request; the parameters of the password hash are the default ones.
"""

import argparse
import asyncio
import http.client
import json
import math
import time
from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Final

from argon2 import PasswordHasher

from api.settings import Settings
from benchmarks.report import Figure, at_least, at_most, table
from benchmarks.service import Service, service
from models.orm import open_database
from models.rules.roles import CUSTOMER
from models.users import Role, User

_TRIES: Final = 500
_MOST_MS: Final = 5.0
_LEAST_P: Final = 0.01
_DOCUMENTS: Final = {
    "sign-in": "mutation ($email: String!) { sessionCreate(input: "
    '{email: $email, password: "not the right one"}) { __typename } }',
    "password reset": "mutation ($email: String!) { passwordResetRequest(input: "
    "{email: $email}) { __typename } }",
}


def figures(_: int) -> list[Figure]:
    """Measure each way in with 500 tries, half of them by people with an account."""
    settings = {"PROCESSES": "1", "LOG_LEVEL": "ERROR", "TRUSTED_PROXIES": "127.0.0.1"}
    with service(settings) as made:
        asyncio.run(_make_people(made))
        return [each for way, document in _DOCUMENTS.items() for each in _told(made, way, document)]


def _told(made: Service, way: str, document: str) -> list[Figure]:
    known: list[float] = []
    unknown: list[float] = []
    for number in range(_TRIES // 2):
        known.append(_try(made, document, f"known{number}@people.test", 2 * number))
        unknown.append(_try(made, document, f"nobody{number}@people.test", 2 * number + 1))
    gap = abs(median(known) - median(unknown))
    return [
        at_most(
            f"{way}: known against unknown accounts, difference of the medians",
            gap,
            _MOST_MS,
            unit=" ms",
            note=f"{median(known):.1f} ms and {median(unknown):.1f} ms of {_TRIES} tries in turn.",
        ),
        at_least(
            "the same, chance of as great a difference by accident (Kolmogorov-Smirnov)",
            same_distribution(known, unknown),
            _LEAST_P,
        ),
    ]


def _try(made: Service, document: str, email: str, number: int) -> float:
    """Return how long an answer took, in milliseconds.

    Raises:
        RuntimeError: it is not the answer to a stranger.
    """
    connection = http.client.HTTPConnection(*made.address, timeout=30)
    connection.connect()
    headers = {
        "Host": made.host,
        "Content-Type": "application/json",
        "Linkyard-Client": "benchmark",
        "X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}",
    }
    body = json.dumps({"query": document, "variables": {"email": email}})
    began = time.perf_counter()
    connection.request("POST", "/graphql", body=body, headers=headers)
    answer = connection.getresponse().read()
    took = time.perf_counter() - began
    connection.close()
    if b"SignInRefusedProblem" not in answer and b"Success" not in answer:
        raise RuntimeError(answer.decode())
    return took * 1e3


async def _make_people(made: Service) -> None:
    """Make an account for every known address, all with one password."""
    cost = {name: field.default for name, field in Settings.model_fields.items()}
    hashed = PasswordHasher(
        time_cost=cost["argon2_time"],
        memory_cost=cost["argon2_memory_kib"],
        parallelism=cost["argon2_parallelism"],
    ).hash("correct horse battery staple")
    async with open_database(made.database_url):
        role = await Role.get(name=CUSTOMER)
        await User.bulk_create(
            User(email=f"known{n}@people.test", name=f"Known {n}", role=role, password_hash=hashed)
            for n in range(_TRIES // 2)
        )


def same_distribution(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the chance that two samples of one distribution differ as much as these.

    Source: the two-sample Kolmogorov-Smirnov test with the series of its limit, good
    for samples of some dozens and more.
    """
    first, second = sorted(one), sorted(other)
    gap = max(
        abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second))
        for x in [*first, *second]
    )
    scaled = gap * math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    if scaled < 0.2:  # noqa: PLR2004 - below it the series needs many terms to say 1
        return 1.0
    series = (
        (1.0 if k % 2 else -1.0) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101)
    )
    return min(1.0, 2 * sum(series))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(table(figures(1)))
