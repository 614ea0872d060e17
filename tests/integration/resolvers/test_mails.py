"""The outbox: what is posted is sent once, and nothing of it is left to read."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from api.adapters.fernet_sealer import FernetSealer
from models.errors import ValueInvalidError
from models.mails import Mail
from models.rules.mail_retries import GIVEN_UP_AFTER, LEASE
from models.rules.mail_templates import MailTemplate
from resolvers import mail_sending
from resolvers.letters import Letterhead
from resolvers.mail_backlog import MailBacklog, is_mail_due, mail_backlog
from resolvers.mail_sending import ClaimedMail, MailOutcome, claim_mails, send_mail
from resolvers.mails import MailParamsError, post_mail
from resolvers.ports import MailDeferredError, MailerAwayError, MailRefusedError, Ports
from tests.factories import as_nobody
from tests.fakes import FixedClock, Postbox

pytestmark = pytest.mark.usefixtures("database")

HEAD = Letterhead(portal="Linkyard", public_url="https://go.test", sender="linkyard@go.test")
TOKEN = "/reset#token=open-sesame_0123456789"  # noqa: S105 - planted, and looked for


@dataclass
class CountingMailSignal:
    """MailSignal that counts the wake-ups."""

    woken: int = 0

    async def mail_posted(self) -> None:
        """See MailSignal.mail_posted."""
        self.woken += 1


async def post(ports: Ports, *, to: str = "anna@example.org", **changed: str) -> Mail:
    now = ports.clock.now()
    params = {
        "name": "Anna",
        "path": TOKEN,
        "expires_at": (now + timedelta(days=3)).isoformat(),
    } | changed
    async with in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to=to,
            locale="en",
            template=MailTemplate.PASSWORD_RESET,
            params=params,
        )
    mail = await Mail.all().order_by("-id").first()
    assert mail is not None
    return mail


async def claim(ports: Ports, limit: int = 10) -> list[ClaimedMail]:
    return await claim_mails(as_nobody(ports), limit=limit)


async def send(ports: Ports, mail: ClaimedMail, mailer: Postbox) -> MailOutcome:
    return await send_mail(as_nobody(ports), mail, mailer=mailer, head=HEAD)


async def test_a_letter_comes_and_goes_with_its_transaction(ports: Ports) -> None:
    signal = CountingMailSignal()
    ports = replace(ports, mail_signal=signal)

    async def fail() -> None:
        async with in_transaction("default") as connection:
            await post_mail(
                as_nobody(ports),
                connection,
                to="anna@example.org",
                locale="ru",
                template=MailTemplate.ACCOUNT_DEACTIVATED,
                params={"name": ""},
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await Mail.all().count(), signal.woken) == (0, 0)

    await post(ports)

    assert (await Mail.all().count(), signal.woken) == (1, 1)


async def test_a_posted_letter_tells_nothing_of_its_parameters(ports: Ports) -> None:
    mail = await post(ports, to=" Anna@Example.ORG ")

    assert (mail.to_address, mail.template, mail.locale) == (
        "anna@example.org",
        "PASSWORD_RESET",
        "en",
    )
    assert "sesame" not in mail.sealed_params
    assert (mail.attempts, mail.next_attempt_at) == (0, ports.clock.now())


@pytest.mark.parametrize(
    "to", ["anna", "anna@example.org\r\nBcc: eve@x.test", "a\x00b@x.test", "a@почта..рф"]
)
async def test_what_is_no_address_is_refused_before_anything_is_stored(
    ports: Ports, to: str
) -> None:
    with pytest.raises(ValueInvalidError):
        await post(ports, to=to)

    assert await Mail.all().count() == 0


async def test_a_template_takes_its_own_parameters_alone(ports: Ports) -> None:
    with pytest.raises(MailParamsError, match="PASSWORD_RESET takes"):
        await post(ports, surprise="x")

    assert await Mail.all().count() == 0


async def test_a_letter_is_sent_and_its_parameters_are_wiped(ports: Ports) -> None:
    await post(ports)
    postbox = Postbox()

    (mail,) = await claim(ports)
    outcome = await send(ports, mail, postbox)

    ((letter_id, to, letter),) = postbox.taken
    assert (outcome, letter_id, to) == (MailOutcome.SENT, mail.id, "anna@example.org")
    assert letter["Message-ID"] == f"<mail-{mail.id}@go.test>"
    body = letter.get_body(("plain",))
    assert body is not None
    assert f"\nhttps://go.test{TOKEN}" in body.get_content()
    row = await Mail.get(id=mail.id)
    assert (row.sealed_params, row.next_attempt_at, row.failed_at) == ("", None, None)
    assert (row.sent_at, row.attempts, row.last_error) == (ports.clock.now(), 1, "")
    assert await claim(ports) == []


async def test_a_claimed_letter_is_nobody_elses_until_the_claim_is_over(
    ports: Ports, clock: FixedClock
) -> None:
    await post(ports)
    (first,) = await claim(ports)

    assert not await is_mail_due(clock)
    assert await claim(ports) == []
    clock.at += LEASE
    assert await is_mail_due(clock)
    (second,) = await claim(ports)

    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)


async def test_who_comes_back_after_the_claim_changes_nothing(
    ports: Ports, clock: FixedClock
) -> None:
    await post(ports)
    (slow,) = await claim(ports)
    clock.at += LEASE
    await claim(ports)

    await send(ports, slow, Postbox(refusal=MailRefusedError("550 nobody here")))

    row = await Mail.get(id=slow.id)
    assert (row.failed_at, row.last_error, row.attempts) == (None, "", 2)
    assert row.sealed_params != ""


async def test_many_claims_at_once_share_the_letters_out(ports: Ports) -> None:
    for _ in range(12):
        await post(ports)

    claims = await asyncio.gather(*(claim(ports, limit=3) for _ in range(6)))

    ids = [mail.id for each in claims for mail in each]
    assert len(ids) == len(set(ids)) == 12


async def test_the_longest_due_letter_is_claimed_first(ports: Ports, clock: FixedClock) -> None:
    first = await post(ports)
    clock.at += timedelta(seconds=1)
    await post(ports)

    assert [mail.id for mail in await claim(ports, limit=1)] == [first.id]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (MailDeferredError("451 greylisted"), MailOutcome.DEFERRED),
        (MailerAwayError("451 greylisted"), MailOutcome.AWAY),
    ],
)
async def test_a_letter_that_was_put_off_comes_again(
    ports: Ports, clock: FixedClock, error: Exception, outcome: MailOutcome
) -> None:
    await post(ports)
    (mail,) = await claim(ports)

    assert await send(ports, mail, Postbox(refusal=error)) is outcome

    row = await Mail.get(id=mail.id)
    assert row.next_attempt_at is not None
    assert 22.5 <= (row.next_attempt_at - clock.at).total_seconds() <= 37.5
    assert (row.last_error, row.sent_at, row.failed_at) == ("451 greylisted", None, None)
    clock.at = row.next_attempt_at
    (again,) = await claim(ports)
    assert await send(ports, again, Postbox()) is MailOutcome.SENT
    assert (await Mail.get(id=mail.id)).last_error == ""


async def test_a_letter_is_given_up_after_a_day(ports: Ports, clock: FixedClock) -> None:
    await post(ports)
    clock.at += GIVEN_UP_AFTER
    (mail,) = await claim(ports)

    outcome = await send(ports, mail, Postbox(refusal=MailDeferredError("451 busy")))

    row = await Mail.get(id=mail.id)
    assert outcome is MailOutcome.FAILED
    assert (row.failed_at, row.next_attempt_at, row.sealed_params) == (clock.at, None, "")
    assert (row.sent_at, row.last_error) == (None, "451 busy")
    assert await claim(ports) == []


async def test_a_refused_letter_is_given_up_at_once(ports: Ports, clock: FixedClock) -> None:
    await post(ports)
    (mail,) = await claim(ports)
    refusal = MailRefusedError("550 no\r\nsuch\x00person " + "x" * 600)

    assert await send(ports, mail, Postbox(refusal=refusal)) is MailOutcome.FAILED

    row = await Mail.get(id=mail.id)
    assert (row.failed_at, row.sealed_params) == (clock.at, "")
    assert row.last_error == f"550 no such person {'x' * 600}"[:500]


@pytest.mark.parametrize("kind", [MailRefusedError, MailDeferredError])
async def test_what_a_server_repeats_of_a_link_is_not_kept(
    ports: Ports, kind: type[Exception]
) -> None:
    await post(ports)
    (mail,) = await claim(ports)

    await send(ports, mail, Postbox(refusal=kind(f"554 bad link https://go.test{TOKEN} in it")))

    row = await Mail.get(id=mail.id)
    assert row.last_error == "554 bad link https://go.test/reset#token=*** in it"


async def test_an_offer_that_has_expired_is_not_sent(ports: Ports, clock: FixedClock) -> None:
    await post(ports, expires_at=(clock.at + timedelta(hours=1)).isoformat())
    clock.at += timedelta(hours=1)
    (mail,) = await claim(ports)
    postbox = Postbox()

    assert await send(ports, mail, postbox) is MailOutcome.FAILED

    row = await Mail.get(id=mail.id)
    assert (postbox.taken, row.last_error) == ([], "what the letter offers has expired")


async def test_a_letter_sealed_with_another_key_waits_for_a_worker_that_has_it(
    ports: Ports, clock: FixedClock
) -> None:
    other = replace(ports, sealer=FernetSealer([b"o" * 32]))
    posted = await post(other)
    (mail,) = await claim(ports)
    postbox = Postbox()

    assert await send(ports, mail, postbox) is MailOutcome.DEFERRED

    row = await Mail.get(id=mail.id)
    assert row.last_error == "sealed with a secret key that this worker does not have"
    assert (postbox.taken, row.failed_at, row.sealed_params) == ([], None, posted.sealed_params)
    clock.at += timedelta(hours=1)
    (again,) = await claim(other)
    assert await send(other, again, postbox) is MailOutcome.SENT


async def test_a_letter_whose_key_is_gone_is_given_up_in_the_end(
    ports: Ports, clock: FixedClock
) -> None:
    await post(replace(ports, sealer=FernetSealer([b"o" * 32])))
    clock.at += timedelta(hours=24)
    (mail,) = await claim(ports)

    assert await send(ports, mail, Postbox()) is MailOutcome.FAILED

    row = await Mail.get(id=mail.id)
    assert (row.sealed_params, row.last_error) == (
        "",
        "sealed with a secret key that this worker does not have",
    )


async def test_a_letter_of_a_newer_version_waits_for_it(ports: Ports) -> None:
    posted = await post(ports)
    await Mail.filter(id=posted.id).update(template="FROM_TOMORROW")
    (mail,) = await claim(ports)

    assert await send(ports, mail, Postbox()) is MailOutcome.DEFERRED

    row = await Mail.get(id=posted.id)
    assert (row.failed_at, row.sealed_params) == (None, posted.sealed_params)


async def test_a_sent_letter_is_noted_when_the_store_is_back(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(ports)
    (mail,) = await claim(ports)
    note, failures = mail_sending._note, [OperationalError("away"), OperationalError("away")]

    async def unlucky(claimed: ClaimedMail, **changes: object) -> None:
        if failures:
            raise failures.pop()
        await note(claimed, **changes)

    monkeypatch.setattr(mail_sending, "_note", unlucky)
    monkeypatch.setattr(mail_sending, "_NOTE_RETRY_S", (0.0, 0.0, 0.0))

    assert await send(ports, mail, Postbox()) is MailOutcome.SENT

    assert (await Mail.get(id=mail.id)).sent_at == ports.clock.now()


async def test_the_backlog_counts_what_waits_and_since_when(
    ports: Ports, clock: FixedClock
) -> None:
    assert await mail_backlog(clock) == MailBacklog(waiting=0, oldest_s=0.0)

    await post(ports)
    clock.at += timedelta(seconds=90)
    await post(ports)
    (mail,) = await claim(ports, limit=1)

    assert await mail_backlog(clock) == MailBacklog(waiting=2, oldest_s=90.0)
    await send(ports, mail, Postbox())
    assert await mail_backlog(clock) == MailBacklog(waiting=1, oldest_s=0.0)
