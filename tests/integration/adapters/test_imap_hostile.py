"""Servers that answer as Dovecot never would: oddly, endlessly, or on purpose."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from api.adapters import imap_line, imap_mailbox
from api.adapters.imap_mailbox import ImapMailbox, ImapServer, ImapTls
from resolvers.mailboxes import (
    FetchedMail,
    MailboxRefusedError,
    MailboxUnavailableError,
    MailKey,
    MailStuckError,
)
from tests.fakes import FixedClock
from tests.mail_servers import HOST, talker

GREETING = b"* OK ready\r\n"
SELECTED = (
    b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n"
    b"* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\nTAG OK [READ-WRITE] done\r\n"
)
ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS IDLE\r\nTAG OK done\r\n",
    b"AUTHENTICATE": b"+ \r\nTAG OK in\r\n",
    b"LOGIN": b"TAG OK in\r\n",
    b"SELECT": SELECTED,
    b"UID SEARCH": b"* SEARCH 3 5\r\nTAG OK done\r\n",
    b"UID FETCH 3": b"* 1 FETCH (UID 3 RFC822.SIZE 3 BODY[]<0> {3}\r\nraw)\r\nTAG OK done\r\n",
}


class Said(list[bytes]):
    """Lines that a client said."""


@asynccontextmanager
async def desk(
    changed: Mapping[bytes, bytes] | None = None,
    *,
    greeting: bytes = GREETING,
    **fields: Any,  # noqa: ANN401 - of a server
) -> AsyncIterator[tuple[ImapMailbox, Said]]:
    """Read from a server that gives the first answer whose beginning fits.

    Args:
        changed: answers, before the usual ones.
        greeting: what it says first.
        fields: of the server, see ImapServer.
    """
    said, answers = Said(), {**(changed or {}), **ANSWERS, **(changed or {})}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while line := await reader.readline():
            tag, _, command = line.strip().partition(b" ")
            said.append(command or tag)
            found = next((a for start, a in answers.items() if command.startswith(start)), b"")
            if tag == b"DONE":
                found = b"idle OK done\r\n"
            writer.write(found.replace(b"TAG", tag))
            await writer.drain()
            if b"* BYE" in found:
                return

    async with talker(talk) as port:
        chosen = {"name": "x", "host": HOST, "port": port, "user": "desk", "tls": ImapTls.NONE}
        server = ImapServer(**{"read_secret": lambda: "secret", **chosen, **fields})
        mailbox = ImapMailbox(server, clock=FixedClock())
        try:
            yield mailbox, said
        finally:
            await mailbox.close()


async def fetched(mailbox: ImapMailbox) -> FetchedMail | None:
    waiting = await mailbox.waiting()
    return await mailbox.fetch(MailKey(waiting.uid_validity, waiting.uids[0]))


async def test_the_usual_answers_are_understood() -> None:
    async with desk() as (mailbox, said):
        found = await fetched(mailbox)

    assert found == FetchedMail(
        key=MailKey(7, 3), raw=b"raw", received_at=FixedClock().now(), size_bytes=3
    )
    assert b'SELECT "INBOX"' in said
    assert b"UID SEARCH UID 1:8 UNDELETED" in said


@pytest.mark.parametrize(
    "changed",
    [
        {b"SELECT": b"\r\n** what\r\n* \r\nhello\r\n" + SELECTED},
        {b"SELECT": SELECTED.replace(b"\r\n", b"\n")},
        {b"SELECT": b"* 1 FETCH (FLAGS (\\Seen))\r\n* OK [ALERT] quota\r\n" + SELECTED},
        {b"UID SEARCH": b"* SEARCH\r\n* SEARCH 5\r\n* SEARCH 3 (MODSEQ 4)\r\nTAG OK done\r\n"},
        {b"UID SEARCH": b"* SEARCH 3 900 x 3\r\n* 4 EXISTS\r\nTAG OK done\r\n"},
        {b"UID FETCH 3": b'* 1 FETCH (BODY[] "raw" UID 3)\r\nTAG OK done\r\n'},
        {
            b"UID FETCH 3": b"* 1 FETCH (FLAGS () UID 3)\r\n* 1 EXPUNGE\r\n"
            b"* 1 FETCH (BODY[] {3}\r\nraw UID 3)\r\n\r\nTAG OK done\r\n"
        },
        {b"UID FETCH 3": b'* 1 FETCH (RFC822.SIZE 0 BODY[]<0> "raw" UID 3)\r\nTAG OK done\r\n'},
    ],
)
async def test_odd_lines_cost_no_mail(changed: dict[bytes, bytes]) -> None:
    async with desk(changed) as (mailbox, _):
        found = await fetched(mailbox)

    assert found is not None
    assert found.raw == b"raw"


@pytest.mark.parametrize(
    ("answer", "at"),
    [
        (b'"1-Feb-2026 10:00:00 +0300"', datetime(2026, 2, 1, 7, tzinfo=UTC)),
        (b'"soon"', FixedClock().now()),
        (b"NIL", FixedClock().now()),
    ],
)
async def test_a_moment_that_nobody_can_read_is_now(answer: bytes, at: datetime) -> None:
    facts = b'* 1 FETCH (UID 3 BODY[] "raw" INTERNALDATE %s)\r\nTAG OK done\r\n' % answer
    async with desk({b"UID FETCH 3": facts}) as (mailbox, _):
        found = await fetched(mailbox)

    assert found is not None
    assert found.received_at == at


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (b"* BYE full\r\n", "full"),
        (b"220 mail.test ESMTP\r\n" * 200, "what is no answer"),
        (b"hello {1000}\r\n", "what is no answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "did not answer in time"),
        (b"", "did not answer in time"),
    ],
)
async def test_a_server_of_another_kind_is_told_as_away(
    greeting: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_line, "_SILENCE_S", 0.1)
    async with desk(greeting=greeting) as (mailbox, said):
        with pytest.raises(MailboxUnavailableError, match=why):
            await mailbox.waiting()

    assert said == []


@pytest.mark.parametrize(
    "changed",
    [
        {b"UID FETCH 3": b"* 1 FETCH (UID 3 BODY[]<0> {99999999999}\r\n"},
        {b"UID FETCH 3": b"* 1 FETCH (UID 3 BODY[]<0> {" + b"9" * 5000 + b"}\r\n"},
        {b"UID FETCH 3": b"* 1 FETCH (UID 3 BODY[]<0> {3}\r\nra"},
        {b"UID FETCH 3": b"* BYE enough\r\n"},
        {b"UID FETCH 3": b"TAG BAD what\r\n"},
        {b"UID FETCH 3": b"A0 OK of somebody else\r\n"},
    ],
)
async def test_an_answer_that_cannot_be_breaks_the_connection_alone(
    changed: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_line, "_SILENCE_S", 0.2)
    async with desk(changed) as (mailbox, _):
        with pytest.raises(MailboxUnavailableError):
            await fetched(mailbox)


async def test_a_line_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_line, "MAX_LINE_BYTES", 1 << 16)
    async with desk({b"UID SEARCH": b"* SEARCH" + b" 1" * (1 << 17)}) as (mailbox, _):
        with pytest.raises(MailboxUnavailableError, match="a line has more than 65536 bytes"):
            await mailbox.waiting()


async def test_answers_without_an_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_mailbox, "MAX_LINE_BYTES", 1 << 16)
    endless = b"* 9 FETCH (FLAGS ())\r\n" * 10_000
    async with desk({b"UID SEARCH": endless}) as (mailbox, _):
        with pytest.raises(MailboxUnavailableError, match="says more than it was asked for"):
            await mailbox.waiting()


@pytest.mark.parametrize("size", [1, 9])
async def test_a_message_is_as_large_as_what_comes_whatever_its_size(size: int) -> None:
    lie = {
        b"UID FETCH 3 (UID BODY.PEEK[HEADER]": b"* 1 FETCH (UID 3 BODY[HEADER]<0> {1}\r\nr)\r\n"
        b"TAG OK x\r\n",
        b"UID FETCH 3": b"* 1 FETCH (UID 3 RFC822.SIZE %d BODY[]<0> {3}\r\nraw)\r\nTAG OK x\r\n"
        % size,
    }
    async with desk(lie, max_bytes=2) as (mailbox, said):
        found = await fetched(mailbox)
    async with desk(lie, max_bytes=3) as (mailbox, _):
        whole = await fetched(mailbox)

    assert found is not None
    assert (found.is_whole, found.raw, found.size_bytes) == (False, b"r", max(size, 3))
    assert b"UID FETCH 3 (UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.3>)" in said
    assert whole is not None
    assert (whole.is_whole, whole.raw, whole.size_bytes) == (True, b"raw", 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"TAG NO [SERVERBUG] internal error\r\n",
        b"TAG OK nothing\r\n",
        b"* 1 FETCH (BODY[] {3}\r\nraw)\r\nTAG OK done\r\n",
    ],
)
async def test_a_message_that_is_not_given_holds_up_no_other(answer: bytes) -> None:
    others = {
        b"UID FETCH 3": answer,
        b"UID FETCH 5": b"* 2 FETCH (UID 5 BODY[] {3}\r\nnew)\r\nTAG OK done\r\n",
    }
    async with desk(others) as (mailbox, _):
        with pytest.raises(MailStuckError):
            await fetched(mailbox)
        found = await mailbox.fetch(MailKey(7, 5))

    assert found is not None
    assert found.raw == b"new"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"TAG NO [AUTHENTICATIONFAILED] no\r\n", MailboxRefusedError),
        (b"TAG NO no\r\n", MailboxRefusedError),
        (b"TAG NO [UNAVAILABLE] later\r\n", MailboxUnavailableError),
        (b"TAG BAD what\r\n", MailboxUnavailableError),
        (b"* BYE too many\r\n", MailboxUnavailableError),
        (b"+ a\r\nTAG NO x\r\n", MailboxUnavailableError),
    ],
)
async def test_only_what_is_about_our_password_counts_as_refused(
    answer: bytes, kind: type[Exception]
) -> None:
    async with desk({b"AUTHENTICATE": answer}) as (mailbox, _):
        with pytest.raises(MailboxUnavailableError) as told:
            await mailbox.waiting()

    assert type(told.value) is kind


async def test_a_server_without_plain_is_told_by_login() -> None:
    bare = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"}
    async with desk(bare, user='a "b"', read_secret=lambda: 'c\\"d') as (mailbox, said):
        await mailbox.waiting()

    assert rb'LOGIN "a \"b\"" "c\\\"d"' in said


async def test_login_says_no_password_in_another_alphabet() -> None:
    bare = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"}
    async with desk(bare, read_secret=lambda: "пароль") as (mailbox, said):
        with pytest.raises(MailboxUnavailableError, match="in ASCII only"):
            await mailbox.waiting()

    assert said == [b"CAPABILITY"]


async def test_plain_says_it_in_any_alphabet() -> None:
    async with desk(user="анна", read_secret=lambda: "пароль") as (mailbox, said):
        await mailbox.waiting()

    assert said[1:3] == [b"AUTHENTICATE PLAIN", b"ANCw0L3QvdCwANC/0LDRgNC+0LvRjA=="]


async def test_where_sign_in_is_disabled_nothing_is_said() -> None:
    disabled = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK done\r\n"}
    async with desk(disabled) as (mailbox, said):
        with pytest.raises(MailboxUnavailableError, match="no password over this connection"):
            await mailbox.waiting()

    assert said == [b"CAPABILITY"]


async def test_an_access_token_signs_in() -> None:
    async with desk(is_token=True, read_secret=lambda: "t0ken") as (mailbox, said):
        await mailbox.waiting()

    assert said[1:3] == [
        b"AUTHENTICATE XOAUTH2",
        b"dXNlcj1kZXNrAWF1dGg9QmVhcmVyIHQwa2VuAQE=",
    ]


async def test_a_refused_token_comes_with_an_explanation_that_wants_an_answer() -> None:
    refused = b"+ \r\n+ eyJzdGF0dXMiOiI0MDEifQ==\r\nTAG NO [AUTHENTICATIONFAILED] x\r\n"
    async with desk({b"AUTHENTICATE": refused}, is_token=True) as (mailbox, said):
        with pytest.raises(MailboxRefusedError, match="AUTHENTICATIONFAILED"):
            await mailbox.waiting()

    assert said[1] == b"AUTHENTICATE XOAUTH2"


@pytest.mark.parametrize(
    ("changed", "greeting"),
    [
        ({}, GREETING),
        ({}, b"* PREAUTH welcome\r\n"),
        (
            {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK x\r\n"},
            b"* PREAUTH welcome\r\n",
        ),
        (
            {
                b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK x\r\n",
                b"STARTTLS": b"TAG NO not now\r\n",
            },
            GREETING,
        ),
        (
            {
                b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK x\r\n",
                b"STARTTLS": b"TAG OK go on\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
            },
            GREETING,
        ),
    ],
)
async def test_without_tls_nothing_secret_is_said(
    changed: dict[bytes, bytes], greeting: bytes
) -> None:
    async with desk(changed, greeting=greeting, tls=ImapTls.STARTTLS) as (mailbox, said):
        with pytest.raises(MailboxUnavailableError, match="TLS"):
            await mailbox.waiting()

    assert set(said) <= {b"CAPABILITY", b"STARTTLS"}


@pytest.mark.parametrize(
    ("selected", "why"),
    [
        (b"* 2 EXISTS\r\nTAG OK done\r\n", "tells no UIDVALIDITY"),
        (SELECTED.replace(b"[READ-WRITE]", b"[READ-ONLY]"), "not writable"),
        (b"TAG NO no\x1b[31m such\r\n", "folder INBOX: no"),
    ],
)
async def test_a_folder_that_cannot_be_read_safely_is_not_read(selected: bytes, why: str) -> None:
    async with desk({b"SELECT": selected}) as (mailbox, said):
        with pytest.raises(MailboxUnavailableError, match=why) as told:
            await mailbox.waiting()

    assert not any(line.startswith(b"UID") for line in said)
    assert str(told.value).isprintable()


async def test_a_folder_of_millions_is_searched_in_ranges() -> None:
    many = {b"SELECT": SELECTED.replace(b"UIDNEXT 9", b"UIDNEXT 2000005")}
    async with desk(many) as (mailbox, said):
        waiting = await mailbox.waiting(after=MailKey(7, 2))

    assert waiting.uids == [3, 5]
    assert [line for line in said if line.startswith(b"UID")] == [
        b"UID SEARCH UID 3:1000002 UNDELETED",
        b"UID SEARCH UID 1000003:2000002 UNDELETED",
        b"UID SEARCH UID 2000003:2000004 UNDELETED",
    ]


async def test_a_server_that_does_not_tell_the_next_number_is_searched_at_once() -> None:
    silent = {b"SELECT": SELECTED.replace(b"[UIDNEXT 9]", b"[X 9]")}
    async with desk(silent) as (mailbox, said):
        waiting = await mailbox.waiting()

    assert waiting.uids == [3, 5]
    assert [line for line in said if line.startswith(b"UID")] == [
        b"UID SEARCH UID 1:4294967295 UNDELETED"
    ]


async def test_an_empty_folder_is_not_searched() -> None:
    empty = {b"SELECT": SELECTED.replace(b"2 EXISTS", b"0 EXISTS"), b"UID": b"TAG BAD no\r\n"}
    async with desk(empty) as (mailbox, _):
        assert (await mailbox.waiting()).uids == []


async def test_a_server_that_takes_no_idle_after_all_is_asked_anew() -> None:
    async with desk({b"IDLE": b"idle NO not now\r\n"}) as (mailbox, _):
        await mailbox.waiting()
        with pytest.raises(MailboxUnavailableError, match=r"IDLE: .*not now"):
            await mailbox.wait(5)


@pytest.mark.parametrize(
    ("news", "ends"), [(b"", False), (b"* 3 EXISTS\r\n", True), (b"* 2 EXPUNGE\r\n", False)]
)
async def test_only_new_mail_ends_a_wait(news: bytes, *, ends: bool) -> None:
    alive = {b"IDLE": b"+ \r\n* OK Still here\r\n* 2 RECENT\r\n" + news}
    async with desk(alive) as (mailbox, said):
        await mailbox.waiting()

        assert await mailbox.wait(0.1) is ends
        assert (await mailbox.waiting()).uids == [3, 5]

    assert b"DONE" in said
