"""Composition root of the web: the one place where routes and parts are joined."""

from dataclasses import dataclass, field

from aiohttp import web

from api import static_answers
from api.graphql import Endpoint
from api.graphql_http import MAX_BODY_BYTES
from api.keys import LIMITS, PORTAL, PORTS, SITE, TRUSTED_PROXIES
from api.middleware import request_context
from api.oidc import OidcRoutes
from api.portal_site import PortalSite
from api.request_limits import RequestLimits
from models.rules.addresses import Network
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.root import served_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes need. Made by the process, which also opens and closes it."""

    ports: Ports
    portal: PortalFacts
    trusted_proxies: tuple[Network, ...] = ()
    limits: RequestLimits = field(default_factory=RequestLimits)
    oidc: OidcRoutes | None = None


def create_app(parts: Parts) -> web.Application:
    """Wire the routes. No I/O happens here."""
    app = web.Application(middlewares=[request_context], client_max_size=MAX_BODY_BYTES)
    app[PORTS] = parts.ports
    app[PORTAL] = parts.portal
    app[SITE] = PortalSite.of(parts.portal.public_url)
    app[TRUSTED_PROXIES] = parts.trusted_proxies
    app[LIMITS] = parts.limits
    endpoint = Endpoint(served_schema())
    app.router.add_route("*", "/graphql", endpoint.handle, name="graphql")
    app.add_routes(static_answers.routes)
    if parts.oidc is not None:
        app.add_routes(parts.oidc.routes())
    app.on_shutdown.append(endpoint.sockets.close)
    return app
