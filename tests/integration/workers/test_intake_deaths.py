"""kill -9 while mail is read from a real server: each message is one, and none is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from models.files import FileOwnerKind, StoredFile
from models.raw_mails import RawMail, RawMailState
from models.ticket_messages import TicketMessage
from resolvers.mail_intake import LEASE
from resolvers.ports import Ports
from tests.dovecot_account import Account
from tests.dovecot_server import Dovecot
from tests.fakes import FixedClock
from tests.mail_corpus import corpus
from tests.mail_world import World

# Words of the process after which it is killed, each time in another place of the work.
DEATHS = (8,)
TIMEOUT_S = 60


def run(account: Account, database_url: str, folder: Path, moment: str, *, words: int) -> list[str]:
    """Let a process work until it has said so many words, or is done; then kill it."""
    command = [sys.executable, "-m", "tests.intake_process", database_url, account.user]
    command += [str(account.server.port), os.fspath(folder), moment]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if len(said) == words:
                process.send_signal(signal.SIGKILL)
                break
    return said


async def test_each_message_is_one_whatever_dies_meanwhile(  # noqa: PLR0913, PLR0917 - fixtures
    database: None,
    database_url: str,
    dovecot: Dovecot,
    ports: Ports,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    mails = corpus(World())[::10]
    account = Account(dovecot)
    await asyncio.to_thread(account.deliver, *(mail.raw for mail in mails))
    folder = tmp_path / "files"

    for number, words in enumerate((*DEATHS, 0)):
        clock.at += LEASE + timedelta(minutes=number)  # what the dead one had is free again
        said = await asyncio.wait_for(
            asyncio.to_thread(
                run, account, database_url, folder, clock.at.isoformat(), words=words
            ),
            TIMEOUT_S,
        )
        assert said[-1] == "idle" if not words else "idle" not in said

    rows = await RawMail.all()
    left = {RawMailState.RECEIVED, RawMailState.FAILED}
    assert [(row.state, row.reason) for row in rows if row.state in left] == []
    assert len(rows) == len(mails)
    done = await RawMail.filter(state=RawMailState.DONE)
    assert len({row.ticket_message_id for row in done}) == len(done)
    assert await TicketMessage.all().count() == len(done)
    assert await asyncio.to_thread(account.subjects) == []
    assert len(await asyncio.to_thread(account.subjects, "Linkyard")) == len(mails)
    for file in await StoredFile.all().select_related("blob"):
        assert await ports.blobs.has(file.blob.sha256)
    raws = StoredFile.filter(owner_kind=FileOwnerKind.RAW_MAIL)
    assert await raws.count() == len(mails)
