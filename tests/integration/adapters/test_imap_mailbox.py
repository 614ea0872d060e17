"""Mail of a real Dovecot: what is fetched, what is marked, and what breaks meanwhile."""

import asyncio
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from api.adapters import imap_mailbox
from api.adapters.imap_mailbox import (
    KEYWORD,
    ImapMailbox,
    ImapServer,
    ImapTls,
    WhenDone,
)
from models.rules.imap_words import folder_name
from resolvers.mailboxes import (
    FetchedMail,
    MailboxRefusedError,
    MailboxUnavailableError,
    MailKey,
    MailStuckError,
)
from tests.dovecot_account import Account, mail
from tests.dovecot_server import PASSWORD, TOKEN_KEY, Dovecot
from tests.fakes import FixedClock
from tests.mail_servers import HOST


@pytest.fixture
def account(dovecot: Dovecot) -> Account:
    return Account(dovecot)


async def fetch_all(mailbox: ImapMailbox) -> list[FetchedMail]:
    waiting = await mailbox.waiting()
    keys = [MailKey(waiting.uid_validity, uid) for uid in waiting.uids]
    found = [await mailbox.fetch(key) for key in keys]
    return [each for each in found if each is not None]


async def take_all(mailbox: ImapMailbox) -> list[bytes]:
    found = await fetch_all(mailbox)
    for each in found:
        await mailbox.mark_done(each.key)
    return [each.raw for each in found]


async def test_a_message_is_fetched_as_it_is_and_left_as_it_was(account: Account) -> None:
    raw = mail(1, body=b"\xcf\xf0\xe8\xe2\xe5\xf2\r\n.\r\n{3}\r\n)\r\n UID 9 BODY[]\r\n")
    account.deliver(raw, at="17-Jul-2026 02:44:25 +0300")

    async with account.read() as mailbox:
        [found] = await fetch_all(mailbox)
        assert await fetch_all(mailbox) == [found]

    assert (found.raw, found.size_bytes, found.is_whole) == (raw, len(raw), True)
    assert found.received_at == datetime(2026, 7, 16, 23, 44, 25, tzinfo=UTC)
    assert account.flags() == [set()]


async def test_mail_that_is_done_is_moved_to_a_folder_that_is_made(account: Account) -> None:
    account.deliver(mail(1), mail(2))

    async with account.read(done_folder="Готово/Принято") as mailbox:
        assert await take_all(mailbox) == [mail(1), mail(2)]
        assert (await mailbox.waiting()).uids == []

    assert account.subjects() == []
    assert account.subjects("Готово/Принято") == [b"1", b"2"]
    assert account.flags("Готово/Принято") == [{b"\\Seen"}, {b"\\Seen"}]


async def test_a_server_without_move_copies_and_deletes(account: Account) -> None:
    account.deliver(mail(1), mail(2))
    with account.opened() as other:
        other.store("2", "+FLAGS", "(\\Deleted)")

    async with account.read() as mailbox:
        await mailbox.waiting()
        lack(mailbox, "MOVE")
        assert await take_all(mailbox) == [mail(1)]

    assert account.subjects() == [b"2"]  # marked by somebody else, who may change their mind
    assert account.subjects("Linkyard") == [b"1"]


async def test_mail_that_is_done_is_flagged_where_it_is(account: Account) -> None:
    account.deliver(mail(1), mail(2))

    async with account.read(when_done=WhenDone.FLAG) as mailbox:
        first, _ = await fetch_all(mailbox)
        await mailbox.mark_done(first.key)
        await mailbox.mark_done(first.key)

    async with account.read(when_done=WhenDone.FLAG) as mailbox:
        assert [each.raw for each in await fetch_all(mailbox)] == [mail(2)]
    assert account.flags() == [{b"\\Seen", KEYWORD.encode()}, set()]


