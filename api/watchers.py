"""Who may see the numbers of the service: this machine, networks of our own, and keys for it.

Numbers tell more than they seem to: that a letter waits says that an address has an
account. So whoever only knows our address gets the verdict alone.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import hdrs, web

from api.auth import CredentialRefusedError, authenticate
from models.rules.addresses import Network, client_address
from models.rules.scopes import Scope

_PROXY_HEADERS: Final = (hdrs.X_FORWARDED_FOR, hdrs.FORWARDED, "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is inside.

    Attributes:
        networks: whose numbers these are, besides this machine's.
        trusted_proxies: whose X-Forwarded-For is believed.
    """

    networks: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()

    async def sees_numbers(self, request: web.Request, *, now: datetime) -> bool:
        """Tell whether the answer may have numbers: asked from inside, or by a key for it.

        Without a key the store is not asked.
        """
        if self.is_inside(request):
            return True
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        if authorization is None:
            return False
        try:
            viewer = await authenticate(authorization, now=now)
        except CredentialRefusedError:
            return False
        return Scope.OPS_READ in viewer.scopes

    def is_inside(self, request: web.Request) -> bool:
        """Tell by the address alone.

        A proxy on this machine makes everybody look like this machine. So what was passed
        on counts only by what a trusted proxy says of it, and never as this machine.
        """
        peer = (request.remote or "").encode("ascii", "replace")
        direct = client_address(peer, b"", ())
        if direct is None:  # a Unix socket
            return False
        if not any(name in request.headers for name in _PROXY_HEADERS):
            return ipaddress.ip_address(direct).is_loopback or self._is_ours(direct)
        forwarded = b",".join(
            value.encode("utf-8", "surrogateescape")
            for value in request.headers.getall(hdrs.X_FORWARDED_FOR, ())
        )
        client = client_address(peer, forwarded, self.trusted_proxies)
        # The peer itself: its proxy is not trusted, or did not say for whom it asks.
        return client is not None and client != direct and self._is_ours(client)

    def _is_ours(self, packed: bytes) -> bool:
        address = ipaddress.ip_address(packed)
        return any(address in network for network in self.networks)
