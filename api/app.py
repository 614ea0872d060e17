"""Composition root of the web: the one place where routes and parts are joined."""

from dataclasses import dataclass, field

from aiohttp import web

from api import file_downloads, person_data, static_answers
from api.cors import ORIGINS, cors
from api.entrance import routes as entrance
from api.file_uploads import FileUploads
from api.graphql import Endpoint
from api.graphql_http import MAX_BODY_BYTES
from api.keys import LIMITS, PORTAL, PORTS, SITE, TRUSTED_PROXIES
from api.known_hosts import KNOWN_HOSTS, KnownHosts, known_hosts
from api.middleware import request_context
from api.oidc import OidcRoutes
from api.portal_site import PortalSite
from api.request_limits import RequestLimits
from api.security_headers import HEADERS, all_but_redirects, headers_with, security_headers
from models.rules.addresses import Network
from resolvers.domains import domain_hosts
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.root import served_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes need. Made by the process, which also opens and closes it.

    Attributes:
        hosts: under which the portal answers; None is the hosts of the ports and the domains.
        cors_origins: whose pages may call with a key.
        hsts: value of Strict-Transport-Security; "" sends none.
    """

    ports: Ports
    portal: PortalFacts
    trusted_proxies: tuple[Network, ...] = ()
    limits: RequestLimits = field(default_factory=RequestLimits)
    oidc: OidcRoutes | None = None
    hosts: KnownHosts | None = None
    cors_origins: frozenset[str] = frozenset()
    hsts: str = ""


def create_app(parts: Parts) -> web.Application:
    """Wire the routes. No I/O happens here."""
    edge = all_but_redirects(security_headers, request_context, known_hosts, cors)
    app = web.Application(middlewares=[edge], client_max_size=MAX_BODY_BYTES)
    app[HEADERS] = headers_with(parts.hsts)
    app[KNOWN_HOSTS] = parts.hosts or KnownHosts(parts.ports.own_hosts, domains=domain_hosts)
    app[ORIGINS] = parts.cors_origins
    app[PORTS] = parts.ports
    app[PORTAL] = parts.portal
    app[SITE] = PortalSite.of(parts.portal.public_url)
    app[TRUSTED_PROXIES] = parts.trusted_proxies
    app[LIMITS] = parts.limits
    endpoint = Endpoint(served_schema())
    app.router.add_route("*", "/graphql", endpoint.handle, name="graphql")
    app.add_routes(static_answers.routes)
    app.add_routes(person_data.routes)
    app.add_routes(FileUploads().routes())
    app.add_routes(file_downloads.routes)
    app.add_routes(entrance.routes())
    if parts.oidc is not None:
        app.add_routes(parts.oidc.routes())
    app.on_shutdown.append(endpoint.sockets.close)
    return app
