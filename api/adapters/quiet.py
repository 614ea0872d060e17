"""Ports for processes that only write, such as the commands.

Nothing is lost by their silence: the worker looks for changes twice a second
anyway, and nobody watches clicks here.
"""

from collections.abc import Sequence
from typing import Self

from resolvers.ports import ClickEvent


class QuietLinkSignal:
    """Wakes nobody."""

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""


class NoClicks:
    """ClickWatcher that ends at once."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClickEvent:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See ClickWatcher.aclose."""


class QuietClickFeed:
    """Carries nothing."""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""

    def watch(self) -> NoClicks:
        """See ClickFeed.watch."""
        return NoClicks()
