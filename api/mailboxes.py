"""Which mailboxes are read, chosen by the settings."""

from datetime import date
from functools import partial
from pathlib import Path

from api.adapters.imap_mailbox import ImapMailbox, ImapServer, ImapTls, WhenDone
from api.settings import Settings
from models.rules.mailbox_urls import MailboxUrl, parse_mailbox_urls
from resolvers.ports import Clock


def mailboxes_of(settings: Settings, *, clock: Clock) -> list[ImapMailbox]:
    """Return the mailboxes of LINKYARD_IMAP_URL; nothing is connected yet."""
    urls = parse_mailbox_urls(settings.imap_url)
    return [
        ImapMailbox(_server_of(settings, url, number), clock=clock)
        for number, url in enumerate(urls)
    ]


def read_secret(path: Path, *, number: int) -> str:
    """Return a line of the file of passwords, counted from 0; a file of one line is for all.

    Raises:
        OSError, ValueError: the file cannot be read, or has no such line.
    """
    lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    wanted = 0 if len(lines) == 1 else number
    if wanted >= len(lines) or not lines[wanted]:
        raise ValueError(f"{path} has nothing in line {wanted + 1}")
    return lines[wanted]


def _server_of(settings: Settings, url: MailboxUrl, number: int) -> ImapServer:
    plain = ImapTls.STARTTLS if url.starts_tls else ImapTls.NONE
    ca_file = settings.imap_ca_file
    return ImapServer(
        name=url.name,
        host=url.host,
        port=url.port,
        user=url.user,
        read_secret=partial(read_secret, settings.imap_password_file, number=number),
        is_token=url.is_by_token,
        tls=ImapTls.IMPLICIT if url.scheme == "imaps" else plain,
        ca_file=None if ca_file == Path() else str(ca_file),
        folder=url.folder,
        when_done=WhenDone(settings.imap_when_done),
        done_folder=settings.imap_done_folder,
        max_bytes=settings.imap_max_bytes,
        since=date.fromisoformat(settings.imap_since) if settings.imap_since else None,
    )
