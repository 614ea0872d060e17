"""Letters through a real mail server, and what each of its answers means."""

import asyncio
import ssl
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Any

import pytest

from api.adapters import smtp_mailer
from api.adapters.smtp_mailer import SmtpMailer, SmtpServer, SmtpTls
from resolvers.ports import MailDeferredError, MailerAwayError, MailRefusedError
from tests.mail_servers import DROP, HOST, MailServer, mail_server, make_certificate, talker

TO = "anna@example.org"
PASSWORD = "пароль и соль"  # noqa: S105 - of a server that lives for a moment


def letter(to: str = TO) -> EmailMessage:
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"], message["To"] = "linkyard@go.test", to
    message["Subject"] = "Здравствуйте"
    message.set_content("Привет!\n.\nSecond line\n", cte="base64")
    return message


def server_of(state: MailServer | int, **changed: Any) -> SmtpServer:  # noqa: ANN401 - fields
    port = state if isinstance(state, int) else state.port
    chosen: dict[str, Any] = {
        "host": HOST,
        "port": port,
        "tls": SmtpTls.NONE,
        "sender": "linkyard@go.test",
        "own_name": "go.test",
    }
    return SmtpServer(**chosen | changed)


async def send(server: SmtpServer, to: str = TO) -> str:
    return await SmtpMailer(server).send(letter(to), to=to, letter_id=1)


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server() as state:
        assert await send(server_of(state)) == "250 taken"

    (taken,) = state.taken
    assert (taken.sender, taken.to, taken.was_secret) == ("linkyard@go.test", TO, False)
    assert taken.letter["Subject"] == "Здравствуйте"
    assert taken.letter.get_content() == "Привет!\r\n.\r\nSecond line\r\n"


@pytest.mark.parametrize("tls", [SmtpTls.STARTTLS, SmtpTls.IMPLICIT])
async def test_a_letter_and_a_password_travel_in_secret(tls: SmtpTls, tmp_path: Path) -> None:
    context, public = make_certificate(tmp_path)
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    is_implicit = tls is SmtpTls.IMPLICIT
    async with mail_server(tls=context, is_implicit=is_implicit, password=PASSWORD) as state:
        server = server_of(state, tls=tls, ca_file=public, user="linkyard", password_file=password)

        await send(server)

    assert [(taken.was_secret, taken.was_signed_in) for taken in state.taken] == [(True, True)]


async def test_a_certificate_that_nobody_vouches_for_gets_no_letter(tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    async with mail_server(tls=context) as state:
        with pytest.raises(MailerAwayError, match="certificate verify failed"):
            await send(server_of(state, tls=SmtpTls.STARTTLS))

    assert state.heard == []


async def test_a_certificate_of_another_host_gets_no_letter(tmp_path: Path) -> None:
    context, public = make_certificate(tmp_path, host="other.test")
    async with mail_server(tls=context, is_implicit=True) as state:
        with pytest.raises(MailerAwayError, match="certificate"):
            await send(server_of(state, tls=SmtpTls.IMPLICIT, ca_file=public))

    assert state.heard == []


async def test_a_server_that_cannot_speak_tls_gets_neither_letter_nor_password() -> None:
    async with mail_server(password=PASSWORD) as state:
        with pytest.raises(MailerAwayError, match=r"(?i)starttls"):
            await send(server_of(state, tls=SmtpTls.STARTTLS, user="linkyard", password=PASSWORD))

    assert state.heard == []


async def test_a_wrong_password_is_for_the_administrator_and_letters_wait() -> None:
    async with mail_server(password=PASSWORD) as state:
        with pytest.raises(MailerAwayError, match=r"^535 "):
            await send(server_of(state, user="linkyard", password=PASSWORD.upper()))

        await send(server_of(state, user="linkyard", password=PASSWORD))

    assert [taken.was_signed_in for taken in state.taken] == [True]


async def test_a_password_file_that_is_missing_lets_letters_wait(tmp_path: Path) -> None:
    missing = tmp_path / "password"

    with pytest.raises(MailerAwayError, match="the password file cannot be read"):
        await send(server_of(1, user="linkyard", password_file=missing))


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("550 5.1.1 no such person", MailRefusedError),
        ("553 name not allowed", MailRefusedError),
        ("451 4.7.1 greylisted, come again", MailDeferredError),
        ("450 mailbox busy", MailDeferredError),
        ("452 too many", MailDeferredError),
        ("530 sign in first", MailerAwayError),
        ("421 closing", MailerAwayError),
    ],
)
async def test_what_is_said_about_a_reader_is_for_ever_or_for_now(
    answer: str, meaning: type[Exception]
) -> None:
    async with mail_server() as state:
        state.rcpt_answers.append(answer)

        with pytest.raises(Exception) as said:  # noqa: PT011 - the type is what is tested
            await send(server_of(state))

    assert (type(said.value), str(said.value)) == (meaning, answer)
    assert state.taken == []


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("554 5.7.1 looks like spam", MailRefusedError),
        ("552 too large", MailRefusedError),
        ("451 local error", MailDeferredError),
    ],
)
async def test_what_is_said_about_a_letter_is_for_ever_or_for_now(
    answer: str, meaning: type[Exception]
) -> None:
    async with mail_server() as state:
        state.data_answers.append(answer)

        with pytest.raises(Exception) as said:  # noqa: PT011 - the type is what is tested
            await send(server_of(state))

    assert (type(said.value), str(said.value)) == (meaning, answer)
    assert state.taken == []


async def test_a_connection_that_breaks_after_the_letter_lets_it_wait() -> None:
    async with mail_server() as state:
        state.data_answers.append(DROP)

        with pytest.raises(MailerAwayError):
            await send(server_of(state))


async def test_whatever_bytes_a_server_says_become_one_line() -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        answers = {b"EHLO": b"250 ok", b"MAIL": b"250 ok", b"RCPT": b"550-no \xff\x00\r\n550 never"}
        while line := await reader.readline():
            writer.write(answers.get(line[:4], b"250 ok") + b"\r\n")

    async with talker(say) as port:
        with pytest.raises(MailRefusedError) as refused:
            await send(server_of(port))

    assert str(refused.value) == "550 no never"


async def test_a_server_that_speaks_another_language_lets_letters_wait() -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with talker(say) as port:
        with pytest.raises(MailerAwayError):
            await send(server_of(port))


async def test_a_server_that_is_not_there_lets_letters_wait() -> None:
    async with mail_server() as state:
        port = state.port

    with pytest.raises(MailerAwayError):
        await send(server_of(port))


async def test_a_server_that_never_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_mailer, "_WHOLE_S", 0.2)
    async with mail_server() as state:
        state.gate.clear()

        with pytest.raises(MailerAwayError, match="did not answer in time"):
            await send(server_of(state))


async def test_addresses_in_other_alphabets_go_to_servers_that_take_them() -> None:
    to = "анна@xn--80a1acny.xn--p1ai"
    async with mail_server() as state:
        await send(server_of(state), to)

    assert [taken.to for taken in state.taken] == [to]
    assert "To: анна@xn--80a1acny.xn--p1ai" in state.taken[0].raw.decode()


async def test_and_are_refused_with_the_reason_by_those_that_do_not() -> None:
    async with mail_server(utf8=False) as state:
        with pytest.raises(MailRefusedError, match="ASCII addresses only"):
            await send(server_of(state), "анна@xn--80a1acny.xn--p1ai")

    assert state.heard == []


def test_old_tls_is_not_spoken() -> None:
    assert SmtpMailer(server_of(1))._tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert SmtpMailer(server_of(1))._tls.verify_mode is ssl.CERT_REQUIRED
