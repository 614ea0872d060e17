"""Mail that programs write: absences, acknowledgements, bounces, lists, notices, and our own."""

from collections.abc import Iterator, Sequence

from models.rules.auto_answers import AutomaticMail, automatic_headers
from models.rules.follow_ups import FollowUpSign
from models.rules.mail_faults import MailFault
from models.rules.mail_origins import MailOriginKind
from tests.mail_world import CorpusMail, World
from tests.mail_writing import Style, entity, header_text, mail, multipart, text_part

UTF8 = Style()
_AWAY_RU = "Я в отпуске до 27 мая. По срочным вопросам пишите Марии."
_AWAY_EN = "I am away until 27 May. For anything urgent write to Maria."
Fields = Sequence[tuple[str, bytes | str]]


def automatic_mails(world: World) -> Iterator[CorpusMail]:
    """Return what programs write."""
    for number, (subject, text, headers) in enumerate(_ABSENCES):
        yield _simple(
            world, f"away-{number}", subject, text, headers, origin=MailOriginKind.OUT_OF_OFFICE
        )
    for number, (subject, text, headers) in enumerate(_ACKNOWLEDGEMENTS):
        yield _simple(
            world, f"auto-reply-{number}", subject, text, headers, origin=MailOriginKind.AUTO_REPLY
        )
    for number, (subject, text, headers) in enumerate(_NOTICES):
        yield _simple(
            world,
            f"notice-{number}",
            subject,
            text,
            headers,
            origin=MailOriginKind.AUTO_GENERATED,
            is_answer=False,
        )
    for number, (subject, text, headers) in enumerate(_LISTS):
        yield _simple(
            world,
            f"list-{number}",
            subject,
            text,
            headers,
            origin=MailOriginKind.LIST,
            is_answer=False,
        )
    yield from _own(world)
    yield from _bounces(world)