async def test_mail_that_a_person_has_opened_first_is_taken_all_the_same(account: Account) -> None:
    account.deliver(mail(1))
    with account.opened() as person:
        person.fetch("1", "(BODY[])")
    assert account.flags() == [{b"\\Seen"}]

    async with account.read(when_done=WhenDone.FLAG) as mailbox:
        assert await take_all(mailbox) == [mail(1)]
        assert await take_all(mailbox) == []


async def test_where_no_keyword_can_be_kept_unseen_mail_is_taken(account: Account) -> None:
    account.deliver(mail(1), mail(2))
    with account.opened() as person:
        person.fetch("1", "(BODY[])")

    async with account.read(when_done=WhenDone.FLAG) as mailbox:
        await mailbox.waiting()
        forget_keywords(mailbox)
        assert await take_all(mailbox) == [mail(2)]

    assert account.flags() == [{b"\\Seen"}, {b"\\Seen"}]


async def test_mail_that_is_done_is_deleted(account: Account) -> None:
    account.deliver(mail(1), mail(2))
    with account.opened() as other:
        other.store("2", "+FLAGS", "(\\Deleted)")

    async with account.read(when_done=WhenDone.DELETE) as mailbox:
        assert await take_all(mailbox) == [mail(1)]

    assert account.subjects() == [b"2"]


async def test_a_server_that_cannot_expunge_one_keeps_it_marked(account: Account) -> None:
    account.deliver(mail(1))

    async with account.read(when_done=WhenDone.DELETE) as mailbox:
        await mailbox.waiting()
        lack(mailbox, "UIDPLUS")
        assert await take_all(mailbox) == [mail(1)]
        assert (await mailbox.waiting()).uids == []

    assert account.flags() == [{b"\\Deleted", b"\\Seen"} - {b"\\Seen"}]


async def test_a_position_leaves_out_what_came_before(account: Account) -> None:
    account.deliver(*map(mail, range(1, 5)))

    async with account.read() as mailbox:
        waiting = await mailbox.waiting()
        after = MailKey(waiting.uid_validity, waiting.uids[1])
        assert (await mailbox.waiting(after=after)).uids == waiting.uids[2:]
        last = MailKey(waiting.uid_validity, waiting.uids[-1])
        assert (await mailbox.waiting(after=last)).uids == []


async def test_a_folder_that_was_made_anew_is_read_from_its_beginning(account: Account) -> None:
    with account.server.client(account.user) as other:
        other.create("Desk")
    account.deliver(mail(1), mail(2), folder="Desk")

    async with account.read(folder="Desk") as mailbox:
        before = await mailbox.waiting()
        with account.server.client(account.user) as other:
            other.delete("Desk")
            other.create("Desk")
        account.deliver(mail(3), folder="Desk")
        position = MailKey(before.uid_validity, before.uids[-1])
        with pytest.raises((MailStuckError, MailboxUnavailableError)):
            await mailbox.fetch(position)

        after = await mailbox.waiting(after=position)
        assert after.uid_validity != before.uid_validity
        with pytest.raises(MailboxUnavailableError, match="made anew"):
            await mailbox.mark_done(position)
        assert await take_all(mailbox) == [mail(3)]


async def test_a_message_that_somebody_took_away_is_gone(account: Account) -> None:
    account.deliver(mail(1), mail(2))

    async with account.read() as mailbox:
        waiting = await mailbox.waiting()
        with account.opened() as other:
            other.store("1", "+FLAGS", "(\\Deleted)")
            other.expunge()
        keys = [MailKey(waiting.uid_validity, uid) for uid in waiting.uids]
        assert await mailbox.fetch(keys[0]) is None
        await mailbox.mark_done(keys[0])
        found = await mailbox.fetch(keys[1])

    assert found is not None
    assert found.raw == mail(2)


async def test_a_message_beyond_the_bound_is_told_by_its_head_and_stays(account: Account) -> None:
    large = mail(1, body=b"0123456789abcdef" * (25 << 16))  # 25 MiB
    account.deliver(large, mail(2))

    async with account.read(max_bytes=25 << 20) as mailbox:
        found, small = await fetch_all(mailbox)
    assert (found.is_whole, found.size_bytes) == (False, len(large))
    assert found.raw == mail(1, body=b"")
    assert small.raw == mail(2)

    async with account.read(max_bytes=len(large)) as mailbox:
        whole, _ = await fetch_all(mailbox)
    assert whole.is_whole
    assert whole.raw == large


