"""Whether the time of an answer tells who has an account, or what is not yours.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from argon2 import PasswordHasher

from api.settings import Settings
from benchmarks.report import Figure, at_least, at_most, table
from benchmarks.service import Service, service
from models.ids import new_id
from models.orm import open_database
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.users import Role, User
from schema.nodes import encode_id

_TRIES: Final = 500
_MOST_MS: Final = 5.0
_LEAST_P: Final = 0.01
_STRANGER: Final = "nobody{}@people.test"
_MEMBER: Final = "known{}@people.test"
_ADMINISTRATOR: Final = "administrator{}@people.test"
_WAYS_IN: Final = {
    "sign-in": "mutation ($email: String!) { sessionCreate(input: "
    '{email: $email, password: "not the right one"}) { __typename } }',
    "password reset": "mutation ($email: String!) { passwordResetRequest(input: "
    "{email: $email}) { __typename } }",
}
_INVITATION: Final = """mutation ($email: String!) { invitationCreate(input:
{email: $email, role: "customer", locale: "en"}) { __typename } }"""
_INVITING: Final = 6  # administrators, because one may send a hundred invitations an hour
_LINK: Final = "query ($id: ID!) { link(by: {id: $id}) { id } }"
_EDIT: Final = 'mutation ($id: ID!) { linkUpdate(input: {id: $id, title: "x"}) { __typename } }'
_ANSWERS: Final = (b"Success", b"SignInRefusedProblem", b"NotFoundProblem", b'"link":null')


@dataclass(frozen=True, slots=True)
class _Question:
    """One try: what is sent, and with which key."""

    document: str
    variables: Mapping[str, str]
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two kinds of questions whose answers must take the same time."""

    measure: str
    one: Callable[[int], _Question]
    other: Callable[[int], _Question]


def figures(_: int) -> list[Figure]:
    """Measure each comparison with 500 tries in turn."""
    settings = {
        "PROCESSES": "1",
        "LOG_LEVEL": "ERROR",
        "TRUSTED_PROXIES": "127.0.0.1",
        "KEY_PER_MINUTE": "0",
        "ANONYMOUS_PER_MINUTE": "0",
    }
    with service(settings) as made:
        asyncio.run(_make_people(made))
        return [figure for each in _comparisons(made) for figure in _told(made, each)]


def _comparisons(made: Service) -> list[_Comparison]:
    found = [
        _Comparison(
            f"{way}: known against unknown accounts",
            partial(_by_address, document, _MEMBER),
            partial(_by_address, document, _STRANGER),
        )
        for way, document in _WAYS_IN.items()
    ]
    inviting = [_key_of(made, _ADMINISTRATOR.format(number)) for number in range(_INVITING)]
    found.append(
        _Comparison(
            "invitation: known against unknown accounts",
            partial(_by_invitation, inviting, _MEMBER),
            partial(_by_invitation, inviting, _STRANGER),
        )
    )
    foreign, key = _foreign_link(made), _key_of(made, _MEMBER.format(0))
    for measure, document in (("a link", _LINK), ("a change of a link", _EDIT)):
        found.append(
            _Comparison(
                f"{measure}: somebody else's against an absent one",
                partial(_by_id, document, key, foreign),
                partial(_by_id, document, key, ""),
            )
        )
    return found


def _by_address(document: str, address: str, number: int) -> _Question:
    return _Question(document, {"email": address.format(number)})


def _by_invitation(keys: Sequence[str], address: str, number: int) -> _Question:
    return _Question(_INVITATION, {"email": address.format(number)}, keys[number % len(keys)])


def _by_id(document: str, key: str, link_id: str, _: int) -> _Question:
    """Ask about a link; without an id about one that never was."""
    return _Question(document, {"id": link_id or encode_id("Link", new_id())}, key)


def _foreign_link(made: Service) -> str:
    asked = 'mutation { linkCreate(input: {url: "https://example.org/"}) '
    data = made.graphql(asked + "{ ... on LinkCreateSuccess { link { id } } } }")
    link_id: str = data["linkCreate"]["link"]["id"]
    return link_id


def _key_of(made: Service, email: str) -> str:
    done = made.cli("keys", "create", "--user", email, "--label", "benchmark")
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def _told(made: Service, comparison: _Comparison) -> list[Figure]:
    one: list[float] = []
    other: list[float] = []
    turns: list[tuple[list[float], Callable[[int], _Question]]] = [
        (one, comparison.one),
        (other, comparison.other),
    ]
    for number in range(_TRIES // 2):
        # Who comes first changes, so that nobody is always the one after the other.
        for place, (seen, ask) in enumerate(turns if number % 2 else turns[::-1]):
            seen.append(_try(made, ask(number), 2 * number + place))
    return [
        at_most(
            f"{comparison.measure}, difference of the medians",
            abs(median(one) - median(other)),
            _MOST_MS,
            unit=" ms",
            note=f"{median(one):.1f} ms and {median(other):.1f} ms of {_TRIES} tries in turn.",
        ),
        at_least(
            "the same, chance of as great a difference by accident (Kolmogorov-Smirnov)",
            same_distribution(one, other),
            _LEAST_P,
        ),
    ]


def _try(made: Service, question: _Question, number: int) -> float:
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
        **({"Authorization": f"Bearer {question.key}"} if question.key else {}),
    }
    body = json.dumps({"query": question.document, "variables": question.variables})
    began = time.perf_counter()
    connection.request("POST", "/graphql", body=body, headers=headers)
    answer = connection.getresponse().read()
    took = time.perf_counter() - began
    connection.close()
    if not any(each in answer for each in _ANSWERS):
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
        chief = await Role.get(name=ADMINISTRATOR)
        await User.bulk_create(
            User(email=_ADMINISTRATOR.format(n), name=f"Chief {n}", role=chief)
            for n in range(_INVITING)
        )
        role = await Role.get(name=CUSTOMER)
        await User.bulk_create(
            User(email=_MEMBER.format(n), name=f"Known {n}", role=role, password_hash=hashed)
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
