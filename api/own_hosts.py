"""Under which hosts this installation is reached, by its settings."""

from typing import Final
from urllib.parse import urlsplit

from api.settings import Settings
from models.rules.hosts import is_this_machine, join_port, normal_host, split_port

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


def default_host(settings: Settings) -> str:
    """Return the host of new links whose maker names none, as Domain.host has it; "" for none."""
    return normal_host(settings.first_domain) or ""


def local_names(settings: Settings, *, port: int) -> tuple[str, ...]:
    """Return the first domain and what else means it on this machine, see RedirectConfig.local.

    Args:
        settings: name the first domain.
        port: where we really listen.
    """
    first = default_host(settings)
    if not is_this_machine(split_port(first)[0]):
        return ()
    return (first, *(join_port(name, str(port)) for name in _LOOPBACK))


def own_hosts(settings: Settings) -> frozenset[str]:
    """Return hosts that no link may lead to, beside the domains in the store."""
    named = (settings.bind, urlsplit(settings.public_url).netloc, settings.first_domain)
    return frozenset(filter(None, map(normal_host, named)))