_ABSENCES: Sequence[tuple[str, str, Fields]] = (
    (
        "Автоматический ответ: Не печатается договор",
        _AWAY_RU,
        [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")],
    ),
    ("Automatic reply: Contract", _AWAY_EN, [("Auto-Submitted", "auto-replied (vacation)")]),
    (
        "Автоответ: Re: Договор",
        _AWAY_RU,
        [("Auto-Submitted", "auto-replied"), ("Precedence", "bulk")],
    ),
    ("Re: Out of office", _AWAY_EN, [("X-Autoreply", "yes"), ("Precedence", "bulk")]),
    ("Вне офиса: договор", _AWAY_RU, [("Precedence", "auto_reply")]),
    ("Отсутствую до понедельника", _AWAY_RU, [("Return-Path", "<>")]),
    ("Out of Office: contract", _AWAY_EN, [("X-Autorespond", "Re: contract")]),
    ("Я в отпуске", _AWAY_RU, [("X-Vacation", "yes")]),
)
_ACKNOWLEDGEMENTS: Sequence[tuple[str, str, Fields]] = (
    ("Ваша заявка 555 принята", "Номер вашей заявки: 555.", [("Auto-Submitted", "auto-replied")]),
    ("[Ticket 555] received", "We received your request.", [("X-Autoresponder", "yes")]),
    ("Re: договор", "Спасибо, письмо получено.", [("X-Auto-Reply", "1")]),
    ("Thank you", "Your mail arrived.", [("Auto-Submitted", "AUTO-REPLIED; owner=x")]),
)
_NOTICES: Sequence[tuple[str, str, Fields]] = (
    ("Disk is full on srv1", "92 % used.", [("Auto-Submitted", "auto-generated")]),
    (
        "Новости мая",
        "Что нового в мае.",
        [("Precedence", "bulk"), ("List-Unsubscribe", "<mailto:u@x.test>")],
    ),
    ("Cron <root@srv1>", "done", [("Auto-Submitted", "auto-notified")]),
    ("Счёт 17 оплачен", "Спасибо за оплату.", [("Return-Path", "<>")]),
    ("Offer", "Buy now.", [("Precedence", "junk")]),
)
_LISTS: Sequence[tuple[str, str, Fields]] = (
    (
        "[all] Собрание в среду",
        "Собираемся в 10:00.",
        [("List-Id", "All <all.customer.test>"), ("Precedence", "list")],
    ),
    ("[dev] Meeting", "We meet at ten.", [("Mailing-List", "list dev@customer.test")]),
    ("[ops] Перерыв", "В среду перерыв.", [("Precedence", "list")]),
)


def _simple(  # noqa: PLR0913 - what a mail is made of
    world: World,
    name: str,
    subject: str,
    text: str,
    headers: Fields,
    *,
    origin: MailOriginKind,
    is_answer: bool = True,
) -> CorpusMail:
    fields = [*_envelope(world, name, subject), *headers]
    if is_answer:
        fields.append(("In-Reply-To", world.sent()["Message-ID"]))
    return CorpusMail(
        name=name,
        raw=mail(fields, text_part(text, UTF8)),
        sender=world.customer,
        subject=subject,
        new=text,
        origin=origin,
        sign=FollowUpSign.THREAD_ID if is_answer else FollowUpSign.NONE,
    )


def _envelope(
    world: World, name: str, subject: str, sender: str = ""
) -> list[tuple[str, bytes | str]]:
    return [
        ("From", sender or world.customer),
        ("To", world.mailbox),
        ("Subject", header_text(subject, UTF8)),
        ("Date", "Wed, 15 May 2024 09:00:00 +0300"),
        ("Message-ID", f"<{name}@customer.test>"),
    ]


def _own(world: World) -> Iterator[CorpusMail]:
    """Our own mail, come back: redirected by a rule, sent to ourselves, or copied."""
    sent = world.sent()
    marks = automatic_headers(AutomaticMail.ANSWER, host=world.host)
    envelope = _envelope(world, "own", "Ваша заявка принята")
    for name, fields in (
        ("own-mark", [*envelope, *marks]),
        ("own-id", [*envelope[:4], ("Message-ID", sent["Message-ID"])]),
        ("own-sender", [("From", sent["Reply-To"]), *envelope[1:]]),
    ):
        yield CorpusMail(
            name=name,
            raw=mail(fields, text_part("Мы получили ваше письмо.", UTF8)),
            sender=sent["Reply-To"] if name == "own-sender" else world.customer,
            subject="Ваша заявка принята",
            new="Мы получили ваше письмо.",
            origin=MailOriginKind.OWN,
        )


_BOUNCES = (
    ("postfix", "Undelivered Mail Returned to Sender", "failed", "5.1.1", True),
    ("exchange-ru", "Не удается доставить: Договор", "failed", "5.1.10", True),
    ("gmail", "Delivery Status Notification (Failure)", "failed", "5.2.2", True),
    ("mail-ru", "Сообщение не доставлено", "failed", "5.7.1", True),
    ("late", "Delayed Mail (still being retried)", "delayed", "4.4.1", True),
    ("exim", "Mail delivery failed: returning message to sender", "failed", "5.1.1", False),
    ("qmail", "failure notice", "", "", False),
)


def _bounces(world: World) -> Iterator[CorpusMail]:
    for name, subject, action, status, has_report in _BOUNCES:
        yield bounce(world, name, subject, action=action, status=status, has_report=has_report)


def bounce(  # noqa: PLR0913 - what a bounce is made of
    world: World, name: str, subject: str, *, action: str, status: str, has_report: bool
) -> CorpusMail:
    """Write a mail that says that ours did not reach the customer."""
    sent = world.sent()
    text = f"This mail could not be delivered.\n\n{world.customer}: no such user {status}"
    copy = f"Message-ID: {sent['Message-ID']}\nSubject: contract\n".replace("\n", "\r\n").encode()
    fields = _envelope(world, f"bounce-{name}", subject, "MAILER-DAEMON@mx.customer.test")
    fields = [("Return-Path", "<>"), *fields]
    parts: tuple[tuple[str, bytes, bool], ...] = ()
    if has_report:
        lines = (
            "Reporting-MTA: dns; mx.customer.test",
            "",
            f"Final-Recipient: rfc822; {world.customer}",
            f"Action: {action}",
            f"Status: {status}",
            f"Diagnostic-Code: smtp; 550 {status} no such user",
        )
        status_text = "\r\n".join(lines).encode()
        report = entity([("Content-Type", "message/delivery-status")], status_text)
        original = entity([("Content-Type", "text/rfc822-headers")], copy)
        content = multipart(
            "report",
            [text_part(text, UTF8), report, original],
            boundary=f"b_{name}",
            more="; report-type=delivery-status",
        )
        parts = (("", status_text, False), ("", copy, False))
    else:
        if name == "exim":
            fields.append(("X-Failed-Recipients", world.customer))
        text += "\n\n------ This is a copy of the headers. ------\n\n" + copy.decode().replace(
            "\r\n", "\n"
        )
        content = text_part(text, UTF8)
    return CorpusMail(
        name=f"bounce-{name}",
        raw=mail(fields, content),
        sender="mailer-daemon@mx.customer.test",
        subject=subject,
        new=text,
        parts=parts,
        origin=MailOriginKind.BOUNCE,
        faults=frozenset[MailFault](),
    )
