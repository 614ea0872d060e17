"""What is deleted in its time, and that nothing else is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from api.workers.retention import RetentionWorker
from models.clicks import Click, SpoolPosition
from models.installation import Installation
from models.links import LinkChange
from models.mails import Mail
from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.replays import Replay
from models.rules.click_record import RawClick
from models.rules.moments import microseconds_of
from models.sessions import Session
from resolvers import retention
from resolvers.click_audit import audit_clicks
from resolvers.click_progress import forget_source, note_progress
from resolvers.ingestion import Ingestion, SpoolSlice, finish_file
from resolvers.ports import Ports
from resolvers.retention import SOURCES_SILENT, prune_spool_positions
from tests.factories import as_command, make_link, make_user
from tests.fakes import FixedClock
from tests.people import begin

pytestmark = pytest.mark.usefixtures("database")

_SECOND = timedelta(seconds=1)
_NOW = datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
_EDGE = datetime(2026, 2, 19, 12, 0, tzinfo=UTC)  # ten days earlier, at a quarter of an hour


@pytest.fixture
def worker(ports: Ports, clock: FixedClock) -> RetentionWorker:
    clock.at = _NOW
    return RetentionWorker(as_command(ports), click_days=10)


async def store_clicks(ports: Ports, *moments: datetime) -> None:
    clicks = [RawClick(1, microseconds_of(at)) for at in moments]
    part = SpoolSlice(file_id="a" * 32, start=0, end=100, clicks=clicks)
    await Ingestion().store(as_command(ports), [part])


async def test_clicks_are_deleted_in_whole_quarters_and_their_counts_stay(
    ports: Ports, worker: RetentionWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Installation.create(store_id="s")
    old = [_EDGE - timedelta(microseconds=1), *(_EDGE - timedelta(days=n) for n in range(1, 8))]
    await store_clicks(ports, *old, _EDGE, _NOW)
    monkeypatch.setattr(retention, "BATCH", 3)

    deleted = await worker.step()

    assert deleted["clicks"] == 8
    assert [row.at_us for row in await Click.all().order_by("at_us")] == [
        microseconds_of(_EDGE),
        microseconds_of(_NOW),
    ]
    audit = await audit_clicks(dict)
    assert audit.differences == []
    assert (audit.spooled, audit.stored, audit.counted) == (10, 2, 10)
    assert audit.kept_since_us == microseconds_of(_EDGE)


async def test_a_longer_retention_later_does_not_make_the_audit_cry(
    ports: Ports, worker: RetentionWorker
) -> None:
    await Installation.create(store_id="s")
    await store_clicks(ports, _EDGE - timedelta(days=5), _NOW)
    await worker.step()

    await RetentionWorker(as_command(ports), click_days=90).step()

    audit = await audit_clicks(dict)
    assert (audit.differences, audit.kept_since_us) == ([], microseconds_of(_EDGE))


async def test_a_clock_that_jumps_ahead_costs_a_day_of_single_clicks_at_each_step(
    ports: Ports, clock: FixedClock, worker: RetentionWorker
) -> None:
    await Installation.create(store_id="s")
    await worker.step()
    days = [_EDGE + timedelta(days=n) for n in range(4)]
    await store_clicks(ports, *days)

    clock.at = _NOW + timedelta(days=365)
    assert (await worker.step())["clicks"] == 1  # and not all of them
    assert (await worker.step())["clicks"] == 1

    clock.at = _NOW + timedelta(days=1)  # somebody set it right
    assert (await worker.step())["clicks"] == 0
    assert [row.at_us for row in await Click.all().order_by("at_us")] == [
        microseconds_of(day) for day in days[2:]
    ]
    audit = await audit_clicks(dict)
    assert (audit.differences, audit.kept_since_us) == ([], microseconds_of(days[2]))


async def test_after_a_long_absence_the_retention_catches_up(
    ports: Ports, clock: FixedClock, worker: RetentionWorker
) -> None:
    await Installation.create(store_id="s")
    await worker.step()
    await store_clicks(ports, *(_EDGE + timedelta(days=n) for n in range(4)))

    clock.at = _NOW + timedelta(days=3)
    deleted = [(await worker.step())["clicks"] for _ in range(4)]

    assert deleted == [1, 1, 1, 0]


async def test_without_an_installation_nothing_is_deleted(
    ports: Ports, worker: RetentionWorker
) -> None:
    await store_clicks(ports, _EDGE - timedelta(days=5))

    assert (await worker.step())["clicks"] == 0
    assert await Click.all().count() == 1


async def test_old_changes_and_answers_are_deleted(ports: Ports, worker: RetentionWorker) -> None:
    await make_link(as_command(ports))
    change = await LinkChange.first()
    assert change is not None
    await LinkChange.all().update(at=_NOW - timedelta(days=7, seconds=1))
    await make_link(as_command(ports))
    await LinkChange.exclude(id=change.id).update(at=_NOW - timedelta(days=6))
    kept = await LinkChange.exclude(id=change.id).count()
    user = await make_user()
    for hours in (25, 23):
        answer = await Replay.create(
            user=user, mutation="m", request_id=f"r{hours}", body_hash="h", result_id=1
        )
        await Replay.filter(id=answer.id).update(created_at=_NOW - timedelta(hours=hours))

    deleted = await worker.step()

    assert deleted["replays"] == 1
    assert [row.request_id for row in await Replay.all()] == ["r23"]
    assert deleted["link_changes"] >= 1
    assert await LinkChange.all().count() == kept


async def test_spools_that_are_gone_for_long_are_summed_up(
    ports: Ports, clock: FixedClock, worker: RetentionWorker
) -> None:
    context = as_command(ports)
    clock.at = _NOW - timedelta(days=91)
    for name in "abc":
        clicks = [RawClick(1, microseconds_of(_NOW))]
        await Ingestion().store(
            context, [SpoolSlice(file_id=name * 32, start=0, end=9, clicks=clicks, damaged=1)]
        )
    for name in "ab":
        await finish_file(context, name * 32)
    clock.at = _NOW
    await note_progress(source="silent", complete_to=_NOW - SOURCES_SILENT - _SECOND)

    assert (await worker.step())["spool_positions"] == 2

    rows = {row.file_id: (row.records, row.damaged) for row in await SpoolPosition.all()}
    assert rows == {"0" * 32: (2, 2), "c" * 32: (1, 1)}
    assert (await audit_clicks(dict)).differences == []
    await finish_file(context, "c" * 32)
    clock.at = _NOW + timedelta(days=91)
    assert (await worker.step())["spool_positions"] == 1
    rows = {row.file_id: (row.records, row.damaged) for row in await SpoolPosition.all()}
    assert rows == {"0" * 32: (3, 3)}


async def read_long_ago(ports: Ports, clock: FixedClock, *file_ids: str) -> None:
    """Store one click of each file, 91 days before now."""
    clock.at = _NOW - timedelta(days=91)
    for file_id in file_ids:
        clicks = [RawClick(1, microseconds_of(_NOW))]
        part = SpoolSlice(file_id=file_id, start=0, end=9, clicks=clicks)
        await Ingestion().store(as_command(ports), [part])
    clock.at = _NOW


async def test_machines_that_forget_at_the_same_time_sum_up_once(
    ports: Ports, clock: FixedClock
) -> None:
    context = as_command(ports)
    ids = [f"{number:032x}" for number in range(1, 41)]
    await read_long_ago(ports, clock, *ids)

    counts = await asyncio.gather(*(prune_spool_positions(context) for _ in range(4)))

    assert sum(counts) == 40
    assert [(row.file_id, row.records) for row in await SpoolPosition.all()] == [("0" * 32, 40)]
    assert (await audit_clicks(dict)).differences == []


async def test_a_file_that_went_without_a_note_is_forgotten_once_every_machine_is_heard_of(
    ports: Ports, clock: FixedClock
) -> None:
    context = as_command(ports)
    await read_long_ago(ports, clock, "a" * 32, "b" * 32)
    await note_progress(source="here", complete_to=_NOW)
    await note_progress(source="gone", complete_to=_NOW - SOURCES_SILENT - _SECOND)

    assert await prune_spool_positions(context, present={"b" * 32}) == 0
    assert await SpoolPosition.all().count() == 2

    await forget_source("gone")

    assert await prune_spool_positions(context, present={"b" * 32}) == 1
    rows = {row.file_id: row.records for row in await SpoolPosition.all()}
    assert rows == {"0" * 32: 1, "b" * 32: 1}
    assert await prune_spool_positions(context, present={"b" * 32}) == 0


async def test_a_position_that_moved_of_late_stays(ports: Ports, clock: FixedClock) -> None:
    await read_long_ago(ports, clock, "a" * 32)
    clock.at = _NOW - timedelta(days=89)
    clicks = [RawClick(1, microseconds_of(_NOW))]
    more = SpoolSlice(file_id="a" * 32, start=9, end=18, clicks=clicks)
    await Ingestion().store(as_command(ports), [more])
    clock.at = _NOW

    assert await prune_spool_positions(as_command(ports)) == 0
    assert (await SpoolPosition.get()).records == 2


async def test_letters_go_a_month_after_they_are_over_and_those_that_wait_stay(
    ports: Ports, worker: RetentionWorker, clock: FixedClock
) -> None:
    old, young = _NOW - timedelta(days=30, seconds=1), _NOW - timedelta(days=30)
    for name, posted_at, due_at in (
        ("over", old, None),
        ("waiting", old, _NOW),
        ("recent", young, None),
    ):
        await Mail.create(
            to_address="anna@example.org",
            template="TEST",
            locale="en",
            sealed_params=name,
            created_at=posted_at,
            next_attempt_at=due_at,
        )

    deleted = await worker.step()

    assert deleted["mails"] == 1
    assert {mail.sealed_params for mail in await Mail.all()} == {"waiting", "recent"}


async def test_sessions_and_one_time_secrets_go_some_time_after_their_end(
    ports: Ports, worker: RetentionWorker, clock: FixedClock
) -> None:
    person = await make_user()
    clock.at = _NOW - timedelta(days=37, seconds=1)  # a session lasts for seven days
    old = await begin(ports, person)
    clock.at += _SECOND
    young = await begin(ports, person)
    clock.at = _NOW
    for name, age in (("old", timedelta(days=7) + _SECOND), ("young", timedelta(days=7))):
        await OneTimeToken.create(
            purpose=TokenPurpose.PASSWORD_RESET, token_hash=name, expires_at=_NOW - age
        )

    deleted = await worker.step()

    assert (deleted["sessions"], deleted["one_time_tokens"]) == (1, 1)
    assert [row.id for row in await Session.all()] == [young.session_id]
    assert old.session_id != young.session_id
    assert [row.token_hash for row in await OneTimeToken.all()] == ["young"]
