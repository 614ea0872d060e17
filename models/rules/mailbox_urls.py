"""Where a mailbox is, in one line that an operator writes.

Source: RFC 5092 section 3 (imap URLs, `;AUTH=`) and RFC 8314 section 3.2 (imaps).
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from models.rules.hosts import is_this_machine
from models.rules.plain_text import has_hidden

_PORTS: Final = {"imap": 143, "imaps": 993}
INBOX: Final = "INBOX"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxUrl:
    """One folder of one account on one server.

    Attributes:
        scheme: `imaps` speaks TLS from the first byte, `imap` only later.
        host: without brackets and port.
        user: whose account it is; often an address.
        folder: as people write it, in any alphabet.
        is_by_token: the secret is an access token (XOAUTH2), no password.
    """

    scheme: str
    host: str
    port: int
    user: str
    folder: str = INBOX
    is_by_token: bool = False

    @property
    def name(self) -> str:
        """What tells this mailbox from every other one, without secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{quote(self.user, safe='')}@{host}{port}/{self.folder}"

    @property
    def starts_tls(self) -> bool:
        """Whether TLS must begin before anything is said: only this machine itself is trusted."""
        return self.scheme == "imap" and not is_this_machine(self.host)


def parse_mailbox_url(written: str) -> MailboxUrl:
    """Read `imaps://user@host/folder`.

    The user may have an @, plain or as %40, and may end with `;AUTH=XOAUTH2`. Without a
    folder it is the inbox.

    Raises:
        ValueError: it is none, and the message says why.
    """
    parts = urlsplit(written)
    if parts.scheme not in _PORTS or not parts.hostname or not parts.username:
        raise ValueError("must be imaps://USER@HOST/FOLDER")
    if parts.password is not None:
        raise ValueError("must have no password in it: LINKYARD_IMAP_PASSWORD_FILE has it")
    if "?" in written or "#" in written:
        raise ValueError("must have %3F for ? and %23 for # in names")
    user, separator, auth = unquote(parts.username).partition(";")
    if separator and auth.upper() not in {"AUTH=*", "AUTH=XOAUTH2"}:
        raise ValueError("must have nothing but ;AUTH=XOAUTH2 after the user")
    folder = unquote(parts.path.removeprefix("/")) or INBOX
    if has_hidden(user + folder):
        raise ValueError("must be one line without control characters")
    return MailboxUrl(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=user,
        folder=INBOX if folder.upper() == INBOX else folder,
        is_by_token=auth.upper() == "AUTH=XOAUTH2",
    )


def parse_mailbox_urls(written: str) -> tuple[MailboxUrl, ...]:
    """Read several, with white space between.

    Raises:
        ValueError: one of them is none, or stands there twice.
    """
    found = tuple(map(parse_mailbox_url, written.split()))
    if len({url.name for url in found}) < len(found):
        raise ValueError("must name each mailbox once")
    return found
