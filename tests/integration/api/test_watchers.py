"""Numbers are for this machine, our networks and keys for it; others get the verdict alone."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from aiohttp.typedefs import Handler
from tortoise.transactions import in_transaction

from api.data_folder import DataFolder
from api.health import Health
from api.watchers import Watchers
from api.worker_status import WorkerStatus
from models.installation import Installation
from models.rules.mail_templates import MailTemplate
from models.rules.scopes import Scope
from resolvers.api_keys import create_api_key
from resolvers.mails import post_mail
from resolvers.ports import Ports
from tests.factories import as_command, as_nobody, make_user
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

NETWORKS: Final = (ipaddress.ip_network("10.7.0.0/16"), ipaddress.ip_network("fd00:7::/32"))
PROXIES: Final = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("10.0.0.1"))
VERDICT: Final[dict[str, object]] = {"ready": True, "redirect": False, "failing": []}


class Place:
    """A service without links that believes requests to come from `peer`."""

    def __init__(self, folder: DataFolder, clock: FixedClock, watchers: Watchers) -> None:
        self.peer = "127.0.0.1"
        health = Health(
            folder=folder,
            status=WorkerStatus(folder.run),
            clock=clock,
            needs_store=True,
            redirects=False,
            has_replica=lambda: True,
            spool_max_bytes=1000,
            watchers=watchers,
        )
        self.app = web.Application(middlewares=[self._moved])
        self.app.add_routes(health.routes())

    @web.middleware
    async def _moved(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request.clone(remote=self.peer))


async def answers(
    place: Place, aiohttp_client: AiohttpClient, headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """Return the status of /metrics, and what /readyz says."""
    client = await aiohttp_client(place.app)
    metrics = await client.get("/metrics", headers=headers)
    ready = await client.get("/readyz", headers=headers)
    return metrics.status, await ready.json()


@pytest.mark.parametrize(
    ("peer", "headers", "proxies", "is_inside"),
    [
        ("127.0.0.1", {}, (), True),
        ("::1", {}, (), True),
        ("::ffff:127.0.0.1", {}, (), True),
        ("10.7.3.4", {}, (), True),
        ("::ffff:10.7.3.4", {}, (), True),
        ("fd00:7::9", {}, (), True),
        ("10.8.0.1", {}, (), False),
        ("192.0.2.1", {}, (), False),
        ("", {}, (), False),
        ("127.0.0.1", {"X-Forwarded-For": "10.7.3.4"}, (), False),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, (), False),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, (), False),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.1"}, (), False),
        ("127.0.0.1", {"Via": "1.1 proxy"}, (), False),
        ("10.7.3.4", {"X-Forwarded-For": "192.0.2.1"}, (), False),
        ("127.0.0.1", {"X-Forwarded-For": "10.7.3.4"}, PROXIES, True),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1, 10.7.3.4"}, PROXIES, True),
        ("127.0.0.1", {"X-Forwarded-For": "10.7.3.4, 192.0.2.1"}, PROXIES, False),
        ("127.0.0.1", {"X-Forwarded-For": "10.7.3.4, 192.0.2.1, 10.0.0.1"}, PROXIES, False),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, PROXIES, False),
        ("127.0.0.1", {"X-Forwarded-For": "::1, 10.0.0.1"}, PROXIES, False),
        ("127.0.0.1", {"X-Forwarded-For": "10.7.3.4, nonsense"}, PROXIES, False),
        ("127.0.0.1", {"X-Forwarded-For": ""}, PROXIES, False),
        ("127.0.0.1", {"Forwarded": "for=10.7.3.4"}, PROXIES, False),
    ],
)
async def test_numbers_are_for_this_machine_and_for_our_networks(  # noqa: PLR0913, PLR0917
    tmp_path: Path,
    clock: FixedClock,
    aiohttp_client: AiohttpClient,
    peer: str,
    headers: dict[str, str],
    proxies: tuple[ipaddress.IPv4Network, ...],
    is_inside: bool,  # noqa: FBT001
) -> None:
    await Installation.create(store_id="s")
    place = Place(DataFolder.open(tmp_path), clock, Watchers(NETWORKS, proxies))
    place.peer = peer

    status, ready = await answers(place, aiohttp_client, headers)

    assert status == (200 if is_inside else 401)
    if is_inside:
        assert ready["mail"] == {"ok": True, "waiting": 0, "oldest_s": 0.0}
    else:
        assert ready == VERDICT


async def test_a_letter_that_waits_changes_nothing_for_outsiders(
    tmp_path: Path, ports: Ports, clock: FixedClock, aiohttp_client: AiohttpClient
) -> None:
    await Installation.create(store_id="s")
    place = Place(DataFolder.open(tmp_path), clock, Watchers())
    place.peer = "192.0.2.1"
    async with in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to="anna@example.org",
            locale="en",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": ""},
        )

    assert await answers(place, aiohttp_client, {}) == (401, VERDICT)


@pytest.mark.parametrize(
    ("scope", "expected"), [(Scope.OPS_READ, 200), (Scope.LINK_READ, 401), (None, 401)]
)
async def test_a_key_needs_the_scope(  # noqa: PLR0913, PLR0917
    tmp_path: Path,
    ports: Ports,
    clock: FixedClock,
    aiohttp_client: AiohttpClient,
    scope: Scope | None,
    expected: int,
) -> None:
    await Installation.create(store_id="s")
    user = await make_user()
    key = "lky_nothing"
    if scope is not None:
        _, key = await create_api_key(
            as_command(ports), label="key", scopes=[scope], user_id=user.id
        )
    place = Place(DataFolder.open(tmp_path), clock, Watchers())
    place.peer = "192.0.2.1"

    status, ready = await answers(place, aiohttp_client, {"Authorization": f"Bearer {key}"})

    assert (status, "mail" in ready) == (expected, expected == 200)
