"""Origins of web pages, as browsers send them. Source: RFC 6454, section 6.2."""

from models.rules.hosts import normal_host


def is_origin(text: str) -> bool:
    """Tell whether a text is an origin of http or https in the one spelling browsers use."""
    scheme, _, authority = text.partition("://")
    is_host = normal_host(authority) == authority and "*" not in authority
    return scheme in {"http", "https"} and is_host


def parse_origins(text: str) -> frozenset[str]:
    """Read origins with commas between; "" is none.

    Raises:
        ValueError: one of them is none.
    """
    origins = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if not all(map(is_origin, origins)):
        raise ValueError("must be origins, as in https://partner.example.org")
    return origins
