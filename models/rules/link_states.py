"""Why a link does or does not lead anywhere, at one moment."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class LinkState(StrEnum):
    """What a visitor meets. The first that applies of DISABLED, EXPIRED, SCHEDULED, ACTIVE."""

    ACTIVE = "ACTIVE"
    SCHEDULED = "SCHEDULED"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"


class Dated(Protocol):
    """The moments of a link that its state depends on."""

    starts_at: datetime | None
    expires_at: datetime | None
    disabled_at: datetime | None


def link_state(link: Dated, *, now: datetime) -> LinkState:
    """Return the state at `now`; a link starts at its start and is gone at its expiry."""
    if link.disabled_at is not None:
        return LinkState.DISABLED
    if link.expires_at is not None and link.expires_at <= now:
        return LinkState.EXPIRED
    if link.starts_at is not None and link.starts_at > now:
        return LinkState.SCHEDULED
    return LinkState.ACTIVE