async def test_folders_have_names_in_any_alphabet(account: Account) -> None:
    folder = 'Заявки & "жалобы"'
    with account.server.client(account.user) as other:
        assert other.create(folder_name(folder))[0] == "OK"
    account.deliver(mail(1), folder=folder)

    async with account.read(folder=folder, done_folder="Принято") as mailbox:
        assert await take_all(mailbox) == [mail(1)]

    assert account.subjects(folder) == []
    assert account.subjects("Принято") == [b"1"]


async def test_a_folder_that_is_not_there_is_named(account: Account) -> None:
    async with account.read(folder="Заявки") as mailbox:
        with pytest.raises(MailboxUnavailableError, match=r"folder Заявки: .*doesn't exist"):
            await mailbox.waiting()


async def test_a_folder_that_cannot_be_made_leaves_the_message_where_it_is(
    account: Account,
) -> None:
    account.deliver(mail(1), mail(2))

    async with account.read(done_folder="a//b") as mailbox:
        first, _ = await fetch_all(mailbox)
        with pytest.raises(MailStuckError, match="Invalid mailbox name"):
            await mailbox.mark_done(first.key)
        assert len(await fetch_all(mailbox)) == 2


async def test_only_mail_of_a_day_and_later_is_taken(account: Account) -> None:
    account.deliver(mail(1), at="30-Jan-2026 12:00:00 +0000")
    account.deliver(mail(2), at="31-Jan-2026 12:00:00 +0000")

    async with account.read(since=date(2026, 1, 31)) as mailbox:
        assert await take_all(mailbox) == [mail(2)]

    assert account.subjects() == [b"1"]


async def test_a_wrong_password_is_tried_once_and_the_right_one_at_once(account: Account) -> None:
    secrets = ["wrong", "wrong", PASSWORD]
    async with account.read(read_secret=lambda: secrets.pop(0)) as mailbox:
        with pytest.raises(MailboxRefusedError, match="AUTHENTICATIONFAILED") as first:
            await mailbox.waiting()
        account.server.freeze()  # nobody is asked
        try:
            with pytest.raises(MailboxRefusedError) as second:
                await mailbox.waiting()
        finally:
            account.server.thaw()
        assert str(second.value) == str(first.value)
        assert (await mailbox.waiting()).uids == []


async def test_an_access_token_signs_in_and_another_ones_does_not(account: Account) -> None:
    def token(user: str) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 600}
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(TOKEN_KEY))

    account.deliver(mail(1))
    tokens = [token("somebody@example.org"), token(account.user)]
    async with account.read(is_token=True, read_secret=lambda: tokens.pop(0)) as mailbox:
        with pytest.raises(MailboxRefusedError):
            await mailbox.waiting()
        assert await take_all(mailbox) == [mail(1)]


async def test_a_password_file_that_cannot_be_read_asks_no_server(tmp_path: Path) -> None:
    server = ImapServer(
        name="x", host=HOST, port=1, user="x", read_secret=(tmp_path / "no").read_text
    )

    with pytest.raises(MailboxUnavailableError, match="password file cannot be read"):
        await ImapMailbox(server, clock=FixedClock()).waiting()


@pytest.mark.parametrize("tls", [ImapTls.STARTTLS, ImapTls.IMPLICIT])
async def test_mail_travels_in_secret(account: Account, tls: ImapTls) -> None:
    account.deliver(mail(1))
    server = account.server
    port = server.port if tls is ImapTls.STARTTLS else server.secret_port

    async with account.read(tls=tls, port=port, ca_file=str(server.certificate)) as mailbox:
        assert await take_all(mailbox) == [mail(1)]
        account.deliver(mail(2))
        assert await mailbox.wait(10)
        assert await take_all(mailbox) == [mail(2)]


