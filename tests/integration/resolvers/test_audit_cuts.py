"""The old end of the log may be cut off, and only with a signature."""

from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.orm import writer
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction
from models.rules.audit_check import Damage
from models.rules.audit_heads import Head
from resolvers import audit_cuts
from resolvers.audit import log_action
from resolvers.audit_chain import chain_entries, chain_head
from resolvers.audit_cuts import prune_audit
from resolvers.audit_verify import verify_chain
from resolvers.context import RequestContext
from resolvers.ports import Ports
from tests.factories import as_command
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

KEY = b"k" * 32
_DAY = timedelta(days=1)


@pytest.fixture
def context(ports: Ports) -> RequestContext:
    return as_command(ports)


@pytest.fixture
async def days(context: RequestContext, clock: FixedClock) -> FixedClock:
    """Ten entries, one a day, all chained; it is the tenth day."""
    for number in range(10):
        clock.at += _DAY
        async with in_transaction("default") as connection:
            await log_action(context, connection, AuditAction.LINK_UPDATE, subject_id=number)
    await chain_entries()
    return clock


async def found(context: RequestContext, *heads: Head) -> list[tuple[Damage, int, int]]:
    report = await verify_chain(context, heads=heads, secrets=[b"n" * 32, KEY])
    return [(each.damage, each.first, each.last) for each in report.findings]


async def numbers() -> list[int | None]:
    return [row.seq for row in await AuditEntry.all().order_by("id")]


async def cut(context: RequestContext, *, kept_days: int) -> int:
    total = 0
    while count := await prune_audit(context, kept_days=kept_days, secret=KEY):
        total += count
    await chain_entries()
    return total


async def test_nothing_is_cut_by_default(context: RequestContext, days: FixedClock) -> None:
    assert await cut(context, kept_days=0) == 0
    assert await cut(context, kept_days=9) == 0

    assert await numbers() == list(range(1, 11))


async def test_entries_older_than_the_days_are_cut_and_the_rest_is_whole(
    context: RequestContext, days: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_cuts, "_BATCH", 4)
    old = Head(3, "f" * 64, days.at)
    last = await chain_head(writer())

    assert await cut(context, kept_days=3) == 6

    assert await numbers() == [7, 8, 9, 10, 11, 12]  # two cuts are entries themselves
    assert await found(context, old, Head(last.seq, last.hash, days.at)) == []


async def test_a_log_that_is_old_as_a_whole_keeps_its_last_entry(
    context: RequestContext, days: FixedClock
) -> None:
    days.at += 100 * _DAY

    assert await cut(context, kept_days=30) == 9

    assert await numbers() == [10, 11]
    assert await found(context) == []


async def test_what_is_changed_behind_a_cut_is_found(
    context: RequestContext, days: FixedClock
) -> None:
    await cut(context, kept_days=3)

    await execute(writer(), "UPDATE audit_entry SET subject_id = 77 WHERE seq = 7")
    await execute(writer(), "DELETE FROM audit_entry WHERE seq = 9")

    assert await found(context) == [(Damage.EDITED, 7, 7), (Damage.REMOVED, 9, 9)]


async def test_who_cuts_further_than_was_signed_is_found(
    context: RequestContext, days: FixedClock
) -> None:
    await cut(context, kept_days=3)

    await execute(writer(), "DELETE FROM audit_entry WHERE seq <= 8")

    assert await found(context) == [(Damage.REMOVED, 7, 8)]


async def test_a_cut_that_nobody_signed_is_none(context: RequestContext, days: FixedClock) -> None:
    await prune_audit(context, kept_days=3, secret=b"x" * 32)

    assert await found(context) == [(Damage.REMOVED, 1, 6)]


async def test_what_is_put_in_front_of_a_cut_is_found(
    context: RequestContext, days: FixedClock
) -> None:
    await cut(context, kept_days=3)

    await execute(writer(), "UPDATE audit_entry SET seq = 2 WHERE seq = 11")

    assert await found(context) == [(Damage.INSERTED, 2, 2)]


async def test_entries_that_are_not_chained_are_never_cut(
    context: RequestContext, days: FixedClock
) -> None:
    await execute(writer(), "UPDATE audit_entry SET seq = NULL WHERE seq > 4")
    days.at += 100 * _DAY

    assert await prune_audit(context, kept_days=30, secret=KEY) == 3

    assert await AuditEntry.filter(seq=None).count() == 7
