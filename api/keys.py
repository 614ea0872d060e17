"""Typed keys of the aiohttp application and of its requests."""

from typing import Final

from aiohttp import web

from resolvers.ports import Ports
from schema.context import PortalFacts

PORTS: Final = web.AppKey("ports", Ports)
PORTAL: Final = web.AppKey("portal", PortalFacts)
REQUEST_ID: Final = web.RequestKey("request_id", str)  # see api.middleware
