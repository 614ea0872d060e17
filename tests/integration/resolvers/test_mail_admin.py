"""What operators see of the outbox, and may do to it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import NotFoundError
from models.mails import Mail
from models.rules.mail_templates import MailTemplate
from models.rules.scopes import Scope
from resolvers.context import NotPermittedError, RequestContext
from resolvers.letters import Letterhead
from resolvers.mail_admin import (
    MailState,
    RetryOutcome,
    retry_mail,
    send_test,
    unsent_mails,
)
from resolvers.mail_sending import claim_mails
from resolvers.mails import post_mail
from resolvers.ports import MailRefusedError, Ports
from tests.factories import as_command, as_nobody
from tests.fakes import FixedClock, Postbox

pytestmark = pytest.mark.usefixtures("database")

HEAD = Letterhead(portal="Linkyard", public_url="https://go.test", sender="linkyard@go.test")


@pytest.fixture
def operator(ports: Ports) -> RequestContext:
    return as_command(ports)


async def post(ports: Ports) -> Mail:
    async with in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to="anna@example.org",
            locale="en",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": "Anna"},
        )
    mail = await Mail.all().order_by("-id").first()
    assert mail is not None
    return mail


async def actions() -> list[str]:
    return [entry.action for entry in await AuditEntry.all().order_by("id")]


async def test_letters_that_were_sent_are_not_listed(
    ports: Ports, operator: RequestContext, clock: FixedClock
) -> None:
    sent, failed, waiting = [await post(ports) for _ in range(3)]
    await Mail.filter(id=sent.id).update(sent_at=clock.at, next_attempt_at=None)
    await Mail.filter(id=failed.id).update(
        failed_at=clock.at, next_attempt_at=None, last_error="550 gone"
    )

    listed = await unsent_mails(operator)

    assert [(entry.id, entry.state, entry.last_error) for entry in listed] == [
        (failed.id, MailState.FAILED, "550 gone"),
        (waiting.id, MailState.WAITING, ""),
    ]


async def test_a_letter_that_was_put_off_for_long_is_due_again(
    ports: Ports, operator: RequestContext, clock: FixedClock
) -> None:
    mail = await post(ports)
    await Mail.filter(id=mail.id).update(next_attempt_at=clock.at + timedelta(minutes=30))

    assert await retry_mail(operator, mail.id) is RetryOutcome.DUE

    assert [claimed.id for claimed in await claim_mails(operator, limit=5)] == [mail.id]
    assert await actions() == ["mail.retry"]


async def test_a_letter_that_a_worker_may_have_in_hand_is_left_to_it(
    ports: Ports, operator: RequestContext
) -> None:
    mail = await post(ports)
    await claim_mails(operator, limit=1)
    before = await Mail.get(id=mail.id)

    assert await retry_mail(operator, mail.id) is RetryOutcome.BUSY

    assert (await Mail.get(id=mail.id)).next_attempt_at == before.next_attempt_at
    assert await actions() == []


async def test_a_letter_that_is_over_stays_over(
    ports: Ports, operator: RequestContext, clock: FixedClock
) -> None:
    mail = await post(ports)
    await Mail.filter(id=mail.id).update(sent_at=clock.at, next_attempt_at=None)

    assert await retry_mail(operator, mail.id) is RetryOutcome.OVER

    assert (await Mail.get(id=mail.id)).next_attempt_at is None


async def test_a_letter_that_never_was_is_not_found(operator: RequestContext) -> None:
    with pytest.raises(NotFoundError):
        await retry_mail(operator, 1)


async def test_a_test_letter_goes_past_the_outbox(operator: RequestContext) -> None:
    postbox = Postbox()

    answer = await send_test(operator, to="анна@почта.рф", locale="ru", mailer=postbox, head=HEAD)

    ((_, to, letter),) = postbox.taken
    assert (answer, to) == ("250 taken", "анна@xn--80a1acny.xn--p1ai")
    assert letter["subject"] == "Linkyard: проверка почты"
    assert await Mail.all().count() == 0
    assert await actions() == ["mail.test"]


async def test_a_test_letter_that_is_refused_says_why(operator: RequestContext) -> None:
    postbox = Postbox(refusal=MailRefusedError("550 nobody here"))

    with pytest.raises(MailRefusedError, match="550 nobody here"):
        await send_test(operator, to="a@example.org", locale="en", mailer=postbox, head=HEAD)

    assert await actions() == []


@pytest.mark.parametrize("scope", [Scope.OPS_READ, Scope.USER_ADMIN])
async def test_nobody_else_may_look_or_send(ports: Ports, scope: Scope) -> None:
    mail = await post(ports)
    full = as_command(ports)
    context = replace(full, viewer=replace(full.viewer, scopes=frozenset(Scope) - {scope}))

    if scope is Scope.OPS_READ:
        with pytest.raises(NotPermittedError):
            await unsent_mails(context)
        return
    with pytest.raises(NotPermittedError):
        await retry_mail(context, mail.id)
    with pytest.raises(NotPermittedError):
        await send_test(context, to="a@x.test", locale="en", mailer=Postbox(), head=HEAD)
