"""Typed keys of the aiohttp application and of its requests."""

from typing import Final

from aiohttp import web

from api.portal_site import PortalSite
from api.request_limits import RequestLimits
from models.rules.addresses import Network
from resolvers.ports import Ports
from schema.context import PortalFacts

PORTS: Final = web.AppKey("ports", Ports)
PORTAL: Final = web.AppKey("portal", PortalFacts)
TRUSTED_PROXIES: Final = web.AppKey[tuple[Network, ...]]("trusted_proxies", tuple)
SITE: Final = web.AppKey("site", PortalSite)
LIMITS: Final = web.AppKey("limits", RequestLimits)
REQUEST_ID: Final = web.RequestKey("request_id", str)  # see api.middleware
