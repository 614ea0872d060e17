"""Composition root of the web: the one place where routes and parts are joined."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from api.graphql import Endpoint
from api.graphql_http import MAX_BODY_BYTES
from api.keys import PORTAL, PORTS
from api.middleware import request_context
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.root import build_schema

ROBOTS_TXT: Final = "User-agent: *\nDisallow: /\n"  # a list of links is nobody's reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes need. Made by the process, which also opens and closes it."""

    ports: Ports
    portal: PortalFacts


def create_app(parts: Parts) -> web.Application:
    """Wire the routes. No I/O happens here."""
    app = web.Application(middlewares=[request_context], client_max_size=MAX_BODY_BYTES)
    app[PORTS] = parts.ports
    app[PORTAL] = parts.portal
    endpoint = Endpoint(build_schema())
    app.router.add_route("*", "/graphql", endpoint.handle, name="graphql")
    app.router.add_get("/robots.txt", robots, name="robots")
    app.router.add_get("/favicon.ico", favicon, name="favicon")
    app.on_shutdown.append(endpoint.sockets.close)
    return app


async def robots(_request: web.Request) -> web.Response:
    """Ask crawlers to leave every link alone."""
    return web.Response(text=ROBOTS_TXT, headers={"Cache-Control": "public, max-age=86400"})


async def favicon(_request: web.Request) -> web.Response:
    """Tell browsers, for a day, that there is no icon: they ask at every page otherwise."""
    return web.Response(status=204, headers={"Cache-Control": "public, max-age=86400"})
