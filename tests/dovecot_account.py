"""An account of the tests' Dovecot: what is delivered there, and what somebody else sees in it."""

import imaplib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from api.adapters.imap_mailbox import ImapMailbox, ImapServer, ImapTls
from models.rules.imap_words import folder_name
from tests.dovecot_server import PASSWORD, Dovecot
from tests.fakes import FixedClock
from tests.mail_servers import HOST

NUMBERS = count(1)


def mail(number: int, *, body: bytes = b"Hello\r\n") -> bytes:
    """Return a message whose subject is a number."""
    return b"Message-ID: <%d@people.test>\r\nSubject: %d\r\n\r\n" % (number, number) + body


@dataclass
class Account:
    """A user of the server, whom nobody else has."""

    server: Dovecot
    user: str = field(default_factory=lambda: f"desk{next(NUMBERS)}@example.org")

    def deliver(self, *mails: bytes, folder: str = "INBOX", at: str | None = None) -> None:
        """Put messages into a folder; `at` is when the server got them, as IMAP says it."""
        with self.server.client(self.user) as client:
            for each in mails:
                moment = f'"{at}"' if at else None
                kind, said = client.append(folder_name(folder), "", moment, each)
                assert kind == "OK", said

    @contextmanager
    def opened(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Be somebody else who looks into a folder."""
        with self.server.client(self.user) as client:
            assert client.select(folder_name(folder))[0] == "OK"
            yield client

    def content(self, folder: str = "INBOX") -> list[tuple[int, bytes, set[bytes]]]:
        """Return number, subject and flags of everything in a folder."""
        with self.opened(folder) as client:
            _, parts = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = []
        for part in parts:
            if isinstance(part, tuple):
                facts = re.search(rb"UID (\d+) FLAGS \(([^)]*)\)", part[0])
                assert facts is not None
                found.append((int(facts[1]), part[1].strip(), set(facts[2].split())))
        return found

    def subjects(self, folder: str = "INBOX") -> list[bytes]:
        """Return the subjects of a folder, in its order."""
        return [subject.removeprefix(b"Subject: ") for _, subject, _ in self.content(folder)]

    def flags(self, folder: str = "INBOX") -> list[set[bytes]]:
        """Return the flags of each message of a folder."""
        return [flags - {b"\\Recent"} for _, _, flags in self.content(folder)]

    @asynccontextmanager
    async def read(self, **changed: Any) -> AsyncIterator[ImapMailbox]:  # noqa: ANN401 - fields
        """Be us, until the block ends; see ImapServer for the fields."""
        mailbox = self.mailbox(**changed)
        try:
            yield mailbox
        finally:
            await mailbox.close()

    def mailbox(self, **changed: Any) -> ImapMailbox:  # noqa: ANN401 - fields
        """Return our side of the account; see ImapServer for the fields."""
        chosen: dict[str, Any] = {
            "name": f"imap://{self.user}",
            "host": HOST,
            "port": self.server.port,
            "user": self.user,
            "read_secret": lambda: PASSWORD,
            "tls": ImapTls.NONE,
        }
        return ImapMailbox(ImapServer(**chosen | changed), clock=FixedClock())
