"""Letters through a mail server, one connection for each.

What a server's answer means: 4yz comes again, 5yz about the letter or its reader is for
ever. Anything about ourselves (greeting, TLS, sign-in, sender) is for the administrator to
put right, and letters wait meanwhile. Source: RFC 5321 section 4.2.1, RFC 4954 section 6.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

import aiosmtplib

from resolvers.ports import MailDeferredError, MailerAwayError, MailRefusedError

_STEP_S: Final = 20.0  # for one answer of the server
_WHOLE_S: Final = 55.0  # for a letter, below a third of its claim
_QUIT_S: Final = 2.0
_OUR_AFFAIR: Final = frozenset({421, 530, 534, 535, 538})  # closing, or not signed in


class SmtpTls(StrEnum):
    """How the connection is made secret. Certificates are always checked."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


_PORTS: Final = {SmtpTls.STARTTLS: 587, SmtpTls.IMPLICIT: 465, SmtpTls.NONE: 25}


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """Where letters are handed in.

    Attributes:
        port: 0 is the usual one of `tls`.
        user: "" does not sign in.
        password_file: read for every letter, so that a new password needs no restart;
            None takes `password`.
        ca_file: certificates that are believed instead of the system's; None: the system's.
        sender: address that the server may complain to.
        own_name: what we call ourselves in the greeting.
    """

    host: str
    port: int = 0
    tls: SmtpTls = SmtpTls.STARTTLS
    user: str = ""
    password: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    sender: str
    own_name: str

    @property
    def real_port(self) -> int:
        """The port to connect to."""
        return self.port or _PORTS[self.tls]

    def read_password(self) -> str:
        """Return the password as it is now. Blocking.

        Raises:
            OSError, UnicodeDecodeError: the file cannot be read.
        """
        if self.password_file is None:
            return self.password
        return self.password_file.read_text("utf-8").rstrip("\r\n")


class SmtpMailer:
    """Mailer."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, letter: EmailMessage, *, to: str, letter_id: int) -> str:
        """See Mailer.send."""
        del letter_id  # the letter has it in its Message-ID
        try:
            async with asyncio.timeout(_WHOLE_S):
                return await self._send(letter, to)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _told(error) from error
        except ValueError as error:  # no command can say the address, or no file the password
            raise MailRefusedError(f"cannot be sent: {type(error).__name__}") from error

    async def _send(self, letter: EmailMessage, to: str) -> str:
        client = await self._client()
        await client.connect()
        try:
            if not to.isascii():
                await _check_alphabet(client)
            _, answer = await client.send_message(
                letter, sender=self._server.sender, recipients=[to]
            )
        finally:
            # Whatever comes after the answer changes nothing about the letter.
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_S)
            client.close()
        return _line(f"250 {answer}")

    async def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        tls = None if server.tls is SmtpTls.NONE else self._tls
        try:
            password = await asyncio.to_thread(server.read_password)
        except (OSError, UnicodeDecodeError) as error:
            raise MailerAwayError(f"the password file cannot be read: {error}") from error
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.real_port,
            username=server.user or None,
            password=password if server.user else None,
            local_hostname=server.own_name,
            timeout=_STEP_S,
            use_tls=server.tls is SmtpTls.IMPLICIT,
            start_tls=server.tls is SmtpTls.STARTTLS,
            tls_context=tls,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._server.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


async def _check_alphabet(client: aiosmtplib.SMTP) -> None:
    """Raise MailRefusedError if the server takes no addresses in other alphabets."""
    await client.ehlo()
    if not client.supports_extension("smtputf8"):
        raise MailRefusedError("the mail server takes ASCII addresses only (no SMTPUTF8)")


def _told(error: Exception) -> Exception:
    """Return what a failure means for the letter."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        said = _line(f"{error.code} {error.message}")
        if error.code in _OUR_AFFAIR:
            return MailerAwayError(said)
        is_final = 500 <= error.code < 600  # noqa: PLR2004 - see the module
        return MailRefusedError(said) if is_final else MailDeferredError(said)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailerAwayError(_line(f"{error.code} {error.message}"))
    return MailerAwayError(_line(str(error)) or "the mail server did not answer in time")


def _line(answer: str) -> str:
    """Return what a server said, which may be any bytes on any number of lines, as one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in answer).split())
