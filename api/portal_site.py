"""Where the portal is, and what that says of cookies and of who may send them.

Over https the cookie has the prefix `__Host-`, which no other host and no plain page can
set. Over plain http there are cookies on this machine alone. Anywhere else whoever is on
the way could read them, so nobody signs in there.
"""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from models.rules.hosts import is_this_machine

CLIENT_HEADER: Final = "Linkyard-Client"  # no form and no image of another site can send it
SECURE_COOKIE: Final = "__Host-linkyard"
LOCAL_COOKIE: Final = "linkyard-local"
DEVICE: Final = "-device"  # end of the name of the cookie by which a browser is known again
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSite:
    """The portal's own origin.

    Attributes:
        scheme, host, port: of LINKYARD_PUBLIC_URL.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, public_url: str) -> Self:
        """Return the site of an address that api.settings has checked."""
        parts = urlsplit(public_url)
        return cls(scheme=parts.scheme, host=parts.hostname or "", port=_port(parts))

    @property
    def is_local(self) -> bool:
        """Plain http, on this machine alone."""
        return self.scheme == "http" and is_this_machine(self.host)

    @property
    def cookie_name(self) -> str:
        """Name of the cookie; "" where there is none."""
        if self.scheme == "https":
            return SECURE_COOKIE
        return LOCAL_COOKIE if self.is_local else ""

    def is_secure(self, host: str, *, is_encrypted: bool) -> bool:
        """Tell whether nobody on the way reads what a request says.

        With https the request must have come by it, for somebody may find the port behind
        the proxy, too. Without, only this machine will do.

        Args:
            host: the Host header.
            is_encrypted: it came by TLS as far as to this machine or to a proxy of ours.
        """
        if self.scheme == "https":
            return is_encrypted
        return self.is_local and is_this_machine(urlsplit(f"//{host}").hostname or "")

    def allows(self, origin: str, *, host: str) -> bool:
        """Tell whether a page of this origin is ours.

        Args:
            origin: the header; "null" and what is no origin are nobody's.
            host: the Host header: on this machine its names mean the same, on one port.
        """
        try:
            page, asked = urlsplit(origin), urlsplit(f"//{host}")
            port, asked_port = _port(page), asked.port or _PORTS["http"]
        except ValueError:
            return False
        if page.scheme != self.scheme or page.hostname is None:
            return False
        if (page.hostname, port) == (self.host, self.port):
            return True
        return self.is_local and is_this_machine(page.hostname) and port == asked_port


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)
