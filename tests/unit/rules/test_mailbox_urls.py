"""One line for one mailbox."""

import pytest

from models.rules.mailbox_urls import MailboxUrl, parse_mailbox_url, parse_mailbox_urls


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            "imaps://help@mail.example.org",
            MailboxUrl(scheme="imaps", host="mail.example.org", port=993, user="help"),
        ),
        (
            "imap://help@mail.example.org:1143/inbox",
            MailboxUrl(scheme="imap", host="mail.example.org", port=1143, user="help"),
        ),
        (
            "imaps://help@example.org@mail.example.org/Support/New",
            MailboxUrl(
                scheme="imaps",
                host="mail.example.org",
                port=993,
                user="help@example.org",
                folder="Support/New",
            ),
        ),
        (
            "imaps://help%40example.org;auth=xoauth2@[::1]/%D0%97%D0%B0%D1%8F%D0%B2%D0%BA%D0%B8",
            MailboxUrl(
                scheme="imaps",
                host="::1",
                port=993,
                user="help@example.org",
                folder="Заявки",
                is_by_token=True,
            ),
        ),
        (
            "imaps://help;AUTH=*@mail.example.org/Заявки%20и%20жалобы",
            MailboxUrl(
                scheme="imaps",
                host="mail.example.org",
                port=993,
                user="help",
                folder="Заявки и жалобы",
            ),
        ),
    ],
)
def test_a_line_says_server_account_and_folder(written: str, meant: MailboxUrl) -> None:
    assert parse_mailbox_url(written) == meant


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("https://help@mail.example.org", "must be imaps://USER@HOST/FOLDER"),
        ("imaps://mail.example.org", "must be imaps://USER@HOST/FOLDER"),
        ("imaps://help@", "must be imaps://USER@HOST/FOLDER"),
        ("imaps://help:secret@mail.example.org", "LINKYARD_IMAP_PASSWORD_FILE has it"),
        ("imaps://help:@mail.example.org", "LINKYARD_IMAP_PASSWORD_FILE has it"),
        ("imaps://help;AUTH=GSSAPI@mail.example.org", "nothing but ;AUTH=XOAUTH2"),
        ("imaps://help@mail.example.org/What?", "must have %3F for ?"),
        ("imaps://help@mail.example.org/What?x", "must have %3F for ?"),
        ("imaps://help@mail.example.org/a#b", "must have %3F for ?"),
        ("imaps://help%0d%0a@mail.example.org", "without control characters"),
        ("imaps://help@mail.example.org/a%00", "without control characters"),
        ("imaps://help@mail.example.org:x", "Port could not be cast"),
    ],
)
def test_what_names_no_mailbox_is_refused_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_mailbox_url(written)

    assert why in str(refused.value)


def test_a_mailbox_has_one_name_however_it_is_written() -> None:
    names = {
        parse_mailbox_url(written).name
        for written in (
            "imaps://a@b.test@mail.test",
            "imaps://a%40b.test@mail.test:993/",
            "imaps://a%40b.test@MAIL.test/inbox",
        )
    }

    assert names == {"imaps://a%40b.test@mail.test/INBOX"}
    assert parse_mailbox_url("imap://a@[::1]:99/Заявки").name == "imap://a@[::1]:99/Заявки"


@pytest.mark.parametrize(
    ("written", "starts"),
    [
        ("imaps://a@mail.test", False),
        ("imap://a@mail.test", True),
        ("imap://a@localhost", False),
        ("imap://a@127.0.0.1", False),
        ("imap://a@[::1]", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_the_clear(written: str, *, starts: bool) -> None:
    assert parse_mailbox_url(written).starts_tls is starts


def test_several_mailboxes_have_white_space_between() -> None:
    found = parse_mailbox_urls(" imaps://a@mail.test\n imaps://b@mail.test/Help ")

    assert [(url.user, url.folder) for url in found] == [("a", "INBOX"), ("b", "Help")]
    assert parse_mailbox_urls("") == ()


def test_a_mailbox_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="each mailbox once"):
        parse_mailbox_urls("imaps://a@mail.test imaps://a@mail.test/INBOX")
