"""Mail that comes in: all of the corpus, and whatever else bytes can be."""

import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.bounce_reports import read_bounce
from models.rules.follow_ups import FollowUp, KnownThreads, decide_follow_up, thread_signs
from models.rules.incoming_mail import MAX_MAIL_BYTES, IncomingMail, read_mail
from models.rules.mail_faults import MailFault
from models.rules.mail_loops import OwnMail
from models.rules.mail_origins import read_origin
from models.rules.mail_subjects import read_subject
from models.rules.mime_tree import MAX_DEPTH, MAX_PARTS
from models.rules.reply_trimming import TrimmedReply, trim_reply
from tests.mail_corpus import corpus
from tests.mail_world import CorpusMail, World, lines_of

WORLD = World()
CORPUS = corpus(WORLD)
OWN = OwnMail(keys=WORLD.keys, hosts={WORLD.host}, addresses={WORLD.mailbox})
KNOWN = KnownThreads(
    by_reference={},
    by_number={WORLD.number: WORLD.ticket},
    participants={WORLD.ticket: {WORLD.customer}},
)


def faults(mail: IncomingMail) -> set[MailFault]:
    return {found.fault for found in mail.faults}


def trimmed(mail: IncomingMail) -> TrimmedReply:
    subject = read_subject(mail.subject)
    is_reply = bool(mail.answered or mail.references or subject.is_reply)
    return trim_reply(mail.text, is_reply=is_reply, is_forward=subject.is_forward)


def follow_up(mail: IncomingMail) -> FollowUp:
    signs = thread_signs(
        WORLD.keys,
        sender=mail.sender.address if mail.sender else "",
        recipients=[person.address for person in (*mail.to, *mail.cc)],
        mailboxes=[WORLD.mailbox],
        answered=mail.answered,
        references=mail.references,
        numbers=read_subject(mail.subject).numbers,
    )
    return decide_follow_up(WORLD.keys, signs, KNOWN)


def check_whole(raw: bytes) -> IncomingMail:
    """Read a mail by all rules; none raises, and no part is lost."""
    mail = read_mail(raw)
    attached = {part.leaf for part in mail.parts}
    assert attached | mail.body_leaves == set(range(mail.leaves))
    sections = trimmed(mail).sections
    assert "".join(section.text for section in sections) == mail.text
    read_origin(mail, own=OWN)
    read_bounce(mail)
    follow_up(mail)
    return mail


def test_the_corpus_is_of_more_than_200_messages() -> None:
    assert len(CORPUS) >= 200
    assert len({message.name for message in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("expected", CORPUS, ids=lambda message: message.name)
def test_each_message_becomes_what_it_has_to(expected: CorpusMail) -> None:
    mail = check_whole(expected.raw)

    assert mail.sender is not None
    assert mail.sender.address == expected.sender
    assert mail.subject == expected.subject
    assert lines_of(trimmed(mail).new) == lines_of(expected.new)
    assert [(part.name, part.content, part.is_inline) for part in mail.parts] == list(
        expected.parts
    )
    assert read_origin(mail, own=OWN).kind is expected.origin
    assert follow_up(mail).sign is expected.sign
    assert faults(mail) == expected.faults


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    check_whole(raw)


@given(
    st.sampled_from(CORPUS),
    st.lists(
        st.tuples(st.integers(0, 1 << 16), st.integers(0, 40), st.binary(max_size=12)), max_size=6
    ),
)
def test_a_damaged_mail_is_a_mail(
    message: CorpusMail, damages: list[tuple[int, int, bytes]]
) -> None:
    raw = message.raw
    for place, length, bytes_ in damages:
        at = place % (len(raw) + 1)
        raw = raw[:at] + bytes_ + raw[at + length :]

    check_whole(raw)


@given(st.sampled_from(CORPUS), st.integers(0, 1 << 16))
def test_a_mail_that_was_cut_is_a_mail(message: CorpusMail, place: int) -> None:
    check_whole(message.raw[: place % (len(message.raw) + 1)])


_HEADERS = (
    "Content-Type Content-Disposition Content-Transfer-Encoding From To Subject Date Message-ID"
    " References Return-Path Auto-Submitted Content-ID"
)
_PIECES = (
    'multipart/mixed|multipart/alternative|; boundary=b|--b|--b--|\r\n|\n|;|"|=?utf-8?Q?|=?=|?='
    "|<|>|@|(|)|,|a|Ж|text/html|base64|; name*0*=x''|; charset=|koi8-r|message/rfc822|[#12]|Re: |> "
    "|multipart/report|wrote:|12.05.2024|From: |Sent: |Subject: |-- |winmail.dat|quoted-printable"
)
HEADERS = st.sampled_from(_HEADERS.split())
PIECES = st.sampled_from(_PIECES.split("|"))


@given(
    st.lists(st.tuples(HEADERS, st.lists(PIECES, max_size=5)), max_size=8),
    st.lists(PIECES, max_size=40),
)
def test_any_pieces_of_mail_are_a_mail(
    headers: list[tuple[str, list[str]]], body: list[str]
) -> None:
    head = "".join(f"{name}: {''.join(pieces)}\r\n" for name, pieces in headers)

    check_whole(f"{head}\r\n{''.join(body)}".encode())


FILES = st.lists(st.binary(max_size=60), max_size=5)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60), FILES)
@settings(max_examples=60)
def test_what_the_standard_library_writes_is_read_the_same(text: str, files: list[bytes]) -> None:
    letter = EmailMessage(policy=SMTP)
    letter["Subject"], letter["From"] = "x", "a@b.test"
    letter.set_content(text)
    letter.add_alternative(f"<p>{text}", subtype="html")
    for number, content in enumerate(files):
        letter.add_attachment(
            content, maintype="application", subtype="x-any", filename=f"ф{number}.bin"
        )

    mail = read_mail(letter.as_bytes())

    assert mail.text.rstrip("\n") == text
    assert [(part.name, part.content) for part in mail.parts] == [
        (f"ф{number}.bin", content) for number, content in enumerate(files)
    ]


