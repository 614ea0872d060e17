"""Entries get their places after the commit, whoever writes, and any change to them shows."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.orm import is_sqlite, writer
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction
from models.rules.audit_chain import FIELDS, GENESIS, entry_hash
from models.rules.audit_check import Damage
from models.rules.audit_heads import Head
from models.rules.moments import microseconds_of
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.audit_chain import Chained, ChainHead, chain_entries, chain_head
from resolvers.audit_verify import ChainReport, verify_chain
from resolvers.context import NotPermittedError, RequestContext
from resolvers.ports import Ports
from tests.factories import as_command, as_nobody, as_person, make_organization, make_user

pytestmark = pytest.mark.usefixtures("database")

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 1, 2, tzinfo=UTC)
WRITERS = 6
ENTRIES_OF_EACH = 15


@pytest.fixture
def context(ports: Ports) -> RequestContext:
    return as_command(ports)


async def write(context: RequestContext, count: int = 1, *, slug: str = "s") -> None:
    for number in range(count):
        async with in_transaction("default") as connection:
            after = {"slug": f"{slug}{number}", "title": "т" * number}
            await log_action(
                context, connection, AuditAction.LINK_CREATE, subject_id=number + 1, after=after
            )


async def chain_all(*, batch: int | None = None) -> int:
    """Chain until nothing is left, as the worker does; return how many entries."""
    total = 0
    while True:
        done = await chain_entries(batch=batch)
        total += done.entries
        if not done.has_more:
            return total


async def head() -> Head:
    last = await chain_head(writer())
    return Head(last.seq, last.hash, AT)


async def damages(context: RequestContext, *heads: Head) -> list[tuple[Damage, int, int]]:
    report = await verify_chain(context, heads=heads, page=3)
    return [(each.damage, each.first, each.last) for each in report.findings]


async def numbers() -> list[int | None]:
    return [row.seq for row in await AuditEntry.all().order_by("id")]


async def test_an_empty_log_is_whole(context: RequestContext) -> None:
    assert await chain_entries() == Chained(0, ChainHead(), ChainHead())
    assert await verify_chain(context) == ChainReport(
        checked=0, waiting=0, last=0, uncovered=0, findings=[], more=0
    )


async def test_entries_are_numbered_in_the_order_they_were_written(
    context: RequestContext,
) -> None:
    await write(context, 5)

    done = await chain_entries()

    assert (done.entries, done.head.seq, done.has_more) == (5, 5, False)
    assert done.head == await chain_head(writer())
    assert await numbers() == [1, 2, 3, 4, 5]
    assert await damages(context, await head()) == []


async def test_a_chain_goes_on_where_it_ended(context: RequestContext) -> None:
    await write(context, 3)
    assert await chain_all(batch=2) == 3
    first = await head()
    await write(context, 4)

    assert await chain_all(batch=2) == 4
    last = await chain_head(writer())
    assert await chain_entries() == Chained(0, last, last)
    assert await numbers() == [1, 2, 3, 4, 5, 6, 7]
    assert await damages(context, first, await head()) == []


async def test_entries_not_chained_yet_are_counted_and_do_not_fail(
    context: RequestContext,
) -> None:
    await write(context, 3)
    await chain_all()
    await write(context, 2)

    report = await verify_chain(context)

    assert (report.checked, report.waiting, report.last) == (3, 2, 3)
    assert report.findings == []


async def test_an_entry_goes_with_its_change(context: RequestContext) -> None:
    with pytest.raises(ZeroDivisionError):
        await write_and_fail(context)

    assert await AuditEntry.all().count() == 0
    assert await chain_all() == 0


async def write_and_fail(context: RequestContext) -> None:
    async with in_transaction("default") as connection:
        await log_action(context, connection, AuditAction.LINK_CREATE, subject_id=1)
        raise ZeroDivisionError


async def test_only_who_may_read_the_log_may_check_it(ports: Ports) -> None:
    with pytest.raises(NotPermittedError) as refused:
        await verify_chain(as_nobody(ports))

    assert refused.value.scope is Scope.AUDIT_READ


async def test_chain_writers_at_once_make_one_chain(context: RequestContext) -> None:
    await write(context, 40)

    await asyncio.gather(*(settled(lambda: chain_all(batch=3)) for _ in range(5)))

    assert await numbers() == list(range(1, 41))
    assert await damages(context) == []


async def settled(step: Callable[[], Awaitable[object]]) -> None:
    """Repeat until the whole log is chained, by this writer or by another."""
    while await AuditEntry.filter(seq=None).exists():
        await step()


EDITS = {  # values that no entry here has
    "at": "'2001-02-03 04:05:06+00:00'",
    "action": "'link.delete'",
    "actor_id": "77",
    "via": "'NOBODY'",
    "via_id": "77",
    "address": "'192.0.2.1'",
    "request_id": "'other'",
    "subject_type": "'user'",
    "subject_id": "NULL",
    "before": "'{ }'",
    "after": "'{}'",
    "position": "1000003",
    "organization_id": "7",
    "id": "1000003",
}


@pytest.mark.parametrize("column", EDITS)
async def test_an_edit_of_any_column_is_found(context: RequestContext, column: str) -> None:
    await write(context, 6)
    await chain_all()

    await execute(writer(), f"UPDATE audit_entry SET {column} = {EDITS[column]} WHERE seq = 3")

    # The log's own order is made of these two, so the entry seems to belong elsewhere.
    damage = Damage.REORDERED if column in {"id", "position"} else Damage.EDITED
    if column == "id" and not is_sqlite(writer()):
        damage = Damage.EDITED  # there the position comes first
    assert await damages(context) == [(damage, 3, 3)]


async def test_entries_from_before_organizations_keep_their_hashes(ports: Ports) -> None:
    """A chain that begins without them goes on with them, and neither can be forged."""
    member = as_person(ports, await make_user(organization=await make_organization()))
    await write(as_command(ports), 3)
    await write(member, 3)
    await chain_all()
    rows = await AuditEntry.all().order_by("seq")
    assert [row.organization_id is None for row in rows] == [True] * 3 + [False] * 3
    previous = GENESIS
    for row in rows[:3]:
        values = [microseconds_of(row.at) if f == "at" else getattr(row, f) for f in FIELDS]
        previous = entry_hash(previous, row.seq or 0, values)
        assert row.chain_hash == previous
    assert await damages(member) == []

    await execute(writer(), "UPDATE audit_entry SET organization_id = NULL WHERE seq = 5")

    assert await damages(member) == [(Damage.EDITED, 5, 5)]


async def test_an_edited_hash_is_found(context: RequestContext) -> None:
    await write(context, 6)
    await chain_all()

    await execute(writer(), f"UPDATE audit_entry SET chain_hash = '{GENESIS}' WHERE seq = 3")

    assert await damages(context) == [(Damage.HASH_EDITED, 3, 3)]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM audit_entry WHERE seq = 4", [(Damage.REMOVED, 4, 4)]),
        ("DELETE FROM audit_entry WHERE seq IN (2, 3, 4)", [(Damage.REMOVED, 2, 4)]),
        ("DELETE FROM audit_entry WHERE seq > 5", [(Damage.CUT, 6, 8)]),
        ("DELETE FROM audit_entry", [(Damage.CUT, 1, 8)]),
        (
            "UPDATE audit_entry SET seq = NULL, chain_hash = NULL WHERE seq = 4",
            [(Damage.REMOVED, 4, 4)],
        ),
        ("UPDATE audit_entry SET seq = NULL WHERE seq > 5", [(Damage.CUT, 6, 8)]),
        (
            "UPDATE audit_entry SET seq = 0 WHERE seq = 8",
            [(Damage.INSERTED, 0, 0), (Damage.CUT, 8, 8)],
        ),
    ],
)
async def test_what_is_taken_out_is_found(
    context: RequestContext, statement: str, found: list[tuple[Damage, int, int]]
) -> None:
    await write(context, 8)
    await chain_all()
    last = await head()

    await execute(writer(), statement)

    assert await damages(context, last) == found


async def test_removed_entries_are_found_though_the_rest_got_new_numbers(
    context: RequestContext,
) -> None:
    await write(context, 8)
    await chain_all()
    last = await head()

    await execute(writer(), "DELETE FROM audit_entry WHERE seq IN (3, 4)")
    for seq in range(5, 9):
        await execute(writer(), f"UPDATE audit_entry SET seq = {seq - 2} WHERE seq = {seq}")

    assert await damages(context, last) == [(Damage.REMOVED, 3, 4)]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        # Entry 4 is before 3, and missing behind it.
        (4, [(Damage.INSERTED, 3, 3), (Damage.REMOVED, 4, 4)]),
        (
            6,
            [
                (Damage.REORDERED, 3, 3),
                (Damage.REORDERED, 4, 4),
                (Damage.REORDERED, 6, 6),
                (Damage.EDITED, 7, 7),
            ],
        ),
    ],
)
async def test_exchanged_entries_are_found(
    context: RequestContext, other: int, found: list[tuple[Damage, int, int]]
) -> None:
    await write(context, 8)
    await chain_all()

    for seq, becomes in ((3, -1), (other, 3), (-1, other)):
        await execute(writer(), f"UPDATE audit_entry SET seq = {becomes} WHERE seq = {seq}")

    assert await damages(context) == found


async def test_an_inserted_entry_is_found(context: RequestContext) -> None:
    await write(context, 8)
    await chain_all()
    last = await head()
    await write(context)

    for seq in range(8, 3, -1):
        await execute(writer(), f"UPDATE audit_entry SET seq = {seq + 1} WHERE seq = {seq}")
    await execute(
        writer(), f"UPDATE audit_entry SET seq = 4, chain_hash = '{GENESIS}' WHERE seq IS NULL"
    )

    assert await damages(context, last) == [(Damage.INSERTED, 4, 4)]


async def test_a_chain_that_was_computed_anew_is_found_by_a_head(context: RequestContext) -> None:
    await write(context, 8)
    await chain_all()
    last = await head()

    await execute(writer(), "UPDATE audit_entry SET subject_id = 77 WHERE seq = 4")
    await execute(writer(), "UPDATE audit_entry SET seq = NULL, chain_hash = NULL")
    await chain_all()

    assert await damages(context) == []
    assert await damages(context, last) == [(Damage.REWRITTEN, 8, 8)]


async def test_texts_that_are_none_are_found(context: RequestContext) -> None:
    if not is_sqlite(writer()):
        with pytest.raises(OperationalError, match="invalid input syntax"):
            await execute(writer(), "UPDATE audit_entry SET seq = 'last'")
        return
    await write(context, 4)
    await chain_all()
    last = await head()

    await execute(writer(), "UPDATE audit_entry SET at = x'ff', address = x'ff' WHERE seq = 2")
    await execute(writer(), "UPDATE audit_entry SET seq = 'last', chain_hash = x'ff' WHERE seq = 4")

    assert await damages(context, last) == [
        (Damage.EDITED, 2, 2),
        (Damage.CUT, 4, 4),
        (Damage.INSERTED, 0, 0),
    ]


async def test_a_killed_chain_writer_leaves_a_whole_chain(
    context: RequestContext, database_url: str
) -> None:
    """The process is killed in the middle of what it does, wherever that is."""
    for kill_after in (1, 3, 4):
        await write(context, 30)
        chained = (await chain_head(writer())).seq
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHAIN_FOR_EVER, database_url,
            stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(kill_after):
            await process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()

        assert (await chain_head(writer())).seq >= chained + 2 * (kill_after - 1)
        assert await damages(context, await head()) == []

    await chain_all()
    assert await numbers() == list(range(1, 91))
    assert await damages(context, await head()) == []


CHAIN_FOR_EVER = """
import asyncio, sys
from models.orm import open_database
from resolvers.audit_chain import chain_entries

