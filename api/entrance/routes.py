"""GET and HEAD of the front page, of the doors, and of the files that they load."""

from functools import partial
from typing import Final

from aiohttp import hdrs, web

from api.entrance.documents import door_page, front_page
from api.entrance.doors import DOORS, Door
from api.entrance.own_files import BY_NAME
from api.keys import PORTAL, PORTS, SITE
from api.origin import is_secure
from models.rules.portal_paths import FRONT
from models.texts import negotiate

ASSETS: Final = "/assets/{name}"
_FOREVER: Final = "public, max-age=31536000, immutable"  # a changed file has another name
_POLICY: Final = "Content-Security-Policy"
_NOTHING: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'self'"
FRONT_POLICY: Final = f"{_NOTHING}; form-action 'none'"
DOOR_POLICY: Final = f"{_NOTHING}; script-src 'self'; connect-src 'self'; form-action 'self'"


def routes() -> list[web.RouteDef]:
    """Return all of them for an application."""
    return [
        web.get(FRONT, front),
        *(web.get(door.path, partial(_door, door)) for door in DOORS),
        web.get(ASSETS, asset),
    ]


async def front(request: web.Request) -> web.Response:
    """Say what this is; where the API is, on the portal's own host alone."""
    facts, site = request.app[PORTAL], request.app[SITE]
    locale = _locale(request)
    page = front_page(
        locale=locale,
        portal=facts.name,
        url=facts.public_url,
        is_portal=site.allows(f"{site.scheme}://{request.host}", host=request.host),
        is_local=site.is_local,
    )
    return _page(page, locale, policy=FRONT_POLICY)


async def _door(door: Door, request: web.Request) -> web.Response:
    locale = _locale(request)
    page = door_page(
        door,
        locale=locale,
        portal=request.app[PORTAL].name,
        is_secure=is_secure(request),
        has_passwords=request.app[PORTS].access.local_passwords,
    )
    return _page(page, locale, policy=DOOR_POLICY)


async def asset(request: web.Request) -> web.Response:
    """Send one of our files, for good."""
    found = BY_NAME.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return web.Response(
        body=found.content,
        content_type=found.content_type,
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: _FOREVER},
    )


def _locale(request: web.Request) -> str:
    return negotiate(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def _page(page: str, locale: str, *, policy: str) -> web.Response:
    return web.Response(
        text=page,
        content_type="text/html",
        headers={
            _POLICY: policy,
            hdrs.CONTENT_LANGUAGE: locale,
            hdrs.VARY: hdrs.ACCEPT_LANGUAGE,
            "X-Robots-Tag": "noindex",
        },
    )
