"""What the use cases need from the outside. api.adapters implements it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Source of "now"; tests hand in a fixed one."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""
        ...


class LinkSignal(Protocol):
    """Wakes the workers that write the replicas. Losing a signal costs at most a second."""

    async def links_changed(self) -> None:
        """Say, after the commit, that link_change has new rows. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickEvent:
    """A click as live watchers see it, sent after its commit."""

    click_id: int
    link_id: int
    at: datetime
    click_class: int
    reason: str
    referrer_host: str
    browser: str
    os: str
    device: str
    address: str | None


class ClickFeed(Protocol):
    """Carries clicks from the worker to live watchers; best effort, bounded."""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """Send to every process with a watcher. Never raises."""
        ...

    def watch(self) -> AsyncIterator[ClickEvent]:
        """Return the events from now on; a slow watcher loses the oldest ones."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside the process, chosen once in api.app.

    Attributes:
        default_host: of the domain for links whose maker names none; "" is the oldest domain.
        own_hosts: further hosts that reach this installation, such as the bound address;
            no link may lead there.
    """

    clock: Clock
    link_signal: LinkSignal
    click_feed: ClickFeed
    default_host: str = ""
    own_hosts: frozenset[str] = frozenset()
