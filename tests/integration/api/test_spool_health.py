"""What /readyz and /metrics tell of the spool."""

import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from aiohttp.test_utils import TestClient

from api.adapters.clock import SystemClock
from api.data_folder import DataFolder
from api.health import Health
from api.metrics import LOOKED_UP, Metrics
from api.worker_status import WorkerStatus
from models.rules.spool_format import HEADER_BYTES

pytestmark = pytest.mark.usefixtures("database")


def write(folder: DataFolder, *, record_bytes: int) -> None:
    (folder.spool / f"{'a' * 32}.spool").write_bytes(bytes(HEADER_BYTES + record_bytes))


async def client_of(folder: DataFolder, aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    health = Health(
        folder=folder,
        status=WorkerStatus(folder.run),
        clock=SystemClock(),
        needs_store=False,
        redirects=True,
        has_replica=lambda: True,
        spool_max_bytes=1000,
    )
    app = web.Application()
    app.add_routes(health.routes())
    return await aiohttp_client(app)


async def spool_of(folder: DataFolder, aiohttp_client: AiohttpClient) -> dict[str, Any]:
    response = await (await client_of(folder, aiohttp_client)).get("/readyz")
    assert response.status == 200
    spool: dict[str, Any] = (await response.json())["spool"]
    return spool


async def test_clicks_of_a_newer_version_are_shown(
    tmp_path: Path, aiohttp_client: AiohttpClient
) -> None:
    folder = DataFolder.open(tmp_path)
    metrics = Metrics(folder.metrics)

    metrics.gauge("linkyard_spool_too_new").set(2)

    spool = await spool_of(folder, aiohttp_client)
    assert (spool["ok"], spool["trouble"]) == (
        False,
        ["a newer version wrote clicks that this one cannot read"],
    )
    metrics.close()


async def test_a_sync_that_fails_is_shown(tmp_path: Path, aiohttp_client: AiohttpClient) -> None:
    folder = DataFolder.open(tmp_path)
    metrics = Metrics(folder.metrics)
    in_order = await spool_of(folder, aiohttp_client)

    metrics.counter("linkyard_spool_sync_failures_total").inc(2)
    metrics.gauge("linkyard_spool_sync_failing").set(1)

    assert in_order == {
        "ok": True,
        "bytes": 0,
        "max_bytes": 1000,
        "oldest_s": 0.0,
        "lost": 0,
        "sync_failures": 0,
        "trouble": [],
    }
    assert await spool_of(folder, aiohttp_client) == in_order | {
        "ok": False,
        "sync_failures": 2,
        "trouble": ["clicks that are written cannot be synced to the disk"],
    }
    metrics.close()


async def gauges_of(folder: DataFolder, aiohttp_client: AiohttpClient) -> dict[str, float]:
    response = await (await client_of(folder, aiohttp_client)).get("/metrics")
    assert response.status == 200
    lines = (await response.text()).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name in LOOKED_UP
    }


async def test_without_a_worker_all_that_lies_in_the_spools_waits(
    tmp_path: Path, aiohttp_client: AiohttpClient
) -> None:
    folder = DataFolder.open(tmp_path)
    write(folder, record_bytes=1000)

    spool = await spool_of(folder, aiohttp_client)

    assert (spool["ok"], spool["bytes"], spool["oldest_s"]) == (False, 1000, 0.0)
    assert await gauges_of(folder, aiohttp_client) == {
        "linkyard_spool_bytes": 1000.0,
        "linkyard_spool_oldest_seconds": 0.0,
    }


async def test_what_is_stored_is_neither_shown_nor_held_against_the_spool(
    tmp_path: Path, aiohttp_client: AiohttpClient
) -> None:
    folder = DataFolder.open(tmp_path)
    write(folder, record_bytes=5000)
    status = WorkerStatus(folder.run)
    status.note_spools(stored_bytes=5000, oldest_us=0, caught_up_us=1_000_000)

    spool = await spool_of(folder, aiohttp_client)

    assert (spool["ok"], spool["bytes"], spool["oldest_s"]) == (True, 0, 0.0)
    assert await gauges_of(folder, aiohttp_client) == {
        "linkyard_spool_bytes": 0.0,
        "linkyard_spool_oldest_seconds": 0.0,
    }


@pytest.mark.parametrize("oldest_us", [0, 1_000_000])
async def test_the_wait_of_the_oldest_click_is_shown_also_when_the_worker_is_gone(
    tmp_path: Path, aiohttp_client: AiohttpClient, oldest_us: int
) -> None:
    folder = DataFolder.open(tmp_path)
    write(folder, record_bytes=5000)
    status = WorkerStatus(folder.run)
    # It saw a click of 1970 that waits, or has stored none since then.
    caught_up_us = time.time_ns() // 1000 if oldest_us else 1_000_000
    status.note_spools(stored_bytes=4500, oldest_us=oldest_us, caught_up_us=caught_up_us)

    spool = await spool_of(folder, aiohttp_client)
    gauges = await gauges_of(folder, aiohttp_client)

    assert (spool["ok"], spool["bytes"], gauges["linkyard_spool_bytes"]) == (True, 500, 500.0)
    for age_s in (spool["oldest_s"], gauges["linkyard_spool_oldest_seconds"]):
        assert abs(time.time() - 1.0 - age_s) < 20.0
