"""The slow hash of passwords: parameters, one form, few at once."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters

from api.adapters.argon2_hasher import Argon2Hasher
from api.settings import Settings
from api.sign_in_ports import password_hasher
from resolvers.ports import PasswordVerdict

PASSWORD = "three quiet herons"  # noqa: S105 - of nobody


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    made = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1)
    yield made
    made.close()


async def test_the_settings_say_how_slow_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_ARGON2_TIME", "2")
    hasher = password_hasher(Settings())

    made = extract_parameters(await hasher.hash(PASSWORD))

    hasher.close()
    assert (made.type.name, made.memory_cost, made.time_cost, made.parallelism) == (
        "ID",
        47_104,
        2,
        1,
    )
    assert (made.salt_len, made.hash_len) == (16, 32)


async def test_a_hash_knows_its_password_in_every_spelling(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash("caf\u00e9 au lait")

    right = PasswordVerdict(is_right=True)
    assert await hasher.verify("caf\u00e9 au lait", stored) == right
    assert await hasher.verify("cafe\u0301 au lait", stored) == right
    assert await hasher.verify("cafe au lait", stored) == PasswordVerdict(is_right=False)
    assert await hasher.hash("caf\u00e9 au lait") != stored  # another salt


@pytest.mark.parametrize(
    "stored", [None, "", "$argon2id$v=19$", "plain text", "$2b$12$" + "x" * 53]
)
async def test_what_is_no_hash_of_ours_knows_no_password(
    hasher: Argon2Hasher, stored: str | None
) -> None:
    assert await hasher.verify(PASSWORD, stored) == PasswordVerdict(is_right=False)
    assert hasher.hashes == 1


async def test_a_hash_with_other_parameters_is_outdated(hasher: Argon2Hasher) -> None:
    stronger = Argon2Hasher(memory_kib=16, time_cost=1, parallelism=1)
    stored = await hasher.hash(PASSWORD)

    assert await stronger.verify(PASSWORD, stored) == PasswordVerdict(
        is_right=True, is_outdated=True
    )
    assert await stronger.verify("another", stored) == PasswordVerdict(is_right=False)
    stronger.close()


async def test_nobodys_hash_has_todays_parameters(hasher: Argon2Hasher) -> None:
    nobodys, real = hasher._nobodys, await hasher.hash(PASSWORD)

    assert extract_parameters(nobodys) == extract_parameters(real)
    assert len(nobodys) == len(real)


async def test_two_run_at_once_in_threads_that_give_way(hasher: Argon2Hasher) -> None:
    loop, both_run, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    running: set[int] = set()

    def work() -> str:
        running.add(threading.get_ident())
        if len(running) == 2:
            loop.call_soon_threadsafe(both_run.set)
        go_on.wait(timeout=10)
        return threading.current_thread().name

    tasks = [asyncio.create_task(hasher._run(work)) for _ in range(5)]
    async with asyncio.timeout(10):
        await both_run.wait()
    assert len(running) == 2
    go_on.set()

    assert {name.rpartition("_")[0] for name in await asyncio.gather(*tasks)} == {"argon2"}
    assert len(running) == 2
