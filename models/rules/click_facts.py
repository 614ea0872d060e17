"""What a spooled click says once its headers are read. Pure: the worker stores the result.

A visitor's browser marks what it loads ahead: Sec-Purpose (Fetch standard,
section 2.2.7), Purpose (older Chromium, Safari: "preview"), X-Moz (older Firefox).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from models.rules.addresses import Network, client_address, truncated
from models.rules.click_classes import CLASS_OF, ClickClass, Reason
from models.rules.click_record import RawClick
from models.rules.languages import first_language
from models.rules.referrers import referrer_host
from models.rules.user_agents import read_agent
from models.rules.visitors import DAY_US, visitor_number

# The last moment that a datetime can name: 9999-12-31T23:59:59.999999Z.
LAST_MOMENT_US: Final = 253_402_300_799_999_999
_STORED: Final = {reason: (int(kind), str(reason)) for reason, kind in CLASS_OF.items()}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class ClickFacts(NamedTuple):
    """One click, ready for the tables. Texts are "" where nothing is known."""

    link_id: int
    at_us: int  # microseconds since 1970, as the redirect's clock had it
    click_class: int  # a ClickClass; plain, because drivers adapt other types slowly
    reason: str  # a Reason
    referrer_host: str
    browser: str
    os: str
    device: str
    language: str
    address: str | None  # truncated
    request_id: str | None
    visitor: int | None = None  # see models.rules.visitors; of people alone


def read_click(
    raw: RawClick,
    *,
    trusted_proxies: tuple[Network, ...] = (),
    salts: Mapping[int, bytes] | None = None,
) -> ClickFacts:
    """Read one click; every RawClick has facts, however odd its headers are.

    Args:
        raw: the click.
        trusted_proxies: networks of our own proxies.
        salts: by `day_of` a click; None tells no visitors apart.
    """
    reason, browser, os, device = read_agent(raw.user_agent)
    if raw.is_head or raw.sec_purpose or raw.purpose or raw.x_moz:
        reason = _stated_purpose(raw) or reason
    click_class, text = _STORED[reason]
    kept, address = _addresses(raw.peer, raw.forwarded_for, trusted_proxies)
    visitor = None
    if salts is not None and click_class == ClickClass.HUMAN:
        visitor = visitor_number(salts[day_of(raw)], address, raw.user_agent)
    request_id = raw.request_id
    return ClickFacts(
        link_id=raw.link_id,
        at_us=min(raw.at_us, LAST_MOMENT_US),
        click_class=click_class,
        reason=text,
        referrer_host=referrer_host(raw.referer) if raw.referer else "",
        browser=browser,
        os=os,
        device=device,
        language=first_language(raw.accept_language) if raw.accept_language else "",
        address=kept,
        request_id=request_id.decode() if _REQUEST_ID.fullmatch(request_id) else None,
        visitor=visitor,
    )


def day_of(raw: RawClick) -> int:
    """Return the UTC day of a click, counted from 1970."""
    return min(raw.at_us, LAST_MOMENT_US) // DAY_US


def moment_of(at_us: int) -> datetime:
    """Return microseconds since 1970 as an aware datetime; at most LAST_MOMENT_US."""
    seconds, fraction = divmod(at_us, 1_000_000)
    return _second(seconds).replace(microsecond=fraction)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _stated_purpose(raw: RawClick) -> Reason | None:
    if raw.is_head:  # nobody is led anywhere by headers alone
        return Reason.HEAD_REQUEST
    if b"prefetch" in raw.sec_purpose.lower() or b"prerender" in raw.sec_purpose.lower():
        return Reason.SEC_PURPOSE_PREFETCH
    if b"prefetch" in raw.purpose.lower() or b"prerender" in raw.purpose.lower():
        return Reason.PURPOSE_PREFETCH
    if b"prefetch" in raw.x_moz.lower():
        return Reason.X_MOZ_PREFETCH
    return Reason.PURPOSE_PREVIEW if b"preview" in raw.purpose.lower() else None


@lru_cache(maxsize=65_536)
def _addresses(
    peer: bytes, forwarded_for: bytes, trusted: tuple[Network, ...]
) -> tuple[str | None, bytes | None]:
    """Return the client's address as it is kept, and the whole one, which is not."""
    whole = client_address(peer, forwarded_for, trusted)
    return truncated(whole), whole
