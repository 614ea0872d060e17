"""imaplib over an ImapLine, with what it lacks: odd lines, IDLE, and sign-in in any alphabet.

Sources: RFC 3501, RFC 2177 (IDLE), RFC 4616 (PLAIN), Google's and Microsoft's XOAUTH2.
imaplib has IDLE from Python 3.14 on only. Overridden are methods that its documentation
names for that (`open`, `read`, `readline`, `send`, `shutdown`).
"""

import imaplib
import ssl
import time
from collections.abc import Callable
from typing import Final

import regex

from api.adapters.imap_line import ImapLine, LineBrokenError
from models.rules.imap_words import quoted
from resolvers.mailboxes import MailboxRefusedError, MailboxUnavailableError

_ANSWER: Final = regex.compile(rb"\* (?:\d+ )?[A-Z-]+(?: |\r)|\+|[A-P]+\d+ [A-Z]+ ")
_MOST_ODD_LINES: Final = 100
_SIZE: Final = regex.compile(rb"\{\d+\+?\}\r\n$")
# It is not about our name and password. Source: RFC 5530 section 3.
_NOT_OURS: Final = regex.compile(
    rb"\[(?:UNAVAILABLE|SERVERBUG|LIMIT|INUSE|CONTACTADMIN)\b|command error: BAD"
)


class ImapClient(imaplib.IMAP4):
    """A conversation with one server, in one thread."""

    def __init__(self, line: ImapLine, host: str, port: int, *, tls: ssl.SSLContext | None) -> None:
        """Connect, and hear the greeting.

        Args:
            line: not connected yet.
            host: of the server.
            port: of the server.
            tls: of a connection that is secret from its first byte; None begins in the clear.
        """
        self._line = line
        self._tls = tls
        self._is_after_literal = False
        self._odd_lines = 0
        self.abilities: frozenset[str] = frozenset()
        super().__init__(host, port)
        self.abilities = frozenset(self.capabilities)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """See imaplib.IMAP4.open; time-outs are the line's."""
        del timeout
        self.host, self.port = host, port
        self._line.connect(host, port)
        if self._tls is not None:
            self._line.start_tls(self._tls, host)

    def read(self, size: int) -> bytes:
        """See imaplib.IMAP4.read."""
        self._is_after_literal = True
        return self._line.read(size)

    def readline(self) -> bytes:
        """See imaplib.IMAP4.readline; lines that are no answers are left out."""
        line = self._line.read_line()
        if self._is_after_literal:  # the rest of an answer, whatever it looks like
            self._is_after_literal = False
            return line
        while not _ANSWER.match(line):
            self._odd_lines += 1
            if self._odd_lines > _MOST_ODD_LINES or _SIZE.search(line):
                raise LineBrokenError(f"the server says what is no answer: {line[:80]!r}")
            line = self._line.read_line()
        return line

    def send(self, data: bytes) -> None:  # type: ignore[override]  # typeshed takes any buffer
        """See imaplib.IMAP4.send."""
        self._line.send(data)

    def shutdown(self) -> None:
        """See imaplib.IMAP4.shutdown."""
        self._line.close()

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Make the connection secret; what the server said before does not count any more.

        Raises:
            MailboxUnavailableError: the server cannot, or has let somebody in already.
        """
        if self.state != "NONAUTH" or "STARTTLS" not in self.abilities:
            raise MailboxUnavailableError("the server offers no STARTTLS")
        kind, _ = self.xatom("STARTTLS")
        if kind != "OK":
            raise MailboxUnavailableError("the server does not start TLS")
        self._line.start_tls(context, self.host)
        self.untagged_responses.clear()
        self.learn()

    def learn(self) -> None:
        """Ask what the server can do: it may be more after TLS, or after signing in."""
        _, lines = self.capability()
        said = b" ".join(line for line in lines if line)
        self.abilities = frozenset(said.decode("ascii", "replace").upper().split())

    def sign_in(self, user: str, secret: str, *, is_token: bool) -> None:
        """Sign in, by what the server takes of XOAUTH2, or of PLAIN and LOGIN.

        Raises:
            MailboxRefusedError: the server does not want this user and secret.
            MailboxUnavailableError: it wants nobody now, or by no way that we know.
        """
        if self.state != "NONAUTH":  # PREAUTH: it knows who we are
            return
        try:
            if is_token:
                token = f"user={user}\x01auth=Bearer {secret}\x01\x01".encode()
                self.authenticate("XOAUTH2", _once(token))
            elif "AUTH=PLAIN" in self.abilities:
                self.authenticate("PLAIN", _once(f"\0{user}\0{secret}".encode()))
            elif "LOGINDISABLED" in self.abilities:
                raise MailboxUnavailableError("the server takes no password over this connection")
            else:
                self._log_in(user, secret)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            said = error.args[0] if error.args else b""
            told = said if isinstance(said, bytes) else str(said).encode()
            kind = MailboxUnavailableError if _NOT_OURS.search(told) else MailboxRefusedError
            raise kind(f"sign-in: {told.decode('utf-8', 'replace')}") from error

    def watch(self, seconds: float) -> bool:
        """Let the server tell of new mail by IDLE; return whether it did in so many seconds.

        Raises:
            LineBrokenError: the server does not do it, or ended the connection.
        """
        self.send(b"idle IDLE\r\n")
        has_news = False
        while not (line := self._line.read_line()).startswith(b"+"):
            if line.startswith(b"idle "):
                raise LineBrokenError(f"IDLE: {line[:80]!r}")
            has_news = has_news or b" EXISTS" in line
        until = time.monotonic() + seconds
        while not has_news and self._line.has_more(until - time.monotonic()):
            has_news = b" EXISTS" in self._line.read_line()
        self.send(b"DONE\r\n")
        while not (line := self._line.read_line()).startswith(b"idle "):
            has_news = has_news or b" EXISTS" in line
        return has_news

    def _log_in(self, user: str, secret: str) -> None:
        try:
            name, _ = quoted(user), quoted(secret)
        except ValueError:
            raise MailboxUnavailableError(
                "the server takes names and passwords in ASCII only (no AUTH=PLAIN)"
            ) from None
        self.login(name, secret)  # which quotes the secret, and not the name


def _once(answer: bytes) -> Callable[[bytes], bytes]:
    """Return what answers the first challenge, and the server's explanation of a no by nothing."""
    answers = [b"", answer]
    return lambda _challenge: answers.pop() if answers else b""
