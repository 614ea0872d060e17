"""Who wrote a mail; the mails of programs are in the corpus as well."""

import pytest

from models.rules.auto_answers import ENVELOPE_SENDER, AutomaticMail, automatic_headers
from models.rules.bounce_reports import BounceReport, FailedRecipient, read_bounce
from models.rules.incoming_mail import IncomingMail, read_mail
from models.rules.mail_loops import (
    MAX_EXCHANGE,
    MAX_REOPENS,
    MAX_SAME_SUBJECT,
    MAX_TO_ADDRESS,
    AnswerCounts,
    AnswerVerdict,
    OwnMail,
    may_answer,
    may_reopen,
)
from models.rules.mail_origins import MailOrigin, MailOriginKind, read_origin
from models.rules.thread_ids import thread_id
from tests.mail_automatic import bounce
from tests.mail_world import World

WORLD = World()
OWN = OwnMail(keys=WORLD.keys, hosts={"desk.test"}, addresses={"support@desk.test"})


REPORT = "Content-Type: multipart/report; report-type="


def mail(*headers: str, text: str = "text", sender: str = "Ann <ann@b.test>") -> IncomingMail:
    lines = [f"From: {sender}", "Message-ID: <a@b.test>", *headers, "", text]
    return read_mail("\r\n".join(lines).encode())


def origin(*headers: str, sender: str = "ann@b.test", return_path: str | None = None) -> MailOrigin:
    return read_origin(mail(*headers, sender=sender), own=OWN, return_path=return_path)


def test_a_person_may_be_answered() -> None:
    found = origin("Subject: Out of office hours, can you help?")

    assert found == MailOrigin(MailOriginKind.PERSON, ("subject",), may_be_answered=False)
    assert origin("Subject: Help") == MailOrigin(MailOriginKind.PERSON, (), may_be_answered=True)
    assert not found.is_automatic


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Auto-Submitted: no", MailOriginKind.PERSON),
        ("Auto-Submitted: auto-replied", MailOriginKind.AUTO_REPLY),
        ("Auto-Submitted: Auto-Replied; x=y", MailOriginKind.AUTO_REPLY),
        ("Auto-Submitted: auto-generated", MailOriginKind.AUTO_GENERATED),
        ("Auto-Submitted: something-new", MailOriginKind.AUTO_GENERATED),
        ("X-Autoreply: yes", MailOriginKind.AUTO_REPLY),
        ("X-Autoreply: no", MailOriginKind.PERSON),
        ("X-Autorespond: x", MailOriginKind.AUTO_REPLY),
        ("Precedence: auto_reply", MailOriginKind.AUTO_REPLY),
        ("Precedence: bulk", MailOriginKind.AUTO_GENERATED),
        ("Precedence: Junk", MailOriginKind.AUTO_GENERATED),
        ("Precedence: list", MailOriginKind.LIST),
        ("Precedence: first-class", MailOriginKind.PERSON),
        ("List-Id: <a.b.test>", MailOriginKind.LIST),
        ("List-Unsubscribe: <mailto:x@b.test>", MailOriginKind.PERSON),
        ("Return-Path: <>", MailOriginKind.AUTO_GENERATED),
        ("Return-Path: <ann@b.test>", MailOriginKind.PERSON),
        ("X-Failed-Recipients: x@b.test", MailOriginKind.BOUNCE),
        (f"{REPORT}delivery-status", MailOriginKind.BOUNCE),
        (f"{REPORT}disposition-notification", MailOriginKind.AUTO_REPLY),
        ("X-Linkyard-Desk: desk.test", MailOriginKind.OWN),
        ("X-Linkyard-Desk: other.test", MailOriginKind.PERSON),
    ],
)
def test_headers_decide(header: str, kind: MailOriginKind) -> None:
    found = origin(header)

    assert found.kind is kind
    assert found.may_be_answered == (kind is MailOriginKind.PERSON)


@pytest.mark.parametrize(
    ("value", "may"),
    [("All", False), ("OOF, AutoReply", False), ("DR, RN, NRN", True), ("None", True)],
)
def test_who_wants_no_answer_gets_none_but_stays_a_person(value: str, *, may: bool) -> None:
    found = origin(f"X-Auto-Response-Suppress: {value}")

    assert (found.kind, found.may_be_answered) == (MailOriginKind.PERSON, may)


@pytest.mark.parametrize("sender", ["no-reply@b.test", "noreply@b.test", "bounces+1@b.test", ""])
def test_addresses_that_nobody_reads_get_no_answer(sender: str) -> None:
    assert not origin(sender=sender).may_be_answered


def test_the_envelope_wins_over_the_header() -> None:
    assert origin("Return-Path: <>", return_path="ann@b.test").kind is MailOriginKind.PERSON
    assert origin(return_path="").kind is MailOriginKind.AUTO_GENERATED


