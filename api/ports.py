"""Which adapter stands behind each port, chosen by the settings."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from api.adapters.clock import SystemClock
from api.adapters.fernet_sealer import FernetSealer
from api.adapters.redis_signals import RedisSignals
from api.adapters.socket_signals import (
    SocketClickFeed,
    SocketFolder,
    SocketInbox,
    SocketLinkSignal,
)
from api.data_folder import DataFolder, read_secret_keys
from api.own_hosts import default_host, own_hosts
from api.settings import Settings
from resolvers.ports import ClickFeed, LinkSignal, Ports


@asynccontextmanager
async def open_ports(
    settings: Settings, folder: DataFolder, *, links_changed: Callable[[], None] | None = None
) -> AsyncGenerator[Ports]:
    """Connect this process with the others: over Redis where there is one, else by sockets.

    Args:
        settings: of this process.
        folder: holds the sockets.
        links_changed: called when the change log has grown; only the worker gives it.
    """
    async with AsyncExitStack() as stack:
        sockets = SocketFolder(folder.run)
        stack.callback(sockets.close)
        if links_changed is not None:
            inbox = SocketInbox(sockets, links_changed=links_changed)
            stack.callback(inbox.close)
        signal: LinkSignal
        feed: ClickFeed
        if settings.redis_url:
            signal = feed = redis = RedisSignals(settings.redis_url, links_changed=links_changed)
            redis.open()
            stack.push_async_callback(redis.close)
        else:
            signal = SocketLinkSignal(sockets)
            feed = local = SocketClickFeed(sockets)
            stack.callback(local.close)
        yield Ports(
            clock=SystemClock(),
            link_signal=signal,
            click_feed=feed,
            sealer=FernetSealer(read_secret_keys(settings.secret_key_file)),
            default_host=default_host(settings),
            own_hosts=own_hosts(settings),
        )
