"""The loop that chains the log and signs heads, and what is left of them after a power cut."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from api.adapters.audit_heads import HEADS_NAME, LATEST_NAME, HeadsFile, read_heads
from api.workers import audit
from api.workers.audit import HEAD_NEW, HEAD_SAME, LATEST_EVERY, AuditWorker
from models.audit_entries import AuditEntry
from models.orm import writer
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction
from models.rules.audit_check import Damage
from models.rules.audit_heads import Head
from resolvers.audit import log_action
from resolvers.audit_verify import verify_chain
from resolvers.ports import Ports
from tests.factories import as_command
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

KEY = b"k" * 32
TOLD = "the audit log ends before its last head"
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


async def head_of(seq: int) -> tuple[int, str]:
    return seq, (await AuditEntry.get(seq=seq)).chain_hash or ""


async def found(tmp_path: Path, ports: Ports) -> list[Damage]:
    report = await verify_chain(as_command(ports), heads=signed(tmp_path))
    return [each.damage for each in report.findings]


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

    assert capsys.readouterr().out.count(TOLD) == 1


@pytest.mark.parametrize("written_meanwhile", [0, 1, 2, 3, 4])
async def test_an_end_that_no_written_head_covered_is_missed_while_the_service_runs(
    worker: AuditWorker,
    ports: Ports,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    written_meanwhile: int,
) -> None:
    await write(ports)
    await worker.step()
    await write(ports, 4)
    await worker.step()  # the clock stands still: no head of these four is written
    lost = await head_of(5)
    await execute(writer(), "DELETE FROM audit_entry WHERE seq > 3")
    await write(ports, written_meanwhile)

    await worker.step()
    await worker.step()

    assert capsys.readouterr().out.count(TOLD) == 1
    assert [(head.seq, head.hash) for head in signed(tmp_path)][1:] == [lost]
    expected = Damage.CUT if written_meanwhile < 2 else Damage.REWRITTEN
    assert await found(tmp_path, ports) == [expected]


@pytest.mark.parametrize("written_meanwhile", [0, 1, 2, 3])
async def test_an_end_that_was_cut_while_the_service_was_stopped_is_missed_at_its_start(  # noqa: PLR0913, PLR0917
    worker: AuditWorker,
    heads: HeadsFile,
    ports: Ports,
    clock: FixedClock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    written_meanwhile: int,
) -> None:
    await write(ports)
    await worker.step()
    clock.at += LATEST_EVERY
    await write(ports, 4)
    await worker.step()
    lost = await head_of(5)
    assert [head.seq for head in signed(tmp_path)] == [1]
    await execute(writer(), "DELETE FROM audit_entry WHERE seq > 3")
    await write(ports, written_meanwhile)
    started = AuditWorker(heads, clock=clock)

    await started.step()
    clock.at += LATEST_EVERY
    await started.step()
    await AuditWorker(heads, clock=clock).step()  # it was told, and there is a new end now

    assert capsys.readouterr().out.count(TOLD) == 1
    assert [(head.seq, head.hash) for head in signed(tmp_path)] == [await head_of(1), lost]
    expected = Damage.CUT if written_meanwhile < 2 else Damage.REWRITTEN
    assert await found(tmp_path, ports) == [expected]


async def test_the_latest_head_is_signed_after_every_batch_at_most_once_a_second(
    worker: AuditWorker, heads: HeadsFile, ports: Ports, clock: FixedClock, tmp_path: Path
) -> None:
    seen: list[int] = []
    for step in (timedelta(0), timedelta(0), _SECOND / 2, _SECOND / 2, _SECOND):
        clock.at += step
        await write(ports)
        await worker.step()
        latest = heads.latest()
        assert latest is not None
        seen.append(latest.seq)

    assert seen == [1, 1, 1, 4, 5]
    path = tmp_path / "audit" / LATEST_NAME
    assert len(path.read_bytes().splitlines()) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [HEADS_NAME, LATEST_NAME]


async def test_what_another_machine_chained_is_no_cut(
    heads: HeadsFile,
    ports: Ports,
    clock: FixedClock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = AuditWorker(heads, clock=clock)
    there = AuditWorker(HeadsFile(tmp_path / "there", secrets=[KEY]), clock=clock)
    for worker in (here, there, there, here, there):
        await write(ports, 2)
        await worker.step()

    assert TOLD not in capsys.readouterr().out


async def test_a_latest_head_of_a_key_that_is_gone_is_written_anew(
    worker: AuditWorker, ports: Ports, clock: FixedClock, tmp_path: Path
) -> None:
    await write(ports)
    await worker.step()
    renewed = HeadsFile(tmp_path / "audit", secrets=[b"n" * 32])
    assert renewed.latest() is None

    await AuditWorker(renewed, clock=clock).step()

    assert renewed.latest() == Head(*await head_of(1), clock.at)


async def test_a_check_says_how_many_entries_at_the_end_no_head_covers(
    worker: AuditWorker, ports: Ports, tmp_path: Path
) -> None:
    await write(ports, 2)
    await worker.step()
    await write(ports, 3)
    await worker.step()

    with_heads = await verify_chain(as_command(ports), heads=signed(tmp_path))
    without = await verify_chain(as_command(ports))

    assert (with_heads.uncovered, without.uncovered) == (3, 5)


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
