"""What an operator sees of the outbox, and may do to it. Never what letters say."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.ids import new_id
from models.mails import Mail
from models.rules.audit_actions import AuditAction
from models.rules.mail_addresses import deliverable
from models.rules.mail_retries import LEASE
from models.rules.mail_templates import MailTemplate
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.letters import LetterFacts, Letterhead, write_letter
from resolvers.ports import Mailer
from resolvers.users import check_email

_MAX_LISTED: Final = 1000


class MailState(Enum):
    """What became of a letter so far."""

    WAITING = auto()
    FAILED = auto()
    SENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEntry:
    """A letter as operators see it.

    Attributes:
        next_attempt_at: None unless it waits.
        last_error: what the mail server said.
    """

    id: int
    to: str
    template: str
    state: MailState
    posted_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    last_error: str


class RetryOutcome(Enum):
    """What came of the wish to send a letter now."""

    DUE = auto()
    BUSY = auto()  # a worker may have it in hand; it is tried within LEASE anyway
    OVER = auto()  # sent or given up: what it said is gone


async def unsent_mails(context: RequestContext) -> list[MailEntry]:
    """Return the letters that wait or were given up, the oldest first, 1000 at most.

    Raises:
        NotPermittedError: no OPS_READ.
    """
    context.viewer.require(Scope.OPS_READ)
    rows = Mail.filter(Q(next_attempt_at__isnull=False) | Q(failed_at__isnull=False))
    return [_entry(row) for row in await rows.order_by("id").limit(_MAX_LISTED)]


async def retry_mail(context: RequestContext, mail_id: int) -> RetryOutcome:
    """Let a letter that was put off be tried now.

    Raises:
        NotPermittedError: no USER_ADMIN.
        NotFoundError: no such letter.
    """
    context.viewer.require(Scope.USER_ADMIN)
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        mail = await Mail.get_or_none(id=mail_id, using_db=connection)
        if mail is None:
            raise NotFoundError
        if mail.next_attempt_at is None:
            return RetryOutcome.OVER
        put_off = Mail.filter(id=mail_id, attempts=mail.attempts, next_attempt_at__gt=now + LEASE)
        if not await put_off.using_db(connection).update(next_attempt_at=now):
            return RetryOutcome.BUSY
        await log_action(context, connection, AuditAction.MAIL_RETRY, subject_id=mail_id)
    await context.ports.mail_signal.mail_posted()
    return RetryOutcome.DUE


async def send_test(
    context: RequestContext, *, to: str, locale: str, mailer: Mailer, head: Letterhead
) -> str:
    """Send a test letter at once, past the outbox; return what the mail server answered.

    Raises:
        NotPermittedError: no USER_ADMIN.
        ValueRequiredError, TextTooLongError, ValueInvalidError: `to` is no address.
        LetterError: the settings make no letter.
        MailRefusedError, MailDeferredError: the mail server said no, or nothing.
    """
    context.viewer.require(Scope.USER_ADMIN)
    now = context.ports.clock.now()
    facts = LetterFacts(
        mail_id=new_id(),
        to=deliverable(check_email(to)),
        locale=locale,
        template=MailTemplate.TEST,
        params={"at": now.isoformat()},
        posted_at=now,
    )
    answer = await mailer.send(write_letter(facts, head), to=facts.to, letter_id=facts.mail_id)
    async with in_transaction("default") as connection:
        await log_action(context, connection, AuditAction.MAIL_TEST, after={"to": facts.to})
    return answer


def _entry(mail: Mail) -> MailEntry:
    state = MailState.SENT
    if mail.next_attempt_at is not None:
        state = MailState.WAITING
    elif mail.failed_at is not None:
        state = MailState.FAILED
    return MailEntry(
        id=mail.id,
        to=mail.to_address,
        template=mail.template,
        state=state,
        posted_at=mail.created_at,
        attempts=mail.attempts,
        next_attempt_at=mail.next_attempt_at,
        last_error=mail.last_error,
    )