@pytest.mark.parametrize(
    ("sender", "subject", "kind"),
    [
        ("MAILER-DAEMON@b.test", "x", MailOriginKind.BOUNCE),
        ("postmaster@b.test", "Help", MailOriginKind.PERSON),
        ("postmaster@b.test", "Undeliverable: Help", MailOriginKind.BOUNCE),
        ("ann@b.test", "Undeliverable: Help", MailOriginKind.PERSON),
        ("ann@b.test", "Письмо не доставлено", MailOriginKind.PERSON),
    ],
)
def test_words_of_a_subject_alone_make_no_bounce(
    sender: str, subject: str, kind: MailOriginKind
) -> None:
    assert origin(f"Subject: {subject}", sender=sender).kind is kind


def test_our_mail_is_known_by_our_sign_and_not_by_our_domain() -> None:
    ours = thread_id(WORLD.keys, ticket=1, message=2, host="old.test")
    colleague = "From: x\r\nMessage-ID: <5f3a@desk.test>\r\n\r\n"

    assert (
        read_origin(read_mail(f"From: a@b\r\nMessage-ID: <{ours}>\r\n\r\n".encode()), own=OWN).kind
        is MailOriginKind.OWN
    )
    assert read_origin(read_mail(colleague.encode()), own=OWN).kind is MailOriginKind.PERSON
    assert origin(sender="Support+1-x@DESK.test").kind is MailOriginKind.OWN
    assert origin(sender="boss@desk.test").kind is MailOriginKind.PERSON


def test_our_automatic_mail_is_known_by_everyone_as_such() -> None:
    for kind, word in (
        (AutomaticMail.ANSWER, "auto-replied"),
        (AutomaticMail.NOTICE, "auto-generated"),
    ):
        headers = automatic_headers(kind, host="other.test")

        assert headers == (
            ("Auto-Submitted", word),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "bulk"),
            ("X-Linkyard-Desk", "other.test"),
        )
        found = origin(*(f"{name}: {value}" for name, value in headers))
        assert found.is_automatic
        assert not found.may_be_answered
    assert ENVELOPE_SENDER == ""


def counts(in_ticket: int = 0, address: int = 0, subject: int = 0) -> AnswerCounts:
    return AnswerCounts(
        answered_in_ticket=in_ticket, answered_address=address, answered_subject=subject
    )


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (counts(), AnswerVerdict.ANSWER),
        (counts(MAX_EXCHANGE - 1, MAX_TO_ADDRESS - 1, MAX_SAME_SUBJECT - 1), AnswerVerdict.ANSWER),
        (counts(in_ticket=MAX_EXCHANGE), AnswerVerdict.EXCHANGE_CAP),
        (counts(subject=MAX_SAME_SUBJECT), AnswerVerdict.SUBJECT_CAP),
        (counts(address=MAX_TO_ADDRESS), AnswerVerdict.ADDRESS_CAP),
    ],
)
def test_answers_are_capped(before: AnswerCounts, verdict: AnswerVerdict) -> None:
    assert may_answer(may_be_answered=True, counts=before) is verdict
    assert may_answer(may_be_answered=False, counts=before) is AnswerVerdict.SENDER_IS_PROGRAM


def test_two_desks_that_do_not_know_each_other_stop_after_two_messages_each_way() -> None:
    sent = [0, 0]  # by each desk; the other takes it for a person's
    while (
        may_answer(may_be_answered=True, counts=counts(in_ticket=sent[0])) is AnswerVerdict.ANSWER
    ):
        sent[0] += 1
        verdict = may_answer(may_be_answered=True, counts=counts(in_ticket=sent[1]))
        sent[1] += verdict is AnswerVerdict.ANSWER

    assert sent == [MAX_EXCHANGE, MAX_EXCHANGE] == [2, 2]


def test_a_ticket_is_reopened_by_mail_a_few_times_a_day() -> None:
    assert may_reopen(reopens_today=MAX_REOPENS - 1)
    assert not may_reopen(reopens_today=MAX_REOPENS)


@pytest.mark.parametrize(("action", "is_final"), [("failed", True), ("delayed", False)])
def test_a_bounce_says_who_did_not_get_which_mail(action: str, *, is_final: bool) -> None:
    message = bounce(WORLD, "x", "x", action=action, status="5.1.1", has_report=True)

    report = read_bounce(read_mail(message.raw))

    assert report == BounceReport(
        (FailedRecipient("olga@customer.test", action, "5.1.1", "550 5.1.1 no such user"),),
        (WORLD.sent()["Message-ID"].strip("<>"),),
    )
    assert report.recipients[0].is_final is is_final


def test_a_bounce_without_a_report_is_read_by_its_words() -> None:
    message = bounce(WORLD, "exim", "x", action="", status="5.1.1", has_report=False)

    report = read_bounce(read_mail(message.raw))

    assert report == BounceReport(
        (FailedRecipient("olga@customer.test", "failed", "5.1.1"),),
        (WORLD.sent()["Message-ID"].strip("<>"),),
    )


def test_a_bounce_names_many_recipients_once_each() -> None:
    blocks = "".join(
        f"Final-Recipient: rfc822;u{n % 150}@b.test\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n"
        for n in range(300)
    )
    raw = (
        "From: a@b.test\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{blocks}--b--"
    )

    found = read_bounce(read_mail(raw.encode())).recipients

    assert len(found) == 100
    assert found[0] == FailedRecipient("u0@b.test", "failed", "5.0.0", "")
