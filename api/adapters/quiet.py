"""Ports for processes that only write, such as the commands.

Nothing is lost by their silence: the worker looks for changes twice a second
anyway, and nobody watches clicks here.
"""

from collections.abc import AsyncIterator, Sequence

from resolvers.ports import ClickEvent


class QuietLinkSignal:
    """Wakes nobody."""

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""


class QuietClickFeed:
    """Carries nothing."""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""

    async def watch(self) -> AsyncIterator[ClickEvent]:
        """See ClickFeed.watch; ends at once."""
        return
        yield  # makes this an iterator
