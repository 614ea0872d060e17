"""What /readyz tells of letters."""

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
from models.installation import Installation
from models.rules.mail_templates import MailTemplate
from resolvers.mails import post_mail
from resolvers.ports import Ports
from tests.factories import as_nobody
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")


async def report_of(
    folder: Path, clock: FixedClock, aiohttp_client: AiohttpClient, *, needs_store: bool = True
) -> dict[str, Any]:
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
    report: dict[str, Any] = await (await (await aiohttp_client(app)).get("/readyz")).json()
    return report


@pytest.mark.parametrize("waited_s", [0, 599, 600])
async def test_a_letter_that_waits_long_is_shown_and_does_not_count(
    tmp_path: Path,
    ports: Ports,
    clock: FixedClock,
    aiohttp_client: AiohttpClient,
    waited_s: int,
) -> None:
    await Installation.create(store_id="s")
    async with in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to="anna@example.org",
            locale="en",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": ""},
        )
    clock.at += timedelta(seconds=waited_s)

    report = await report_of(tmp_path, clock, aiohttp_client)

    assert report["ready"] is True
    assert report["mail"] == {"ok": waited_s < 600, "waiting": 1, "oldest_s": float(waited_s)}


async def test_a_role_without_the_portal_does_not_look_at_letters(
    tmp_path: Path, clock: FixedClock, aiohttp_client: AiohttpClient
) -> None:
    await Installation.create(store_id="s")

    report = await report_of(tmp_path, clock, aiohttp_client, needs_store=False)

    assert "mail" not in report
