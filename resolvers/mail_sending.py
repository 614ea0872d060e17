"""From the outbox to the mail server, one letter at a time.

A letter is claimed for models.rules.mail_retries.LEASE, so two workers do not send it
twice. If a worker dies between the server's answer and its note, the letter goes out
again when the claim is over: at least once, with the same Message-ID. Workers compare
their clocks with each other's notes; machines keep them in step.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, cast

import orjson
import structlog
from tortoise.transactions import in_transaction

from models.errors import ValueInvalidError
from models.mails import Mail
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute, fetch
from models.rules.mail_addresses import deliverable
from models.rules.mail_retries import LEASE, next_attempt
from models.rules.mail_templates import PATH, MailTemplate
from models.rules.moments import from_sql, to_sql
from resolvers.context import RequestContext
from resolvers.letters import LetterError, LetterFacts, Letterhead, write_letter
from resolvers.mails import SEALED_FOR
from resolvers.ports import (
    MailDeferredError,
    Mailer,
    MailerAwayError,
    MailRefusedError,
    SealBrokenError,
)

_MAX_ERROR_LENGTH: Final = 500  # characters, also the column width
_MIN_TOKEN_LENGTH: Final = 16  # characters; shorter parts of a path are words
_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_NOTE_RETRY_S: Final = (0.1, 0.5, 2.0, 5.0)
_luck: Final = random.SystemRandom()
_log = structlog.stdlib.get_logger("linkyard.mail")


class MailOutcome(Enum):
    """What became of one try."""

    SENT = auto()
    DEFERRED = auto()
    AWAY = auto()  # deferred, and other letters would have been, too
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMail:
    """A letter that this worker may send until its claim is over.

    Attributes:
        attempts: tries, with this one; who has claimed the letter later has a higher number.
    """

    id: int
    to: str
    template: str
    locale: str
    sealed_params: str
    attempts: int
    posted_at: datetime


async def claim_mails(context: RequestContext, *, limit: int) -> list[ClaimedMail]:
    """Take at most `limit` letters that are due, the longest due first, for this worker alone."""
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        is_lite = is_sqlite(connection)  # there the transaction is the only writer
        rows = await fetch(
            connection,
            "SELECT id, to_address, template, locale, sealed_params, attempts, created_at"
            f" FROM mail WHERE next_attempt_at <= {placeholders(connection, 1)}"
            f" ORDER BY next_attempt_at, id LIMIT {limit:d}"
            + ("" if is_lite else " FOR UPDATE SKIP LOCKED"),
            [to_sql(now, sqlite=is_lite)],
        )
        if rows:
            ids = ", ".join(str(row["id"]) for row in rows)
            mark = placeholders(connection, 1)
            await execute(
                connection,
                f"UPDATE mail SET attempts = attempts + 1, next_attempt_at = {mark}"
                f" WHERE id IN ({ids})",
                [to_sql(now + LEASE, sqlite=is_lite)],
            )
    return [
        ClaimedMail(
            id=row["id"],
            to=row["to_address"],
            template=row["template"],
            locale=row["locale"],
            sealed_params=row["sealed_params"],
            attempts=row["attempts"] + 1,
            posted_at=cast("datetime", from_sql(row["created_at"])),
        )
        for row in rows
    ]


async def send_mail(
    context: RequestContext, mail: ClaimedMail, *, mailer: Mailer, head: Letterhead
) -> MailOutcome:
    """Try to send a claimed letter, and note what became of it."""
    try:
        facts = _facts(context, mail)
        letter = write_letter(facts, head)
    except MailDeferredError as error:
        return await _defer(context, mail, error)
    except SealBrokenError:  # maybe a process that was restarted with the newest key will know
        reason = "sealed with a secret key that this worker does not have"
        return await _defer(context, mail, MailDeferredError(reason))
    except (LetterError, ValueError) as error:
        return await _give_up(context, mail, reason=_why_unwritten(error))
    try:
        answer = await mailer.send(letter, to=facts.to, letter_id=mail.id)
    except MailRefusedError as error:
        return await _give_up(context, mail, reason=_without_secrets(str(error), facts))
    except MailDeferredError as error:
        error.args = (_without_secrets(str(error), facts),)
        return await _defer(context, mail, error)
    _log.info("mail sent", mail=mail.id, template=mail.template, answer=_short(answer))
    now = context.ports.clock.now()
    await _note_surely(
        lambda: _note(mail, sent_at=now, sealed_params="", next_attempt_at=None, last_error="")
    )
    return MailOutcome.SENT


def _facts(context: RequestContext, mail: ClaimedMail) -> LetterFacts:
    try:
        template = MailTemplate(mail.template)
    except ValueError:  # a worker of that version will send it
        raise MailDeferredError(f"only a newer version knows {mail.template}") from None
    params: dict[str, str] = orjson.loads(
        context.ports.sealer.open(mail.sealed_params, purpose=SEALED_FOR)
    )
    expires_at = params.get("expires_at")
    if expires_at and datetime.fromisoformat(expires_at) <= context.ports.clock.now():
        raise LetterError("what the letter offers has expired")
    try:
        to = deliverable(mail.to)
    except ValueInvalidError:
        raise LetterError("the address is none") from None
    return LetterFacts(
        mail_id=mail.id,
        to=to,
        locale=mail.locale,
        template=template,
        params=params,
        posted_at=mail.posted_at,
    )


def _why_unwritten(error: Exception) -> str:
    """Return a reason that tells nothing of the parameters."""
    if isinstance(error, LetterError):
        return str(error)
    return "the letter cannot be written"


async def _defer(
    context: RequestContext, mail: ClaimedMail, error: MailDeferredError
) -> MailOutcome:
    now = context.ports.clock.now()
    is_away = isinstance(error, MailerAwayError)
    again_at = next_attempt(
        posted_at=mail.posted_at,
        failed_at=now,
        attempts=mail.attempts,
        is_away=is_away,
        luck=_luck.random(),
    )
    if again_at is None:
        return await _give_up(context, mail, reason=str(error))
    reason = _short(str(error))
    await _note(mail, next_attempt_at=again_at, last_error=reason)
    _log.info("mail put off", mail=mail.id, attempts=mail.attempts, reason=reason)
    return MailOutcome.AWAY if is_away else MailOutcome.DEFERRED


async def _give_up(context: RequestContext, mail: ClaimedMail, *, reason: str) -> MailOutcome:
    now = context.ports.clock.now()
    await _note(
        mail, failed_at=now, sealed_params="", next_attempt_at=None, last_error=_short(reason)
    )
    _log.warning("mail given up", mail=mail.id, attempts=mail.attempts, reason=_short(reason))
    return MailOutcome.FAILED


async def _note(mail: ClaimedMail, **changes: Any) -> None:  # noqa: ANN401 - columns
    """Store what became of the try, unless another worker has claimed the letter since."""
    mine = Mail.filter(id=mail.id, attempts=mail.attempts, sent_at=None, failed_at=None)
    await mine.update(**changes)


async def _note_surely(note: Callable[[], Awaitable[None]]) -> None:
    """Note a letter that is gone, also when the store is away for a moment: it would go twice."""
    for pause_s in _NOTE_RETRY_S:
        try:
            return await note()
        except Exception as error:  # noqa: BLE001 - whatever it is, the letter is gone
            _log.warning("a sent letter could not be noted, tried again", error=repr(error))
        await asyncio.sleep(pause_s)
    return await note()


def _without_secrets(said: str, facts: LetterFacts) -> str:
    """Return what a server said without the letter's one-time link, which some repeat."""
    path = facts.params.get(PATH, "")
    token = max(_NAMES.split(path), key=len)
    return said.replace(token, "***") if len(token) >= _MIN_TOKEN_LENGTH else said


def _short(reason: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    return line[:_MAX_ERROR_LENGTH]
