"""What /readyz tells of the spool."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient

from api.adapters.clock import SystemClock
from api.data_folder import DataFolder
from api.health import Health
from api.metrics import Metrics
from api.worker_status import WorkerStatus

pytestmark = pytest.mark.usefixtures("database")


async def spool_of(folder: DataFolder, aiohttp_client: AiohttpClient) -> dict[str, Any]:
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
    response = await (await aiohttp_client(app)).get("/readyz")
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
