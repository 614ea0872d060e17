"""A reader that stores its first message and then stands still, to be killed there.

Run as `python -m tests.mailbox_process DATABASE_URL USER PORT FOLDER`: messages become files.
"""

import asyncio
import hashlib
import sys
from datetime import datetime
from pathlib import Path

from api.adapters.imap_mailbox import ImapMailbox, ImapServer, ImapTls
from models.orm import open_database
from resolvers.context import RequestContext, Viewer
from resolvers.mailbox_leases import MailboxLease
from resolvers.mailbox_reading import MailboxReader
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.dovecot_server import PASSWORD
from tests.factories import PASSWORDS, SEALER
from tests.fakes import CountingSignal, FixedClock, MemoryFeed
from tests.mail_servers import HOST


class Folder:
    """MailIntake that never returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """See MailIntake.receive."""
        del mailbox, received_at
        (self._path / hashlib.sha256(raw).hexdigest()).write_bytes(raw)
        print("stored", flush=True)
        await asyncio.Event().wait()


async def _read(database_url: str, user: str, port: str, folder: str) -> None:
    server = ImapServer(
        name=f"imap://{user}",
        host=HOST,
        port=int(port),
        user=user,
        read_secret=lambda: PASSWORD,
        tls=ImapTls.NONE,
    )
    ports = Ports(
        clock=FixedClock(),
        link_signal=CountingSignal(),
        click_feed=MemoryFeed(),
        sealer=SEALER,
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
    )
    async with open_database(database_url):
        context = RequestContext(Viewer(), ports)
        reader = MailboxReader(
            ImapMailbox(server, clock=ports.clock),
            right=MailboxLease(context, mailbox=server.name),
            intake=Folder(Path(folder)),
            clock=ports.clock,
            tell=print,
        )
        await reader.read()


if __name__ == "__main__":
    asyncio.run(_read(*sys.argv[1:]))
