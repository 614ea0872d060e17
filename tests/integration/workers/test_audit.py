"""The loop that chains the log and signs heads, and what is left of them after a power cut."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from api.adapters.audit_heads import HeadsFile, read_heads
from api.workers import audit
from api.workers.audit import HEAD_NEW, HEAD_SAME, AuditWorker
from models.audit_entries import AuditEntry
from models.orm import writer
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction
from models.rules.audit_heads import Head
from resolvers.audit import log_action
from resolvers.ports import Ports
from tests.factories import as_command
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

KEY = b"k" * 32
_SECOND = timedelta(seconds=1)


@pytest.fixture
def heads(tmp_path: Path) -> HeadsFile:
    return HeadsFile(tmp_path / "audit", secrets=[KEY])


@pytest.fixture
def worker(heads: HeadsFile, clock: FixedClock) -> AuditWorker:
    return AuditWorker(heads, clock=clock)


async def write(ports: Ports, count: int = 1) -> None:
    async with in_transaction("default") as connection:
        for _ in range(count):
            await log_action(as_command(ports), connection, AuditAction.LINK_CREATE, subject_id=1)


def signed(tmp_path: Path) -> list[Head]:
    path = tmp_path / "audit" / "heads.jsonl"
    if not path.exists():
        return []
    read = read_heads(path, secrets=[KEY])
    assert read.bad == []
    return read.heads


async def test_an_empty_log_has_no_head(worker: AuditWorker, tmp_path: Path) -> None:
    assert await worker.step() is False

    assert signed(tmp_path) == []


async def test_the_first_entries_get_a_head_at_once(
    worker: AuditWorker, ports: Ports, clock: FixedClock, tmp_path: Path
) -> None:
    await write(ports, 3)

    await worker.step()

    last = await AuditEntry.get(seq=3)
    assert signed(tmp_path) == [Head(3, last.chain_hash or "", clock.at)]
    path = tmp_path / "audit" / "heads.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_new_entries_get_a_head_after_an_hour_and_quiet_ones_after_a_day(
    worker: AuditWorker, ports: Ports, clock: FixedClock, tmp_path: Path
) -> None:
    await write(ports)
    await worker.step()
    began = clock.at
    await write(ports)

    seen: list[tuple[int, timedelta]] = []
    for passed in (
        HEAD_NEW - _SECOND,
        HEAD_NEW,
        2 * HEAD_NEW,
        HEAD_NEW + HEAD_SAME - _SECOND,
        HEAD_NEW + HEAD_SAME,
    ):
        clock.at = began + passed
        await worker.step()
        seen = [(head.seq, head.at - began) for head in signed(tmp_path)]

    assert seen == [(1, timedelta(0)), (2, HEAD_NEW), (2, HEAD_NEW + HEAD_SAME)]


async def test_many_entries_get_a_head_at_once(
    worker: AuditWorker, ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "HEAD_ENTRIES", 10)
    await write(ports)
    await worker.step()

    for count in (9, 1, 9, 1):
        await write(ports, count)
        await worker.step()

    assert [head.seq for head in signed(tmp_path)] == [1, 11, 21]


async def test_a_worker_that_starts_again_goes_on_from_the_last_head(
    worker: AuditWorker, heads: HeadsFile, ports: Ports, clock: FixedClock, tmp_path: Path
) -> None:
    await write(ports)
    await worker.step()
    await write(ports)

    await AuditWorker(heads, clock=clock).step()

    assert [head.seq for head in signed(tmp_path)] == [1]


async def test_a_log_that_ends_before_its_last_head_is_told_once(
    worker: AuditWorker, ports: Ports, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(ports, 3)
    await worker.step()
    await execute(writer(), "DELETE FROM audit_entry WHERE seq = 3")

    await worker.step()
    await worker.step()

    assert capsys.readouterr().out.count("ends before its last signed head") == 1


def test_half_a_line_is_passed_over_and_cut_off(heads: HeadsFile, tmp_path: Path) -> None:
    clock = FixedClock()
    first, second, third = (Head(seq, f"{seq}" * 64, clock.at) for seq in (1, 2, 3))
    heads.append(first)
    heads.append(second)
    path = tmp_path / "audit" / "heads.jsonl"
    path.write_bytes(path.read_bytes()[:-20])

    assert signed(tmp_path) == [first]
    assert heads.last() == first
    heads.append(third)

    assert signed(tmp_path) == [first, third]
    assert heads.last() == third


def test_lines_that_are_not_ours_are_named(heads: HeadsFile, tmp_path: Path) -> None:
    clock = FixedClock()
    first, second = (Head(seq, f"{seq}" * 64, clock.at) for seq in (1, 2))
    heads.append(first)
    HeadsFile(tmp_path / "audit", secrets=[b"n" * 32]).append(second)
    path = tmp_path / "audit" / "heads.jsonl"
    with path.open("a") as file:
        file.write("what is this\n")

    read = read_heads(path, secrets=[KEY])

    assert (read.heads, read.bad) == (
        [first],
        [(2, "signed by none of our keys"), (3, "no head of the audit log")],
    )
    assert heads.last() == first


def test_a_rotated_key_still_verifies(heads: HeadsFile, tmp_path: Path) -> None:
    clock = FixedClock()
    first, second = (Head(seq, f"{seq}" * 64, clock.at) for seq in (1, 2))
    heads.append(first)
    new = b"n" * 32
    HeadsFile(tmp_path / "audit", secrets=[new, KEY]).append(second)

    read = read_heads(tmp_path / "audit" / "heads.jsonl", secrets=[new, KEY])

    assert (read.heads, read.bad) == ([first, second], [])
