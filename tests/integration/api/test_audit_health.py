"""What /readyz and /metrics tell of a chain that stands still."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from tortoise.transactions import in_transaction

from api.data_folder import DataFolder
from api.health import Health
from api.worker_status import WorkerStatus
from models.audit_entries import AuditEntry
from models.installation import Installation
from models.rules.audit_actions import AuditAction
from resolvers.audit import log_action
from resolvers.audit_backlog import AuditBacklog, audit_backlog
from resolvers.audit_chain import chain_entries
from resolvers.ports import Ports
from tests.factories import as_command
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")


async def write(ports: Ports, count: int) -> None:
    for number in range(count):
        async with in_transaction("default") as connection:
            await log_action(
                as_command(ports), connection, AuditAction.LINK_CREATE, subject_id=number
            )


async def told(
    folder: Path, clock: FixedClock, aiohttp_client: AiohttpClient, *, needs_store: bool = True
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the report, and what /metrics has of the chain."""
    health = Health(
        folder=DataFolder.open(folder),
        status=WorkerStatus(DataFolder.open(folder).run),
        clock=clock,
        needs_store=needs_store,
        redirects=False,
        has_replica=lambda: True,
        spool_max_bytes=1000,
    )
    app = web.Application()
    app.add_routes(health.routes())
    client = await aiohttp_client(app)
    report: dict[str, Any] = await (await client.get("/readyz")).json()
    lines = (await (await client.get("/metrics")).text()).splitlines()
    values = [line.split() for line in lines if line.startswith("linkyard_audit_")]
    return report, {name: float(value) for name, value in values}


@pytest.mark.parametrize("waited_s", [0, 599, 600])
async def test_entries_that_wait_long_are_shown_and_do_not_count(
    tmp_path: Path,
    ports: Ports,
    clock: FixedClock,
    aiohttp_client: AiohttpClient,
    waited_s: int,
) -> None:
    await Installation.create(store_id="s")
    await write(ports, 2)
    await chain_entries()
    clock.at += timedelta(hours=1)
    await write(ports, 3)
    clock.at += timedelta(seconds=waited_s)

    report, metrics = await told(tmp_path, clock, aiohttp_client)

    assert report["ready"] is True
    assert report["audit"] == {"ok": waited_s < 600, "waiting": 3, "oldest_s": float(waited_s)}
    assert metrics == {
        "linkyard_audit_waiting": 3.0,
        "linkyard_audit_oldest_seconds": float(waited_s),
    }


async def test_a_chain_that_goes_on_has_nothing_waiting(
    tmp_path: Path, ports: Ports, clock: FixedClock, aiohttp_client: AiohttpClient
) -> None:
    await Installation.create(store_id="s")
    await write(ports, 3)
    await chain_entries()
    clock.at += timedelta(hours=1)

    report, metrics = await told(tmp_path, clock, aiohttp_client)

    assert report["audit"] == {"ok": True, "waiting": 0, "oldest_s": 0.0}
    assert metrics == {"linkyard_audit_waiting": 0.0, "linkyard_audit_oldest_seconds": 0.0}


async def test_a_role_without_the_portal_does_not_look_at_the_log(
    tmp_path: Path, ports: Ports, clock: FixedClock, aiohttp_client: AiohttpClient
) -> None:
    await Installation.create(store_id="s")
    await write(ports, 1)

    report, metrics = await told(tmp_path, clock, aiohttp_client, needs_store=False)

    assert ("audit" in report, metrics) == (False, {})


async def test_a_look_at_a_long_backlog_is_bounded_and_still_finds_the_oldest(
    ports: Ports, clock: FixedClock
) -> None:
    await write(ports, 1)
    clock.at += timedelta(minutes=5)
    await write(ports, 5)

    assert await AuditEntry.all().count() == 6
    assert await audit_backlog(clock, counted=4) == AuditBacklog(waiting=4, oldest_s=300.0)