async def main():
    async with open_database(sys.argv[1]):
        print("begin", flush=True)
        while True:
            done = await chain_entries(batch=2)
            if done.entries:
                print(done.head.seq, flush=True)

asyncio.run(main())
"""


# Transactions of PostgreSQL end in another order than they began; on SQLite they take turns.


@pytest.fixture
def server(database_url: str, postgres_server: str | None) -> str | None:
    return None if postgres_server is None else database_url.replace("asyncpg://", "postgres://")


async def test_no_entry_of_parallel_writers_is_passed_over(context: RequestContext) -> None:
    stop = asyncio.Event()

    async def chain() -> None:
        while not stop.is_set():
            await chain_entries(batch=7)

    async def write_some(number: int) -> None:
        for turn in range(ENTRIES_OF_EACH):
            async with in_transaction("default") as connection:
                await log_action(
                    context, connection, AuditAction.LINK_CREATE, subject_id=number + 1
                )
                await asyncio.sleep(0)
                await log_action(context, connection, AuditAction.LINK_UPDATE, subject_id=turn + 1)

    chaining = asyncio.create_task(chain())
    await asyncio.gather(*(write_some(number) for number in range(WRITERS)))
    stop.set()
    await chaining
    await chain_all()

    count = 2 * WRITERS * ENTRIES_OF_EACH
    rows = await AuditEntry.all().order_by("seq")
    assert [row.seq for row in rows] == list(range(1, count + 1))
    places = [(row.position or 0, row.id) for row in rows]
    assert places == sorted(places)
    assert await damages(context, await head()) == []


async def test_a_transaction_that_stays_open_only_delays(
    context: RequestContext, server: str | None
) -> None:
    if server is None:
        await write(context, 3)
        assert await chain_all() == 3
        return
    connection = await asyncpg.connect(server)
    try:
        await write(context, slug="before")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO audit_entry (at, action, via, address, request_id, subject_type,"
            " before, after) VALUES (now(), 'link.update', 'COMMAND', '', '', 'link', '{}', '{}')"
        )
        await write(context, 3, slug="later")

        assert await chain_all() == 1
        assert (await verify_chain(context)).waiting == 3

        await transaction.commit()
        assert await chain_all() == 4
    finally:
        await connection.close()
    rows = await AuditEntry.all().order_by("seq")
    assert [row.action for row in rows] == ["link.create", "link.update", *["link.create"] * 3]
    assert await damages(context, await head()) == []


async def test_entries_that_came_from_another_server_are_chained(context: RequestContext) -> None:
    """A dump keeps transaction numbers that its new server reaches in years, if ever."""
    await write(context, 2)
    if not is_sqlite(writer()):
        await execute(writer(), f"UPDATE audit_entry SET position = {1 << 50}")
    await write(context, 1)

    assert await chain_all() == 3
    assert await damages(context) == []
