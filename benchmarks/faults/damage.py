"""The local replica cut short or overwritten under load."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from benchmarks.faults.findings import Findings
from benchmarks.faults.stores import new_database
from benchmarks.faults.trial import Trial, trial
from tests.servers import stoppable_postgres

_REBUILT_S: Final = 15.0
_PAGE: Final = 4096  # bytes

Damage = Callable[[Path, random.Random], None]


def _cut_to_nothing(file: Path, _: random.Random) -> None:
    os.truncate(file, 0)


def _cut_somewhere(file: Path, chance: random.Random) -> None:
    os.truncate(file, chance.randrange(file.stat().st_size))


def _cut_behind_the_first_pages(file: Path, _: random.Random) -> None:
    os.truncate(file, 2 * _PAGE)


def _noise_everywhere(file: Path, chance: random.Random) -> None:
    _overwrite(file, 0, chance.randbytes(file.stat().st_size))


def _noise_behind_the_first_pages(file: Path, chance: random.Random) -> None:
    _overwrite(file, 2 * _PAGE, chance.randbytes(file.stat().st_size - 2 * _PAGE))


def _noise_on_some_pages(file: Path, chance: random.Random) -> None:
    pages = file.stat().st_size // _PAGE
    for page in chance.sample(range(2, pages), min(5, pages - 2)):
        _overwrite(file, page * _PAGE, chance.randbytes(_PAGE))


def _another_target(file: Path, _: random.Random) -> None:
    """Every target becomes another one of the same length, as no random noise would do it."""
    content = file.read_bytes()
    _overwrite(file, 0, content.replace(b"https://example.org/", b"https://example.net/"))


def _one_bit_in_each_kilobyte(file: Path, chance: random.Random) -> None:
    for offset in range(2 * _PAGE, file.stat().st_size, 1024):
        place = offset + chance.randrange(1024)
        with file.open("r+b") as opened:
            opened.seek(place)
            byte = opened.read(1)
            if byte:
                opened.seek(place)
                opened.write(bytes([byte[0] ^ (1 << chance.randrange(8))]))


def _overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b") as opened:  # in place: the processes have these very pages mapped
        opened.seek(offset)
        opened.write(content)


_KINDS: Final[dict[str, Damage]] = {
    "cut to nothing": _cut_to_nothing,
    "cut behind its first pages": _cut_behind_the_first_pages,
    "cut somewhere": _cut_somewhere,
    "noise everywhere": _noise_everywhere,
    "noise behind its first pages": _noise_behind_the_first_pages,
    "noise on some pages": _noise_on_some_pages,
    "other targets written in": _another_target,
    "a bit turned in each KiB": _one_bit_in_each_kilobyte,
}


async def damage(findings: Findings, *, kinds: int) -> None:
    """Damage the serving replica in so many ways, one after the other."""
    async with trial(findings) as subject:
        async with subject.client(requests_per_s=1500):
            for name, kind in list(_KINDS.items())[:kinds]:
                started = time.monotonic()
                await _until_rebuilt(subject, _damage(subject, kind), name)
                findings.at_most(f"{name}: rebuilt", time.monotonic() - started, _REBUILT_S)
                await subject.web_pids()
                await subject.change_in_force()
        await _check(subject, {HTTPStatus.FOUND})


async def blind(findings: Findings, *, hold_s: float) -> None:
    """Damage the replica while the database is away, then bring that back."""
    with stoppable_postgres() as postgres:
        settings = {"DATABASE_URL": await new_database(postgres.url)}
        async with trial(findings, settings) as subject:
            async with subject.client(requests_per_s=500):
                postgres.stop()
                try:
                    damaged = _damage(subject, _noise_everywhere)
                    await asyncio.sleep(hold_s)
                finally:
                    postgres.start()
                back = time.monotonic()
                await _until_rebuilt(subject, damaged, "the database is back")
                await subject.until_redirects(*next(iter(subject.targets.items())))
                findings.at_most("links redirect again", time.monotonic() - back, _REBUILT_S)
            await _check(subject, {HTTPStatus.FOUND, HTTPStatus.SERVICE_UNAVAILABLE})


def _damage(subject: Trial, kind: Damage) -> str:
    """Damage the serving generation and return its name."""
    folder = subject.service.data / "replica"
    serving = (folder / "current").read_text("ascii").strip()
    kind(folder / f"{serving}.mdb", subject.random)
    return serving


async def _until_rebuilt(subject: Trial, damaged: str, what: str) -> None:
    current = subject.service.data / "replica" / "current"

    def is_rebuilt() -> bool:
        try:
            return current.read_text("ascii").strip() not in {"", damaged}
        except FileNotFoundError:
            return False

    await subject.until(is_rebuilt, _REBUILT_S, f"{what}: a new replica serves")


async def _check(subject: Trial, allowed: set[HTTPStatus]) -> None:
    findings, clients = subject.findings, subject.clients
    statuses: Counter[int] = Counter()
    for client in clients:
        statuses.update(client.statuses)
    findings.state("requests sent", sum(client.sent for client in clients))
    findings.state("answers by status", dict(statuses))
    findings.equal("answers with a wrong target", sum(c.wrong_targets for c in clients), 0)
    findings.none_of(
        f"answers but {', '.join(str(int(status)) for status in sorted(allowed))}",
        [str(status) for status in statuses if status not in allowed],
    )
    findings.state("requests cut by dying readers", sum(len(c.cuts) for c in clients))
    await subject.check_clicks()
