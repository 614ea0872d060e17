"""No slug can be one of our own paths, and no own path is answered as a slug."""

from pathlib import Path

from aiohttp import web

from api import static_answers
from api.adapters.clock import SystemClock
from api.app import Parts, create_app
from api.data_folder import DataFolder
from api.health import Health
from api.worker_status import WorkerStatus
from models.rules.slugs import RESERVED_WORDS
from resolvers.ports import Ports
from schema.context import PortalFacts


async def test_the_first_part_of_every_route_is_a_reserved_word(
    tmp_path: Path, ports: Ports
) -> None:
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    folder = DataFolder.open(tmp_path)
    health = Health(
        folder=folder,
        status=WorkerStatus(folder.run),
        clock=SystemClock(),
        needs_store=True,
        redirects=True,
        has_replica=lambda: True,
        spool_max_bytes=1,
    )
    app = create_app(Parts(ports=ports, portal=facts))
    app.add_routes(health.routes())
    assert {route.path for route in static_answers.routes if isinstance(route, web.RouteDef)} <= {
        resource.canonical for resource in app.router.resources()
    }

    words = {resource.canonical.split("/")[1] for resource in app.router.resources()}

    front_page = ""  # which is no slug in any case
    assert words == {
        front_page,
        "api",
        "app",
        "assets",
        "graphql",
        "robots.txt",
        "favicon.ico",
        "files",
        "healthz",
        "readyz",
        "metrics",
    }
    assert words - {front_page} <= RESERVED_WORDS
