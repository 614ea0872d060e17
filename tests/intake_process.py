"""A process that reads a mailbox and makes tickets of it, to be killed at any moment.

Run as `python -m tests.intake_process DATABASE_URL USER PORT FILES_FOLDER MOMENT`. It says
a word for each thing it has done, and "idle" when nothing is left.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

from api.adapters.disk_blobs import DiskBlobs
from api.adapters.imap_mailbox import ImapMailbox, ImapServer, ImapTls
from api.workers.intake import IntakeWorker
from models.orm import open_database
from resolvers.mailbox_leases import MailboxLease
from resolvers.mailbox_reading import MailboxReader
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.dovecot_server import PASSWORD
from tests.factories import PASSWORDS, SEALER
from tests.fakes import CountingSignal, FixedClock, MemoryFeed
from tests.mail_desk import DESK, as_job
from tests.mail_servers import HOST


async def _work(database_url: str, user: str, port: str, folder: str, moment: str) -> None:
    server = ImapServer(
        name=f"imap://{user}",
        host=HOST,
        port=int(port),
        user=user,
        read_secret=lambda: PASSWORD,
        tls=ImapTls.NONE,
    )
    ports = Ports(
        clock=FixedClock(datetime.fromisoformat(moment)),
        link_signal=CountingSignal(),
        click_feed=MemoryFeed(),
        sealer=SEALER,
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
        blob_store=DiskBlobs(Path(folder)),
    )
    async with open_database(database_url):
        job = as_job(ports)
        worker = IntakeWorker(job, desk=DESK)
        reader = MailboxReader(
            ImapMailbox(server, clock=ports.clock),
            right=MailboxLease(job, mailbox=server.name),
            intake=worker,
            clock=ports.clock,
            tell=lambda _: print("stored", flush=True),
        )
        reading = asyncio.create_task(reader.read())
        was_read = is_more = False
        while is_more or not was_read:
            was_read = reading.done()  # before the step, which then sees all that was stored
            is_more = await worker.step()
            print("step", flush=True)
        assert await reading is not None
        await reader.close()
    print("idle", flush=True)


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:]))
