"""The desk's addresses and keys, as the settings have them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from api.settings import Settings
from models.rules.mail_addresses import normal_address
from models.rules.mailbox_urls import parse_mailbox_urls
from resolvers.mail_desk import MailDesk


def mail_desk_of(settings: Settings, keys: Sequence[bytes]) -> MailDesk:
    """Return what the desk's mail needs to know.

    Args:
        settings: without LINKYARD_DESK_ADDRESSES, the accounts of the mailboxes that are
            addresses are those of the desk.
        keys: secret keys, the newest first.
    """
    stated = settings.desk_addresses.split()
    users = (url.user for url in parse_mailbox_urls(settings.imap_url))
    return MailDesk(
        keys=keys,
        host=urlsplit(settings.public_url).hostname or "localhost",
        addresses=tuple(map(normal_address, stated or [user for user in users if "@" in user])),
        check_servers=tuple(settings.desk_check_servers.lower().split()),
    )
