"""Who wrote a mail: a person or a program, and which kind of program.

Automatic mail never reopens a ticket and never gets an answer. Headers decide; the words
of a subject only say which kind it is, or keep an answer back, because people write "out
of office" too. Source: RFC 3834 (Auto-Submitted), RFC 3462 (reports), RFC 2919 (lists),
[MS-OXCMAIL] (X-Auto-Response-Suppress), and the headers that vacation programs add.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.rules.incoming_mail import IncomingMail
from models.rules.mail_fields import MailFields
from models.rules.mail_loops import OwnMail, own_sign
from models.rules.mail_parameters import media_type, read_parameters


class MailOriginKind(StrEnum):
    """Stored by value, never renamed or reused."""

    PERSON = "PERSON"
    AUTO_REPLY = "AUTO_REPLY"  # an acknowledgement, a read receipt
    OUT_OF_OFFICE = "OUT_OF_OFFICE"
    AUTO_GENERATED = "AUTO_GENERATED"  # a notice, a newsletter, an alarm: answers nothing
    BOUNCE = "BOUNCE"
    LIST = "LIST"  # by a person or a program, to many
    OWN = "OWN"


@dataclass(frozen=True, slots=True)
class MailOrigin:
    """Who wrote a mail.

    Attributes:
        signs: headers and words that told, for the reader of the ticket.
        may_be_answered: whether an automatic answer may go out at all.
    """

    kind: MailOriginKind
    signs: tuple[str, ...] = ()
    may_be_answered: bool = False

    @property
    def is_automatic(self) -> bool:
        """Whether a program wrote it: no ticket is reopened."""
        return self.kind not in {MailOriginKind.PERSON, MailOriginKind.LIST}


_REPLY_HEADERS: Final = (
    "x-autoreply",
    "x-auto-reply",
    "x-autorespond",
    "x-autoresponder",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-vacation",
    "x-ms-exchange-inbox-rules-loop",
)
_LIST_HEADERS: Final = ("list-id", "list-post", "mailing-list", "x-mailing-list")
_BULK: Final = frozenset({"bulk", "junk"})
_SYSTEM_SENDERS: Final = frozenset(
    {"mailer-daemon", "mail-daemon", "mailerdaemon", "postmaster", "mail delivery subsystem"}
)
_SILENT_SENDERS: Final = re.compile(
    r"(?:no|do-?not|donot|ne)[-._]?(?:reply|respond|otvechat)\b.*|bounces?\b.*|notifications?",
    re.ASCII,
)
_SUPPRESSED: Final = frozenset({"all", "oof", "autoreply"})
_AWAY: Final = re.compile(
    r"out[ -]of[ -](?:the )?office|automatic reply|auto(?:matic)?[ -]?(?:reply|response)|vacation"
    r"|on leave|вне офиса|автоматический ответ|автоответ|отсутству|в отпуске|нет на месте",
    re.IGNORECASE,
)
_RETURNED: Final = re.compile(
    r"undeliver|delivery (?:status|has failed|failure|failed)|mail delivery"
    r"|returned (?:mail|to sender)|failure notice|не доставлен|недоставлен"
    r"|не может быть доставлен|ошибка доставки"
    r"|сообщение возвращено|задержка доставки",
    re.IGNORECASE,
)
_AWAY_START: Final = re.compile(
    r"(?:re:\s*)?(?:out of (?:the )?office|automatic reply|autoreply|auto-reply|auto:|вне офиса"
    r"|автоматический ответ|автоответ)",
    re.IGNORECASE,
)


def read_origin(mail: IncomingMail, *, own: OwnMail, return_path: str | None = None) -> MailOrigin:
    """Tell who wrote a mail.

    Args:
        mail: as it was read.
        own: what makes a mail ours.
        return_path: sender of the envelope, "" for the empty one; None: as the header says.
    """
    sign = own_sign(mail, own)
    if sign is not None:
        return MailOrigin(MailOriginKind.OWN, (sign.value,))
    path = _return_path(mail.fields) if return_path is None else return_path
    for judge in (_report, _automatic, _null_sender, _listed):
        found = judge(mail, path)
        if found is not None:
            return found
    silent = _silence(mail)
    return MailOrigin(MailOriginKind.PERSON, silent, may_be_answered=not silent)


def _return_path(fields: MailFields) -> str | None:
    value = fields.first("return-path")
    return None if value is None else value.decode("ascii", "replace").strip(" <>")


def _report(mail: IncomingMail, path: str | None) -> MailOrigin | None:
    """Know bounces and receipts."""
    content_type = read_parameters(mail.fields.first("content-type"))
    kind = content_type.token("report-type").lower()
    media = {part.media_type for part in mail.parts}
    is_report = media_type(content_type) == "multipart/report"
    if "message/disposition-notification" in media or (
        is_report and kind == "disposition-notification"
    ):
        return MailOrigin(MailOriginKind.AUTO_REPLY, ("report-type",))
    if "message/delivery-status" in media or (is_report and kind in {"", "delivery-status"}):
        return MailOrigin(MailOriginKind.BOUNCE, ("report-type",))
    if "x-failed-recipients" in mail.fields:
        return MailOrigin(MailOriginKind.BOUNCE, ("x-failed-recipients",))
    name = mail.sender.address.rpartition("@")[0] if mail.sender else ""
    is_returned = _RETURNED.search(mail.subject) is not None
    if name == "mailer-daemon" or (name in _SYSTEM_SENDERS and (path == "" or is_returned)):
        return MailOrigin(MailOriginKind.BOUNCE, ("from",))
    if path == "" and is_returned:
        return MailOrigin(MailOriginKind.BOUNCE, ("return-path", "subject"))
    return None


def _automatic(mail: IncomingMail, _: str | None) -> MailOrigin | None:
    """Know programs that say so."""
    submitted = mail.fields.word("auto-submitted")
    precedence = mail.fields.word("precedence")
    if submitted.startswith("auto-replied"):
        return MailOrigin(_kind_of_reply(mail), ("auto-submitted",))
    if submitted not in {"", "no"}:
        is_away = _AWAY.search(mail.subject) is not None
        kind = MailOriginKind.OUT_OF_OFFICE if is_away else MailOriginKind.AUTO_GENERATED
        return MailOrigin(kind, ("auto-submitted",))
    for name in _REPLY_HEADERS:
        if name in mail.fields and mail.fields.word(name) not in {"no", "false", "0"}:
            return MailOrigin(_kind_of_reply(mail), (name,))
    if precedence in {"auto_reply", "auto-reply"}:
        return MailOrigin(_kind_of_reply(mail), ("precedence",))
    if precedence in _BULK and not any(name in mail.fields for name in _LIST_HEADERS):
        is_away = _AWAY.search(mail.subject) is not None
        kind = MailOriginKind.OUT_OF_OFFICE if is_away else MailOriginKind.AUTO_GENERATED
        return MailOrigin(kind, ("precedence",))
    return None


def _kind_of_reply(mail: IncomingMail) -> MailOriginKind:
    is_away = _AWAY.search(mail.subject) is not None
    return MailOriginKind.OUT_OF_OFFICE if is_away else MailOriginKind.AUTO_REPLY


def _null_sender(mail: IncomingMail, path: str | None) -> MailOrigin | None:
    """Know programs that want no answer: people have an address to return mail to."""
    if path != "":
        return None
    is_away = _AWAY.search(mail.subject) is not None
    kind = MailOriginKind.OUT_OF_OFFICE if is_away else MailOriginKind.AUTO_GENERATED
    return MailOrigin(kind, ("return-path",))


def _listed(mail: IncomingMail, _: str | None) -> MailOrigin | None:
    """Know lists."""
    found = [name for name in _LIST_HEADERS if name in mail.fields]
    if mail.fields.word("precedence") == "list":
        found.append("precedence")
    return MailOrigin(MailOriginKind.LIST, tuple(found)) if found else None


def _silence(mail: IncomingMail) -> tuple[str, ...]:
    """Return what keeps an automatic answer back, though a person may have written."""
    signs: list[str] = []
    suppressed = (mail.fields.first("x-auto-response-suppress") or b"").decode("ascii", "replace")
    if _SUPPRESSED & {word.strip() for word in suppressed.lower().split(",")}:
        signs.append("x-auto-response-suppress")
    name = mail.sender.address.rpartition("@")[0] if mail.sender else ""
    if not name or _SILENT_SENDERS.fullmatch(name):
        signs.append("from")
    if _AWAY_START.match(mail.subject):
        signs.append("subject")
    return tuple(signs)
