"""Under which hosts this installation is reached, by its settings."""

from urllib.parse import urlsplit

from api.settings import Settings
from models.rules.hosts import normal_host


def default_host(settings: Settings) -> str:
    """Return the host of new links whose maker names none, as Domain.host has it; "" for none."""
    return normal_host(settings.first_domain) or ""


def own_hosts(settings: Settings) -> frozenset[str]:
    """Return hosts that no link may lead to, beside the domains in the store."""
    named = (settings.bind, urlsplit(settings.public_url).netloc, settings.first_domain)
    return frozenset(filter(None, map(normal_host, named)))
