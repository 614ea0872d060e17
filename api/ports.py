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
from api.adapters.ticket_watchers import TicketWatchers
from api.data_folder import DataFolder, read_secret_keys
from api.desk_ports import desk_policy
from api.file_ports import blob_store, file_policy
from api.own_hosts import default_host, own_hosts
from api.rates import open_rates
from api.settings import Settings
from api.sign_in_ports import access_policy, directory, password_hasher
from resolvers.ports import ClickFeed, LinkSignal, MailSignal, Ports


@asynccontextmanager
async def open_ports(
    settings: Settings,
    folder: DataFolder,
    *,
    links_changed: Callable[[], None] | None = None,
    mail_posted: Callable[[], None] | None = None,
) -> AsyncGenerator[Ports]:
    """Connect this process with the others: over Redis where there is one, else by sockets.

    Args:
        settings: of this process.
        folder: holds the sockets.
        links_changed: called when the change log has grown; only the worker gives it.
        mail_posted: called when a letter waits; only the worker gives it.
    """
    async with AsyncExitStack() as stack:
        sockets = SocketFolder(folder.run)
        stack.callback(sockets.close)
        if links_changed is not None:
            inbox = SocketInbox(sockets, links_changed=links_changed, mail_posted=mail_posted)
            stack.callback(inbox.close)
        passwords = password_hasher(settings)
        stack.callback(passwords.close)
        people = directory(settings)
        if people is not None:
            stack.callback(people.close)
        signal: LinkSignal
        mail_signal: MailSignal
        feed: ClickFeed
        if settings.redis_url:
            signal = mail_signal = feed = redis = RedisSignals(
                settings.redis_url, links_changed=links_changed, mail_posted=mail_posted
            )
            redis.open()
            stack.push_async_callback(redis.close)
        else:
            signal = mail_signal = SocketLinkSignal(sockets)
            feed = local = SocketClickFeed(sockets)
            stack.callback(local.close)
        secret_keys = read_secret_keys(settings.secret_key_file)
        rates = await stack.enter_async_context(open_rates(settings, secret_keys))
        clock = SystemClock()
        tickets = TicketWatchers(clock)
        stack.callback(tickets.close)
        yield Ports(
            clock=clock,
            link_signal=signal,
            click_feed=feed,
            mail_signal=mail_signal,
            sealer=FernetSealer(secret_keys),
            passwords=passwords,
            directory=people,
            rates=rates,
            access=access_policy(settings),
            default_host=default_host(settings),
            own_hosts=own_hosts(settings),
            fetches_titles=settings.fetch_titles,
            desk=desk_policy(settings),
            files=file_policy(settings),
            blob_store=blob_store(settings),
            ticket_feed=tickets,
        )
