"""Under which names the portal answers.

A page of another site can let its own name lead to our address and then call us as
its own (DNS rebinding), and whatever is written into addresses from the Host header
would be the caller's choice. So the portal answers under its own names alone.
Machines that watch us come by address, and ask other paths.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from models.rules.hosts import is_this_machine, normal_host, split_port

_log = structlog.stdlib.get_logger("linkyard.web")

KNOWN_HOSTS: Final = web.AppKey["KnownHosts"]("known_hosts")
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics", "/robots.txt", "/favicon.ico"})
_KEPT_S: Final = 5.0
Domains: TypeAlias = Callable[[], Awaitable[Collection[str]]]


class KnownHosts:
    """Our own names: those of the settings, of this machine, and the domains in the store."""

    def __init__(
        self,
        configured: Collection[str],
        *,
        domains: Domains,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know what is configured.

        Args:
            configured: as hosts.normal_host returns them.
            domains: asks the store; not more often than every five seconds.
            monotonic: seconds.
        """
        self._configured = frozenset(configured)
        self._ask = domains
        self._monotonic = monotonic
        self._domains: Collection[str] = frozenset()
        self._asked_at = float("-inf")

    async def includes(self, host: str, *, port: int | None) -> bool:
        """Tell whether a Host header names us.

        Args:
            host: the header.
            port: that the request came in on; the names of this machine are ours there.
        """
        name = normal_host(host)
        if name is None:
            return False
        bare, named_port = split_port(name)
        if name in self._configured:
            return True
        if is_this_machine(bare) and port in {int(named_port or 80), int(named_port or 443)}:
            return True
        domains = await self._known_domains()
        return name in domains or bare in domains

    async def _known_domains(self) -> Collection[str]:
        now = self._monotonic()
        if now - self._asked_at >= _KEPT_S:
            self._asked_at = now
            try:
                self._domains = await self._ask()
            except Exception as error:  # noqa: BLE001 - the store is away: what was known counts
                _log.warning("the domains cannot be asked for", error=repr(error))
        return self._domains


async def known_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 421 under names that are not ours (RFC 9110, section 15.5.20)."""
    resource = request.match_info.route.resource
    is_open = resource is None or resource.canonical in OPEN_PATHS
    if not is_open and not await _is_ours(request):
        raise web.HTTPMisdirectedRequest(text="This is not a name of this service.\n")
    return await handler(request)


def names_another_host(request: web.BaseRequest) -> bool:
    """Tell whether the whole address in the request's first line is not of its Host header.

    Who looks at one of them alone, a cache before us, would take it for another request.
    """
    target = request.raw_path
    if target.startswith("/") or target == "*":
        return False
    host = request.headers.get(hdrs.HOST, "")
    try:
        return normal_host(urlsplit(target).netloc) != normal_host(host)
    except ValueError:  # brackets without an end
        return True


async def _is_ours(request: web.Request) -> bool:
    if names_another_host(request):
        return False
    host = request.headers.get(hdrs.HOST, "")
    own: object = None
    if request.transport is not None:
        own = request.transport.get_extra_info("sockname")
    port = cast("tuple[str, int]", own)[1] if isinstance(own, tuple) else None
    return await request.app[KNOWN_HOSTS].includes(host, port=port)
