"""The outbound client of this installation, by its settings."""

from collections.abc import Collection

from api.adapters.outbound_http import OutboundHttp
from api.settings import Settings
from api.version import VERSION


def outbound_http(settings: Settings, *, trusted: Collection[str] = ()) -> OutboundHttp:
    """Return the client for everything that leaves the machine.

    Args:
        settings: name the portal, which is told to whoever is asked.
        trusted: see OutboundHttp.
    """
    agent = f"Linkyard/{VERSION} (+{settings.public_url.rstrip('/')})"
    return OutboundHttp(user_agent=agent, trusted=trusted)
