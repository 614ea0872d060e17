"""Answers to what crawlers and browsers ask everywhere."""

from typing import Final

from aiohttp import hdrs, web

ROBOTS_TXT: Final = "User-agent: *\nDisallow: /\n"  # a list of links is nobody's reading
_FOR_A_DAY: Final = {hdrs.CACHE_CONTROL: "public, max-age=86400"}

routes = web.RouteTableDef()


@routes.get("/robots.txt", name="robots")
async def robots(_request: web.Request) -> web.Response:
    """Ask crawlers to leave every link alone."""
    return web.Response(text=ROBOTS_TXT, headers=_FOR_A_DAY)


@routes.get("/favicon.ico", name="favicon")
async def favicon(_request: web.Request) -> web.Response:
    """Tell browsers, for a day, that there is no icon: they ask at every page otherwise."""
    return web.Response(status=204, headers=_FOR_A_DAY)
