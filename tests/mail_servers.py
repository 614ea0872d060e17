"""A real mail server on a port of its own, with what can happen to one."""
# aiosmtpd fixes names and signatures of what it calls.
# ruff: noqa: N802, ARG002

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
DROP = "drop"  # an answer: take the letter, and break the connection without a word


@dataclass(frozen=True, slots=True)
class Received:
    """One letter that a server took, or heard and then refused."""

    sender: str
    to: str
    raw: bytes
    was_secret: bool
    was_signed_in: bool

    @property
    def letter(self) -> EmailMessage:
        """What a mail program would show."""
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass(slots=True)
class MailServer:
    """What it took, and what it will say.

    Attributes:
        rcpt_answers: to the next RCPT commands; after them "250 OK".
        data_answers: to the next letters; after them "250 taken".
        refused: what is said to addresses, whenever they come.
        gate: letters are answered only while it is set.
        arrived: set whenever a letter was heard.
    """

    port: int = 0
    taken: list[Received] = field(default_factory=list)
    heard: list[Received] = field(default_factory=list)
    rcpt_answers: deque[str] = field(default_factory=deque)
    data_answers: deque[str] = field(default_factory=deque)
    refused: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    greetings: int = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        """Let everybody in."""
        self.greetings += 1
        session.host_name = name
        return lines

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Say what was chosen for the address, or is next."""
        if address in self.refused:
            return self.refused[address]
        answer = self.rcpt_answers.popleft() if self.rcpt_answers else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a letter, or do what is next."""
        transport = cast("asyncio.Transport", server.transport)
        received = Received(
            envelope.mail_from or "",
            envelope.rcpt_tos[0],
            cast("bytes", envelope.content),
            was_secret=session.ssl is not None
            or transport.get_extra_info("sslcontext") is not None,
            was_signed_in=bool(session.authenticated),
        )
        self.heard.append(received)
        self.arrived.set()
        await self.gate.wait()
        answer = self.data_answers.popleft() if self.data_answers else "250 taken"
        if answer == DROP or answer.startswith("2"):
            self.taken.append(received)
        if answer == DROP:
            transport.abort()
        return answer


@asynccontextmanager
async def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    is_implicit: bool = False,
    password: str | None = None,
    utf8: bool = True,
) -> AsyncIterator[MailServer]:
    """Run one in this event loop.

    Args:
        tls: its certificate; None speaks in the clear.
        is_implicit: TLS from the first byte, instead of STARTTLS.
        password: of the user "linkyard"; None asks nobody.
        utf8: whether it takes addresses in other alphabets.
    """
    state = MailServer()
    state.gate.set()

    def let_in(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        given = cast("LoginPassword", data)
        is_right = (given.login, given.password) == (b"linkyard", (password or "").encode())
        return AuthResult(success=is_right, handled=False)

    def connection() -> SMTP:
        return SMTP(
            state,
            hostname="mail.test",
            enable_SMTPUTF8=utf8,
            tls_context=None if is_implicit else tls,
            require_starttls=tls is not None and not is_implicit,
            authenticator=None if password is None else let_in,
            auth_require_tls=tls is not None and not is_implicit,
        )

    running = await asyncio.get_running_loop().create_server(
        connection, HOST, 0, ssl=tls if is_implicit else None
    )
    state.port = running.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        state.gate.set()
        running.close()
        await running.wait_closed()


@asynccontextmanager
async def talker(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Run what answers one connection with any bytes; yields its port."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(answer, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
        await ended.wait()
    finally:
        server.close()
        await server.wait_closed()


def make_certificate(folder: Path, *, host: str = HOST) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate that only those believe who are told to.

    Returns:
        What a server needs, and the file that a client has to believe.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [
        x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, secret = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, secret)
    return context, public