@pytest.mark.parametrize("tls", [ImapTls.STARTTLS, ImapTls.IMPLICIT])
async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    account: Account, tls: ImapTls
) -> None:
    server = account.server
    port = server.port if tls is ImapTls.STARTTLS else server.secret_port

    async with account.read(tls=tls, port=port) as mailbox:
        with pytest.raises(MailboxUnavailableError, match="certificate verify failed"):
            await mailbox.waiting()


async def test_new_mail_ends_the_wait(account: Account) -> None:
    async with account.read() as mailbox:
        await mailbox.waiting()
        waiting = asyncio.create_task(mailbox.wait(30))
        await asyncio.to_thread(account.deliver, mail(1))

        assert await waiting
        assert not await mailbox.wait(0.01)
        assert await take_all(mailbox) == [mail(1)]


async def test_mail_that_comes_between_two_commands_ends_the_wait_at_once(
    account: Account,
) -> None:
    account.deliver(mail(1))
    async with account.read() as mailbox:
        [first] = await fetch_all(mailbox)
        account.deliver(mail(2))
        await mailbox.fetch(first.key)  # Dovecot tells of the second message beside it
        await mailbox.mark_done(first.key)

        assert await mailbox.wait(30)


async def test_a_server_without_idle_is_waited_for(account: Account) -> None:
    async with account.read() as mailbox:
        await mailbox.waiting()
        lack(mailbox, "IDLE")

        assert not await mailbox.wait(0.01)


async def test_a_wait_that_is_cancelled_ends_its_thread_and_the_next_look_begins_anew(
    account: Account,
) -> None:
    account.deliver(mail(1))
    async with account.read() as mailbox:
        await mailbox.waiting()
        session = mailbox._session
        assert session is not None
        waiting = asyncio.create_task(mailbox.wait(30))
        await asyncio.sleep(0)

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await asyncio.to_thread(session.thread._thread.join)
        assert await take_all(mailbox) == [mail(1)]


async def test_a_server_that_dies_and_comes_back_is_read_on(stoppable_dovecot: Dovecot) -> None:
    account = Account(stoppable_dovecot)
    account.deliver(mail(1), mail(2))

    async with account.read() as mailbox:
        first, second = await fetch_all(mailbox)
        await mailbox.mark_done(first.key)
        stoppable_dovecot.kill()
        with pytest.raises(MailboxUnavailableError):
            await mailbox.mark_done(second.key)
        with pytest.raises(MailboxUnavailableError, match="refused"):
            await mailbox.waiting()
        stoppable_dovecot.start()

        assert await take_all(mailbox) == [mail(2)]
    assert account.subjects("Linkyard") == [b"1", b"2"]


async def test_a_server_that_stands_still_is_not_waited_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with account.read() as mailbox:
        await mailbox.waiting()
        monkeypatch.setattr(imap_mailbox, "_STEP_S", 0.1)
        account.server.freeze()
        try:
            with pytest.raises(MailboxUnavailableError, match="did not answer in time"):
                await mailbox.waiting()
            with pytest.raises(MailboxUnavailableError):
                await mailbox.waiting()
        finally:
            account.server.thaw()
        monkeypatch.undo()
        assert (await mailbox.waiting()).uids == []


def lack(mailbox: ImapMailbox, ability: str) -> None:
    """Let the server not have told of something that it can."""
    session = mailbox._session
    assert session is not None
    session.imap.abilities -= {ability}


def forget_keywords(mailbox: ImapMailbox) -> None:
    """Let the server say of the folder that it keeps no keywords of ours."""
    session = mailbox._session
    assert session is not None
    response = session.imap.response

    def changed(code: str) -> Any:  # noqa: ANN401 - of imaplib
        kind, said = response(code)
        return (kind, [b"(\\Seen \\Deleted)"]) if code == "PERMANENTFLAGS" else (kind, said)

    session.imap.response = changed  # type: ignore[method-assign]
