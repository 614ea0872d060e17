"""A letter as it is sent: from a template, its parameters and the reader's language.

Texts are in the catalogues, see models.rules.mail_templates. Whatever the parameters
hold, the text part says it, and the HTML part shows it as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from html import escape
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime as format_moment

from models.errors import ValueInvalidError
from models.rules.agent_families import OTHER
from models.rules.mail_addresses import deliverable
from models.rules.mail_headers import header_line, header_name
from models.rules.mail_templates import (
    CHANGE,
    DEVICE,
    INVITER,
    MOMENTS,
    PATH,
    ROLE,
    TIME_ZONE,
    UNKNOWN,
    MailTemplate,
)
from models.rules.plain_text import has_hidden
from models.rules.roles import ROLES
from models.rules.user_agents import read_agent
from models.texts import text

_MAX_VALUE_LENGTH: Final = 200  # characters of a parameter that a letter repeats
_PAGE: Final = (
    '<!doctype html>\n<html lang="{locale}">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n<title>{subject}</title>\n</head>\n'
    '<body style="margin:0 auto;max-width:36em;padding:1.5em;'
    'font:16px/1.5 system-ui,sans-serif">\n{body}\n</body>\n</html>\n'
)
_BUTTON: Final = (
    '<p><a href="{link}" style="display:inline-block;padding:.6em 1.2em;border-radius:.4em;'
    'background:#1f5fbf;color:#fff;text-decoration:none">{action}</a></p>\n'
    '<p style="font-size:14px">{hint}<br><a href="{link}">{link}</a></p>'
)
_FOOTER: Final = '<hr>\n<p style="font-size:14px;color:#666">{footer}</p>'


class LetterError(Exception):
    """The letter cannot be written. The message says why, without what the letter says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all letters of an installation have in common.

    Attributes:
        portal: name of the portal; letters come from it.
        public_url: of the portal, without a slash at the end; all links begin with it.
        sender: address that letters come from.
        reply_to: address that answers go to; "" if nobody reads them.
    """

    portal: str
    public_url: str
    sender: str
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFacts:
    """What a letter is made of.

    Attributes:
        mail_id: of its row; retries of one letter have one Message-ID.
        to: address of the reader.
        posted_at: the date of the letter.
    """

    mail_id: int
    to: str
    locale: str
    template: MailTemplate
    params: Mapping[str, str]
    posted_at: datetime


def write_letter(facts: LetterFacts, head: Letterhead) -> EmailMessage:
    """Return the letter, in plain text and in HTML.

    Raises:
        LetterError: a header would hold what none may, a link or moment is none, or the
            parameters are not those of the template.
    """
    try:
        values = _values(facts, head)
        subject = _say(facts, "SUBJECT", values)
        letter = EmailMessage(policy=SMTP if facts.to.partition("@")[0].isascii() else SMTPUTF8)
        _write_headers(letter, facts, head, subject=subject)
        _write_body(letter, facts, head, values | {"subject": subject})
        letter["Content-Language"] = facts.locale  # last: a body takes such headers for its own
    except KeyError as error:
        raise LetterError(f"the parameter {error} of {facts.template} is missing") from None
    return letter


def _values(facts: LetterFacts, head: Letterhead) -> dict[str, str]:
    """Return the parameters as letters say them."""
    values = {name: _plain(value) for name, value in facts.params.items() if name != PATH}
    for name in MOMENTS & values.keys():
        values[name] = _moment(values[name], facts.params.get(TIME_ZONE, "UTC"), facts.locale)
    if DEVICE in values:
        values[DEVICE] = _device(facts.params[DEVICE]) or values[DEVICE]
    for name, unknown in UNKNOWN.items():
        if values.get(name) == "":
            values[name] = text(facts.locale, f"MAIL_{unknown}_TITLE")
    if values.get(INVITER) == "":
        values[INVITER] = head.portal
    if values.get(ROLE) in ROLES:
        values[ROLE] = text(facts.locale, f"ROLE_{values[ROLE].upper()}_TITLE")
    if CHANGE in values:
        values[CHANGE] = text(facts.locale, f"MAIL_CHANGE_{values[CHANGE]}")
    if PATH in facts.params:
        values["link"] = _link(head.public_url, facts.params[PATH])
    return values | {"portal": head.portal}


def _plain(value: str) -> str:
    """Return one short line: names and programs are chosen by strangers."""
    kept = "".join(" " if has_hidden(character) else character for character in value)
    line = " ".join(kept.split())
    return line if len(line) <= _MAX_VALUE_LENGTH else f"{line[: _MAX_VALUE_LENGTH - 1]}…"


def _device(user_agent: str) -> str:
    """Return browser and system, as far as they are known."""
    agent = read_agent(user_agent.encode("utf-8", "replace"))
    return ", ".join(name for name in (agent.browser, agent.os) if name != OTHER)


def _link(public_url: str, path: str) -> str:
    is_path = path.startswith("/") and not path.startswith("//")
    if not is_path or not path.isascii() or not path.isprintable() or " " in path:
        raise LetterError("a link does not lead to the portal")
    return f"{public_url}{path}"


def _moment(value: str, time_zone: str, locale: str) -> str:
    try:
        at = datetime.fromisoformat(value).astimezone(ZoneInfo(time_zone))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        try:
            at = datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            raise LetterError("a moment is none") from None
    pattern = "d MMMM y 'г.', HH:mm" if locale == "ru" else "d MMMM y, HH:mm"
    shown = format_moment(at.replace(tzinfo=None), pattern, locale=locale)
    return f"{shown} ({_offset(at.utcoffset() or timedelta())})"


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")


def _write_headers(
    letter: EmailMessage, facts: LetterFacts, head: Letterhead, *, subject: str
) -> None:
    host = urlsplit(head.public_url).hostname or "localhost"
    name = header_name(_checked(head.portal, "the portal's name"))
    space = " " if name == head.portal else "\r\n "
    letter.set_raw("From", f"{name}{space}<{_mailbox(head.sender).addr_spec}>")
    letter["To"] = _mailbox(facts.to)
    if head.reply_to:
        letter["Reply-To"] = _mailbox(head.reply_to)
    letter.set_raw("Subject", header_line(_checked(subject, "the subject")))
    letter["Date"] = format_datetime(facts.posted_at)
    letter["Message-ID"] = f"<mail-{facts.mail_id}@{_checked(host, 'the host')}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is told to us
    letter["X-Auto-Response-Suppress"] = "All"


def _mailbox(address: str) -> Address:
    try:
        user, _, domain = deliverable(address).rpartition("@")
    except ValueInvalidError:
        raise LetterError("an address is none") from None
    return Address(username=user, domain=domain)


def _checked(value: str, what: str) -> str:
    if has_hidden(value):
        raise LetterError(f"{what} holds control characters")
    return value


def _write_body(
    letter: EmailMessage, facts: LetterFacts, head: Letterhead, values: dict[str, str]
) -> None:
    above, below = _paragraphs(facts, values)
    footer = text(facts.locale, "MAIL_FOOTER", portal=head.portal, url=head.public_url)
    link = values.get("link", "")
    action = _say(facts, "ACTION", values) if link else ""
    plain = [*above, *([f"{action}:\n{link}"] if link else []), *below, f"-- \n{footer}"]
    encoding = "quoted-printable" if facts.locale == "en" else "base64"
    letter.set_content("\n\n".join(plain) + "\n", cte=encoding)
    hint = text(facts.locale, "MAIL_BUTTON_HINT")
    button = _BUTTON.format(link=escape(link), action=escape(action), hint=escape(hint))
    parts = [
        *map(_paragraph, above),
        *([button] if link else []),
        *map(_paragraph, below),
        _FOOTER.format(footer=escape(footer)),
    ]
    page = _PAGE.format(
        locale=facts.locale, subject=escape(values["subject"]), body="\n".join(parts)
    )
    letter.add_alternative(page, subtype="html", cte=encoding)


def _paragraphs(facts: LetterFacts, values: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return what stands above and below the button."""
    name = values.get("name", "")
    hello = "MAIL_HELLO_NAME" if name else "MAIL_HELLO"
    above = [text(facts.locale, hello, name=name), *_say(facts, "TEXT", values).split("\n\n")]
    below = _say(facts, "AFTER", values).split("\n\n") if "link" in values else []
    return above, below


def _paragraph(said: str) -> str:
    return f"<p>{escape(said)}</p>"


def _say(facts: LetterFacts, part: str, values: Mapping[str, str]) -> str:
    return text(facts.locale, f"MAIL_{facts.template}_{part}", **values)
