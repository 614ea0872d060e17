"""How mail programs write answers, new mail and forwarded mail, in Russian and in English."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from tests.mail_writing import Style

UTF8 = Style()
UTF8_QP = Style(words="Q", encoding="quoted-printable")
CP1251 = Style(charset="windows-1251")
CP1251_RAW = Style(charset="windows-1251", encoding="8bit")
KOI8 = Style(charset="koi8-r", words="Q", encoding="quoted-printable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said in a language, and how its programs write dates."""

    language: str
    sender: str
    desk: str
    desk_address: str
    subject: str
    new: str
    original: str
    signature: str
    dates: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A mail program.

    Attributes:
        quote: what it puts around the mail that is answered.
        shape: plain, alternative or html.
        tail: what it adds below the text by itself, in each language.
        is_below: answers are written below the quotation.
    """

    name: str
    mailer: str
    style: dict[str, Style]
    quote: Callable[[Words], str]
    shape: str = "alternative"
    tail: dict[str, str] = field(default_factory=dict)
    is_below: bool = False
    more: str = ""


RU = Words(
    language="ru",
    sender="Ольга Смирнова",
    desk="Служба поддержки",
    desk_address="support@desk.test",
    subject="Не печатается договор аренды",
    new="Добрый день!\n\nПопробовали ещё раз, ошибка осталась.\nЧто делать дальше?",
    original="Здравствуйте, Ольга.\n\nПерезапустите программу и повторите печать.\n"
    "Напишите, помогло ли это.",
    signature="С уважением,\nОльга Смирнова\nтел. 123-45-67",
    dates={
        "gmail": "вт, 14 мая 2024 г. в 10:20",
        "apple": "14 мая 2024 г., в 10:20",
        "short": "14.05.2024, 10:20",
        "plain": "14.05.2024 10:20",
        "long": "Вторник, 14 мая 2024, 10:20 +03:00",
        "outlook": "14 мая 2024 г. 10:20",
        "bat": "14 мая 2024 г., 10:20:36",
        "iso": "2024-05-14 10:20",
        "yahoo": "вторник, 14 мая 2024 г. в 10:20:36 GMT+3",
    },
)
EN = Words(
    language="en",
    sender="Olga Smirnova",
    desk="Customer Support",
    desk_address="support@desk.test",
    subject="The lease contract does not print",
    new="Hello,\n\nwe tried again, and the error is still there.\nWhat shall we do next?",
    original="Dear Olga,\n\nplease restart the program and print again.\n"
    "Let us know if that helped.",
    signature="Best regards,\nOlga Smirnova\nphone 123-45-67",
    dates={
        "gmail": "Tue, May 14, 2024 at 10:20 AM",
        "apple": "May 14, 2024, at 10:20 AM",
        "short": "14.05.2024, 10:20",
        "plain": "5/14/24 10:20",
        "long": "Tuesday, May 14, 2024, 10:20 +03:00",
        "outlook": "Tuesday, May 14, 2024 10:20 AM",
        "bat": "Tuesday, May 14, 2024, 10:20:36 AM",
        "iso": "2024-05-14 10:20",
        "yahoo": "Tuesday, May 14, 2024 at 10:20:36 AM GMT+3",
    },
)


def quoted(text: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in text.split("\n"))


def _pick(words: Words, ru: str, en: str) -> str:
    template = ru if words.language == "ru" else en
    return template.format(desk=words.desk, address=words.desk_address, **words.dates)


def _said(ru: str, en: str, *, gap: str = "\n", mark: str = "> ") -> Callable[[Words], str]:
    return lambda words: _pick(words, ru, en) + gap + quoted(words.original, mark)


def _inside(ru: str, en: str) -> Callable[[Words], str]:
    """The line that says who wrote is quoted, too."""
    return lambda words: quoted(_pick(words, ru, en) + "\n\n" + words.original)


def _headers(rule: str, *, ru_rule: str = "", bold: str = "") -> Callable[[Words], str]:
    def write(words: Words) -> str:
        names = (
            ("От", "Отправлено", "Кому", "Тема")
            if words.language == "ru"
            else ("From", "Sent", "To", "Subject")
        )
        values = (
            f"{words.desk} <{words.desk_address}>",
            words.dates["outlook"],
            f"{words.sender} <olga@customer.test>",
            f"{words.subject} [#1042]",
        )
        lines = [f"{bold}{n}:{bold} {v}" for n, v in zip(names, values, strict=True)]
        top = ru_rule if ru_rule and words.language == "ru" else rule
        return "\n".join([*([top] if top else []), *lines, "", words.original])

    return write


_BOTH_UTF8 = {"ru": UTF8, "en": UTF8_QP}
PROGRAMS = (
    Program(
        name="gmail",
        mailer="",
        style={"ru": UTF8, "en": UTF8_QP},
        quote=_said(
            "{gmail}, {desk} <{address}>:", "On {gmail} {desk} <{address}>\nwrote:", gap="\n\n"
        ),
    ),
    Program(
        name="gmail-android",
        mailer="",
        style=_BOTH_UTF8,
        quote=_said(
            "{gmail}, {desk} <{address}>:", "On {gmail} {desk} <\n{address}> wrote:", gap="\n\n"
        ),
        shape="plain",
    ),
    Program(
        name="outlook-desktop",
        mailer="Microsoft Outlook 16.0",
        style={"ru": CP1251, "en": Style(charset="us-ascii", encoding="quoted-printable")},
        quote=_headers(""),
    ),
    Program(
        name="outlook-plain",
        mailer="Microsoft Office Outlook 12.0",
        style={"ru": KOI8, "en": Style(charset="us-ascii", encoding="quoted-printable")},
        quote=_headers("-----Original Message-----"),
        shape="plain",
    ),
    Program(
        name="outlook-web",
        mailer="",
        style=_BOTH_UTF8,
        quote=_headers("_" * 32),
        shape="html",
    ),
    Program(
        name="outlook-ios",
        mailer="",
        style=_BOTH_UTF8,
        quote=_headers("_" * 32),
        tail={
            "ru": "Получите Outlook для iOS<https://aka.ms/o0ukef>",
            "en": "Get Outlook for iOS<https://aka.ms/o0ukef>",
        },
    ),
    Program(
        name="apple-mail",
        mailer="Apple Mail (2.3774.500.171.1.1)",
        style=_BOTH_UTF8,
        quote=_inside(
            "{apple}, {desk} <{address}> написал(а):", "On {apple}, {desk} <{address}> wrote:"
        ),
    ),
    Program(
        name="iphone",
        mailer="iPhone Mail (21E236)",
        style=_BOTH_UTF8,
        quote=_inside(
            "{apple}, {desk} <{address}> написал(а):", "On {apple}, {desk} <{address}> wrote:"
        ),
        shape="plain",
        tail={"ru": "Отправлено с iPhone", "en": "Sent from my iPhone"},
    ),
    Program(
        name="thunderbird",
        mailer="",
        style={"ru": Style(encoding="8bit"), "en": Style(encoding="8bit")},
        quote=_said("{plain}, {desk} пишет:", "On {plain}, {desk} wrote:"),
        shape="plain",
        is_below=True,
        more="; format=flowed",
    ),
    Program(
        name="yandex",
        mailer="Yamail [ http://yandex.ru ] 5.0",
        style=_BOTH_UTF8,
        quote=_said('{short}, "{desk}" <{address}>:', '{short}, "{desk}" <{address}>:'),
        shape="html",
    ),
    Program(
        name="mail-ru",
        mailer="Mail.Ru Mailer 1.0",
        style=_BOTH_UTF8,
        quote=_inside("{long} от {desk} <{address}>:", "{long} from {desk} <{address}>:"),
    ),
    Program(
        name="samsung",
        mailer="",
        style=_BOTH_UTF8,
        quote=_headers(
            "-------- Original message --------", ru_rule="-------- Исходное сообщение --------"
        ),
        tail={"ru": "Отправлено с устройства Samsung Galaxy", "en": "Sent from my Galaxy"},
    ),
    Program(
        name="the-bat",
        mailer="The Bat! (v9.4) Professional",
        style={"ru": CP1251_RAW, "en": Style(charset="us-ascii", encoding="8bit")},
        quote=_said("Вы писали {bat}:", "{bat}, you wrote:", gap="\n\n", mark="CS> "),
        shape="plain",
    ),
    Program(
        name="roundcube",
        mailer="Roundcube Webmail/1.6.6",
        style={
            "ru": Style(words="Q", encoding="8bit"),
            "en": Style(charset="us-ascii", encoding="8bit"),
        },
        quote=_said("{desk} писал(а) {iso}:", "On {iso}, {desk} wrote:"),
        shape="plain",
        is_below=True,
    ),
    Program(
        name="zimbra",
        mailer="Zimbra 9.0.0",
        style=_BOTH_UTF8,
        quote=_headers("----- Original Message -----", ru_rule="----- Исходное сообщение -----"),
        shape="plain",
    ),
    Program(
        name="yahoo",
        mailer="YahooMailIosMobile",
        style=_BOTH_UTF8,
        quote=lambda words: (
            _pick(
                words,
                "{yahoo}, {desk} <{address}> написал(а): ",
                "On {yahoo}, {desk} <{address}> wrote: ",
            )
            + "\n \n"
            + words.original
        ),
        shape="plain",
    ),
)


def page(text: str) -> str:
    """Write a text as programs write HTML: lines in blocks, quotations in a blockquote."""
    lines: list[str] = []
    is_quoted = False
    for line in text.split("\n"):
        if line.startswith(">") != is_quoted:
            is_quoted = not is_quoted
            lines.append('<blockquote type="cite">' if is_quoted else "</blockquote>")
        plain = line.removeprefix(">").removeprefix(" ") if is_quoted else line
        lines.append(f"<div>{escape(plain) or '<br>'}</div>")
    if is_quoted:
        lines.append("</blockquote>")
    return f"<html><head><style>p {{}}</style></head><body>{''.join(lines)}</body></html>"
