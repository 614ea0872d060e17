"""Where a link may lead: checked once, stored in the form that is sent.

Source: WHATWG URL Standard, by can_ada, the parser that browsers agree with.
Input on which older parsers differ from it (backslashes, control characters,
credentials, missing slashes) is refused, not repaired.
"""

from collections.abc import Collection
from typing import Final

import can_ada
import regex

from models.errors import TargetLoopError, TargetNotAllowedError, TargetTooLongError
from models.rules.hosts import leads_home

MAX_TARGET_LENGTH: Final = 2048  # characters of the stored form, also the column width
_MAX_INPUT_LENGTH: Final = 65_536  # characters; more is not even parsed

# A name before a colon, unless it is a host: with a dot, or before a port.
_SCHEME: Final = regex.compile(r"([a-z][a-z0-9+-]*):(?!\d{1,5}(?:[/?#]|$))", regex.IGNORECASE)
_START: Final = regex.compile(r"https?://[^/?#]", regex.IGNORECASE)
_AUTHORITY: Final = regex.compile(r"https?://([^/?#]*)", regex.IGNORECASE)
# Cc: control; Cf without the two joiners that Persian and Indic words need: invisible,
# direction marks; Cs: lone surrogates; Zl, Zp: line ends.
_HIDDEN: Final = regex.compile(r"[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}")


def check_target(url: str, *, own_hosts: Collection[str] = ()) -> str:
    """Return the address in the ASCII form that is stored and sent.

    Args:
        url: as a person typed it; spaces around it are ignored.
        own_hosts: hosts of this installation, as hosts.normal_host returns them.

    Raises:
        TargetNotAllowedError: `reason` is empty, no_scheme, scheme, characters,
            backslash, credentials, host or unreadable.
        TargetLoopError: leads to one of `own_hosts`, in any spelling.
        TargetTooLongError: more than 2,048 characters in the stored form.
    """
    text = url.strip(" ")
    if len(text) > _MAX_INPUT_LENGTH:
        raise TargetTooLongError(count=MAX_TARGET_LENGTH)
    _check_text(text)
    try:
        parsed = can_ada.parse(text)
    except ValueError:
        raise TargetNotAllowedError(reason="unreadable") from None
    if parsed.protocol not in {"http:", "https:"}:
        raise TargetNotAllowedError(reason="scheme", scheme=parsed.protocol.removesuffix(":"))
    if parsed.has_credentials():
        raise TargetNotAllowedError(reason="credentials")
    _check_host(parsed.hostname)
    if leads_home(parsed.hostname, parsed.port, own=own_hosts):
        raise TargetLoopError(host=parsed.host)
    href = str(parsed.href)
    if len(href) > MAX_TARGET_LENGTH:
        raise TargetTooLongError(count=MAX_TARGET_LENGTH)
    return href


def _check_text(text: str) -> None:
    if not text:
        raise TargetNotAllowedError(reason="empty")
    if _HIDDEN.search(text):
        raise TargetNotAllowedError(reason="characters")
    if not _START.match(text):
        scheme = _SCHEME.match(text)
        if scheme is None:
            raise TargetNotAllowedError(reason="no_scheme")
        if scheme[1].lower() not in {"http", "https"}:
            raise TargetNotAllowedError(reason="scheme", scheme=scheme[1].lower()[:32])
        raise TargetNotAllowedError(reason="backslash" if "\\" in text else "unreadable")
    if "\\" in text:
        raise TargetNotAllowedError(reason="backslash")
    authority = _AUTHORITY.match(text)
    if authority is not None and "@" in authority[1]:
        raise TargetNotAllowedError(reason="credentials")


def _check_host(name: str) -> None:
    labels = name.removesuffix(".").split(".")
    too_long = len(name) > 254 or any(len(label) > 63 for label in labels)  # noqa: PLR2004 - RFC 1035
    if (too_long and not name.startswith("[")) or "" in labels:
        raise TargetNotAllowedError(reason="host")