def test_a_mail_without_anything_says_what_it_lacks() -> None:
    mail = check_whole(b"")

    assert faults(mail) == {
        MailFault.NO_HEADERS,
        MailFault.MESSAGE_ID_MISSING,
        MailFault.SENDER_MISSING,
    }
    assert (mail.subject, mail.text, mail.parts, mail.sender) == ("", "", (), None)


def test_ten_thousand_parts_are_a_thousand_and_a_rest() -> None:
    parts = b"".join(b"--b\r\nContent-Type: image/png\r\n\r\n%d\r\n" % n for n in range(10_000))
    raw = (
        b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        + parts
        + b"--b--\r\n"
    )

    began = time.process_time()
    mail = check_whole(raw)

    assert time.process_time() - began < 2
    assert mail.leaves == MAX_PARTS + 1
    assert mail.parts[-1].fault is MailFault.TOO_MANY_PARTS
    assert mail.parts[-1].content.endswith(b"9999\r\n--b--\r\n")
    assert MailFault.TOO_MANY_PARTS in faults(mail)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 3_000])
def test_parts_within_parts_end_somewhere(depth: int) -> None:
    raw = b"From: a@b.test\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(depth)
    )

    began = time.process_time()
    mail = check_whole(raw + b"\r\ninside")

    assert time.process_time() - began < 2
    assert [part.fault for part in mail.parts] == [MailFault.TOO_DEEP]
    assert mail.parts[0].content.endswith(b"inside")


def test_sixty_megabytes_of_header_are_bounded() -> None:
    raw = b"From: a@b.test\r\nSubject: " + b"x" * 60_000_000 + b"\r\n\r\ntext"

    began = time.process_time()
    mail = read_mail(raw)

    assert time.process_time() - began < 2
    assert len(mail.subject) == 2_000
    assert {MailFault.HEADERS_TOO_BIG, MailFault.MAIL_TOO_BIG} <= faults(mail)


def test_a_mail_that_is_too_big_is_read_from_its_beginning() -> None:
    mail = read_mail(b"From: a@b.test\r\n\r\n" + b"text\r\n" * (MAX_MAIL_BYTES // 6 + 10))

    assert mail.text.startswith("text\ntext\n")
    assert {MailFault.MAIL_TOO_BIG, MailFault.TEXT_TOO_LONG} <= faults(mail)


HEAD = b"From: a@b.test\r\n"
BOMBS = {
    "fields": b"a:\r\n" * 200_000,
    "broken-lines": b"x\r\n" * 60_000 + b"Subject: y\r\n\r\n",
    "words": HEAD + b"Subject: " + b"=?utf-8?B?" * 20_000,
    "open-words": HEAD + b"Subject: " + b"=?utf-8?Q?a" * 20_000,
    "comments": b"From: " + b"(" * 200_000,
    "quotes": b"From: " + b'"a" ' * 50_000,
    "angles": b"To: " + b"<" * 200_000,
    "addresses": b"To: " + b"a@b," * 50_000,
    "parameters": HEAD + b"Content-Type: text/plain" + b"; a=b" * 50_000,
    "boundary": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b" * 500_000,
    "ids": HEAD + b"References: " + b"<a@b>" * 50_000,
    "quoted": HEAD + b"In-Reply-To: <a@b>\r\n\r\n" + b"> a\r\nb\r\n" * 100_000,
    "attributions": HEAD + b"In-Reply-To: <a@b>\r\n\r\n" + b"12.05.2024 a@b.test x:\r\n" * 20_000,
    "header-copies": HEAD + b"\r\n" + b"From: a\r\n" * 15_000,
    "html": HEAD + b"Content-Type: text/html\r\n\r\n" + b'<a "' * 300_000,
    "html-tags": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<blockquote>" * 10_000,
    "base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 1_000_000,
    "subject-marks": HEAD + b"Subject: " + b"Re: " * 50_000,
    "tags": HEAD + b"Subject: " + b"[#1]" * 50_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_mail_takes_more_time_than_its_length(name: str) -> None:
    began = time.process_time()
    check_whole(BOMBS[name])

    assert time.process_time() - began < 2.5  # the square of the length would be minutes
