"""Mail of one folder by IMAP: resolvers.mailboxes.Mailbox over imaplib, in a thread of its own.

Messages are named by UID alone, looked for in ranges of UIDs, and fetched with BODY.PEEK, so
neither a mark nor somebody else's work in the folder moves what is still to come. Sources: RFC
3501, RFC 6851 (MOVE), RFC 4315 (UID EXPUNGE), RFC 2177 (IDLE).
"""

import asyncio
import imaplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from api.adapters.imap_client import ImapClient
from api.adapters.imap_line import MAX_LINE_BYTES, ImapLine
from api.adapters.own_thread import OwnThread
from models.rules.imap_answers import fetched, moment_of, number_of, searched
from models.rules.imap_words import folder_name, search_date
from resolvers.mailboxes import (
    FetchedMail,
    MailboxRefusedError,
    MailboxUnavailableError,
    MailKey,
    MailStuckError,
    WaitingMail,
)
from resolvers.ports import Clock

T = TypeVar("T")

KEYWORD: Final = "$LinkyardTaken"
_STEP_S: Final = 60.0  # for one command and its answer
_SLOWEST_BYTES_S: Final = 32 << 10  # a message may take as long as at this pace
_WINDOW: Final = 1_000_000  # UIDs of one search
_LAST_UID: Final = 2**32 - 1
_FIRST_BYTES: Final = 1 << 18  # that are asked for together with the size
_HEAD_BYTES: Final = 1 << 16
_REFUSED_S: Final = 900.0  # that a refused secret is not tried again: accounts get locked
_LONGEST_TOLD: Final = 300  # characters of what a server says


class ImapTls(StrEnum):
    """When the connection becomes secret. Certificates are always checked."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


class WhenDone(StrEnum):
    """What happens to a message that we have."""

    MOVE = "move"
    FLAG = "flag"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class ImapServer:
    """Where mail is read, and what happens to it.

    Attributes:
        name: Mailbox.name.
        read_secret: returns the password, or the access token, as it is now; may block, and
            raise OSError or ValueError.
        is_token: the secret is an access token.
        ca_file: certificates that are believed instead of the system's; None: the system's.
        folder: as people write it.
        done_folder: where messages are moved to.
        max_bytes: messages that are larger stay.
        since: messages that came before that day are not for us; None: all are.
    """

    name: str
    host: str
    port: int
    user: str
    read_secret: Callable[[], str] = field(repr=False)
    is_token: bool = False
    tls: ImapTls = ImapTls.IMPLICIT
    ca_file: str | None = None
    folder: str = "INBOX"
    when_done: WhenDone = WhenDone.MOVE
    done_folder: str = "Linkyard"
    max_bytes: int = 40 << 20
    since: date | None = None

    def tls_context(self) -> ssl.SSLContext:
        """Return how the server's certificate is checked. Blocking."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


@dataclass(slots=True)
class _Session:
    """A connection and its thread, with what the selected folder said of itself."""

    line: ImapLine
    thread: OwnThread
    client: ImapClient | None = None
    uid_validity: int = 0
    keeps_keywords: bool = False

    @property
    def imap(self) -> ImapClient:
        if self.client is None:
            raise MailboxUnavailableError("there is no connection")
        return self.client

    def has_ability(self, name: str) -> bool:
        return name in self.imap.abilities


class ImapMailbox:
    """Mailbox."""

    def __init__(self, server: ImapServer, *, clock: Clock) -> None:
        """Connect to nobody yet."""
        self._server = server
        self._clock = clock
        self._session: _Session | None = None
        self._refused: tuple[str, float, str] | None = None  # secret, until when, and why

    @property
    def name(self) -> str:
        """See Mailbox.name."""
        return self._server.name

    async def waiting(self, *, after: MailKey | None = None) -> WaitingMail:
        """See Mailbox.waiting."""
        if self._session is None:
            self._session = _Session(ImapLine(), OwnThread(f"imap {self._server.host}"))
            await self._do(self._connect)
        return await self._do(partial(self._look, after=after))

    async def fetch(self, key: MailKey) -> FetchedMail | None:
        """See Mailbox.fetch."""
        return await self._do(partial(self._fetch, key=key))

    async def mark_done(self, key: MailKey) -> None:
        """See Mailbox.mark_done."""
        await self._do(partial(self._mark_done, key=key))

    async def wait(self, seconds: float) -> bool:
        """See Mailbox.wait."""
        if self._session is not None and self._session.has_ability("IDLE"):
            return await self._do(partial(self._idle, seconds=seconds))
        await asyncio.sleep(seconds)
        return False

    async def close(self) -> None:
        """See Mailbox.close; servers learn of it by the end of the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.line.kill()
            session.thread.end(session.line.close)

    async def _do(self, call: Callable[[_Session], T]) -> T:
        """Let the thread do something; whatever goes wrong but MailStuckError ends the session."""
        session = self._session
        if session is None:
            raise MailboxUnavailableError("there is no connection")
        try:
            return await session.thread.run(partial(_translated, call, session))
        except MailStuckError:
            raise
        except BaseException:
            await self.close()
            raise

    def _connect(self, session: _Session) -> None:
        server, line = self._server, session.line
        secret = self._secret()
        line.allow(_STEP_S, size_bytes=1 << 20)
        context = None if server.tls is ImapTls.NONE else server.tls_context()
        at_once = context if server.tls is ImapTls.IMPLICIT else None
        client = ImapClient(line, server.host, server.port, tls=at_once)
        if server.tls is ImapTls.STARTTLS and context is not None:
            client.begin_tls(context)
        try:
            client.sign_in(server.user, secret, is_token=server.is_token)
        except MailboxRefusedError as error:
            self._refused = (secret, time.monotonic() + _REFUSED_S, str(error))
            raise
        client.learn()
        self._refused = None
        session.client = client

    def _secret(self) -> str:
        """Return the password.

        Raises:
            MailboxRefusedError: the server has refused this one a moment ago.
        """
        try:
            secret = self._server.read_secret()
        except (OSError, ValueError) as error:
            raise MailboxUnavailableError(f"the password file cannot be read: {error}") from error
        if self._refused is not None:
            refused, until, told = self._refused
            if secret == refused and time.monotonic() < until:
                raise MailboxRefusedError(told)
        return secret

    def _look(self, session: _Session, *, after: MailKey | None) -> WaitingMail:
        messages, next_uid = self._select(session)
        is_known = after is not None and after.uid_validity == session.uid_validity
        first = after.uid + 1 if after is not None and is_known else 1
        if not messages:
            return WaitingMail(session.uid_validity, [])
        if next_uid is None:
            return WaitingMail(session.uid_validity, self._search(session, first, _LAST_UID))
        found: list[int] = []
        while first < next_uid:
            last = min(first + _WINDOW - 1, next_uid - 1)
            found += self._search(session, first, last)
            first = last + 1
        return WaitingMail(session.uid_validity, found)

    def _select(self, session: _Session) -> tuple[int, int | None]:
        """Select the folder; return how many messages it has, and what UID the next one gets.

        The second number is None where the server does not tell it.
        """
        imap = self._allow(session)
        kind, said = imap.select(folder_name(self._server.folder))
        if kind != "OK":
            raise MailboxUnavailableError(f"folder {self._server.folder}: {_told(said)}")
        messages = number_of(said)
        uid_validity = number_of(imap.response("UIDVALIDITY")[1])
        next_uid = number_of(imap.response("UIDNEXT")[1])
        if messages is None or uid_validity is None:
            raise MailboxUnavailableError("the server tells no UIDVALIDITY")
        imap.response("EXISTS")  # what comes under that name from now on is news
        flags = imap.response("PERMANENTFLAGS")[1][-1]
        session.keeps_keywords = flags is None or rb"\*" in flags or KEYWORD.encode() in flags
        session.uid_validity = uid_validity
        return messages, next_uid

    def _search(self, session: _Session, first: int, last: int) -> list[int]:
        criteria = ["UID", f"{first}:{last}", "UNDELETED"]
        if self._server.when_done is WhenDone.FLAG:
            criteria += ["UNKEYWORD", KEYWORD] if session.keeps_keywords else ["UNSEEN"]
        if self._server.since is not None:
            criteria += ["SINCE", search_date(self._server.since)]
        kind, lines = self._allow(session).uid("SEARCH", *criteria)
        if kind != "OK":
            raise MailboxUnavailableError(f"search: {_told(lines)}")
        # A range whose end is beyond the last message finds that one, wherever it begins.
        return [uid for uid in searched(lines) if first <= uid <= last]

    def _fetch(self, session: _Session, *, key: MailKey) -> FetchedMail | None:
        """Fetch what most messages are in one step, and larger ones in a second.

        A part that is shorter than was asked for is all there is: sizes may be a lie.
        """
        _check(session, key)
        most = self._server.max_bytes
        part = min(_FIRST_BYTES, most)
        facts = self._items(session, key, f"RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{part + 1}>")
        size = number_of([facts.get("RFC822.SIZE")]) or 0
        raw = facts.get("BODY[]")
        if raw is not None and len(raw) > part and size <= most:
            part = most
            raw = self._items(session, key, f"BODY.PEEK[]<0.{part + 1}>").get("BODY[]")
        if raw is None:
            if not self._search(session, key.uid, key.uid):
                return None
            raise MailStuckError("the server tells of the message, and does not give it")
        received_at = moment_of(facts.get("INTERNALDATE", b"")) or self._clock.now()
        found = partial(FetchedMail, key=key, received_at=received_at)
        if len(raw) <= part:
            return found(raw=raw, size_bytes=len(raw))
        head = self._items(session, key, f"BODY.PEEK[HEADER]<0.{_HEAD_BYTES}>")
        raw, size = head.get("BODY[HEADER]", b""), max(size, len(raw))
        return found(raw=raw, size_bytes=size, is_whole=False)

    def _items(self, session: _Session, key: MailKey, items: str) -> Mapping[str, bytes]:
        imap = self._allow(session, size_bytes=self._server.max_bytes)
        kind, parts = imap.uid("FETCH", str(key.uid), f"(UID {items})")
        if kind != "OK":
            raise MailStuckError(f"fetch: {_told(parts)}")
        return fetched(parts, uid=key.uid)

    def _mark_done(self, session: _Session, *, key: MailKey) -> None:
        _check(session, key)
        match self._server.when_done:
            case WhenDone.FLAG:
                flags = f"(\\Seen {KEYWORD})" if session.keeps_keywords else "(\\Seen)"
                self._uid(session, "STORE", key, "+FLAGS.SILENT", flags)
            case WhenDone.MOVE:
                self._uid(session, "STORE", key, "+FLAGS.SILENT", "(\\Seen)")
                self._move(session, key)
            case WhenDone.DELETE:
                self._delete(session, key)

    def _move(self, session: _Session, key: MailKey) -> None:
        folder = folder_name(self._server.done_folder)
        can_move = session.has_ability("MOVE")
        command = "MOVE" if can_move else "COPY"
        try:
            self._uid(session, command, key, folder)
        except MailStuckError as error:
            if "[TRYCREATE]" not in str(error):
                raise
            session.imap.create(folder)  # what it says shows in the next step
            session.imap.subscribe(folder)
            self._uid(session, command, key, folder)
        if not can_move:
            self._delete(session, key)

    def _delete(self, session: _Session, key: MailKey) -> None:
        """Delete a message; without UIDPLUS the server keeps it, marked as deleted.

        A plain EXPUNGE would take along what somebody else has marked.
        """
        self._uid(session, "STORE", key, "+FLAGS.SILENT", "(\\Deleted)")
        if session.has_ability("UIDPLUS"):
            self._uid(session, "EXPUNGE", key)

    def _uid(self, session: _Session, command: str, key: MailKey, *rest: str) -> None:
        kind, said = self._allow(session).uid(command, str(key.uid), *rest)
        if kind != "OK":
            raise MailStuckError(f"{command.lower()}: {_told(said)}")

    def _idle(self, session: _Session, *, seconds: float) -> bool:
        imap = self._allow(session, seconds=seconds)
        if imap.response("EXISTS")[1] != [None]:  # it was told beside other answers
            return True
        return imap.watch(seconds)

    def _allow(self, session: _Session, *, seconds: float = 0.0, size_bytes: int = 0) -> ImapClient:
        """Return the client, with time and room for the next command."""
        longest = _STEP_S + seconds + size_bytes / _SLOWEST_BYTES_S
        session.line.allow(longest, size_bytes=size_bytes + MAX_LINE_BYTES)
        return session.imap


def _check(session: _Session, key: MailKey) -> None:
    if session.uid_validity != key.uid_validity:
        raise MailboxUnavailableError("the folder was made anew")


def _translated(call: Callable[[_Session], T], session: _Session) -> T:
    """Call, and say in our words what went wrong."""
    try:
        return call(session)
    except MailboxRefusedError as error:
        raise MailboxRefusedError(_line(str(error))) from error
    except MailStuckError as error:
        raise MailStuckError(_line(str(error))) from error
    except TimeoutError as error:
        raise MailboxUnavailableError("the server did not answer in time") from error
    except (imaplib.IMAP4.error, OSError, ValueError, MailboxUnavailableError) as error:
        said = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
        told = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise MailboxUnavailableError(_line(told) or type(error).__name__) from error


def _told(said: Sequence[Any]) -> str:
    last = said[-1] if said else b""
    return last.decode("utf-8", "replace") if isinstance(last, bytes) else ""


def _line(said: str) -> str:
    """Return what a server said, which may be any characters, as one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:_LONGEST_TOLD]
