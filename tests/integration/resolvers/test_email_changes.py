"""Another e-mail address: asked for by its person, or given by an administrator."""

import asyncio
from datetime import timedelta

import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    EmailTakenError,
    RateLimitedError,
    ReachNotHeldError,
    SessionRequiredError,
    StepUpRequiredError,
    TokenInvalidError,
    ValueInvalidError,
)
from models.letter_orders import LetterOrder
from models.mails import Mail
from models.rules.reach import Reach
from models.users import User
from resolvers.email_changes import change_email, request_email_change
from resolvers.letter_order_filling import fill_orders
from resolvers.passwords import request_reset, reset_password
from resolvers.ports import Ports
from resolvers.sign_in import sign_in
from resolvers.user_edits import UserChanges, update_user
from tests.factories import as_command, as_nobody, as_person, make_organization, make_user
from tests.fakes import FixedClock
from tests.people import (
    PASSWORD,
    as_visitor,
    begin,
    in_session,
    letter_params,
    make_member,
    seen,
    token_of_letter,
)

OLD, NEW = "ada@people.test", "ada@new.test"
LIFE = timedelta(minutes=30)


@pytest.fixture
async def person(database: None) -> User:
    return await make_member(OLD)


async def ask(ports: Ports, person: User, email: str = NEW) -> str:
    await request_email_change(await in_session(ports, person), email=email)
    await fill_orders(as_nobody(ports))
    return await token_of_letter("EMAIL_CHANGE")


async def address_of(person: User) -> str:
    return (await User.get(id=person.id)).email


async def letters() -> list[tuple[str, str]]:
    return [(each.template, each.to_address) for each in await Mail.all().order_by("id")]


async def test_who_reads_the_letter_has_the_new_address(ports: Ports, person: User) -> None:
    context, other = await in_session(ports, person), await begin(ports, person)
    assert await request_email_change(context, email=" Ada@New.test ") == NEW
    await fill_orders(as_nobody(ports))
    assert await letters() == [("EMAIL_CHANGE", NEW)]
    assert await address_of(person) == OLD

    assert await change_email(context, token=await token_of_letter("EMAIL_CHANGE")) == NEW

    stored = await User.get(id=person.id)
    assert (stored.email, stored.email_verified_at) == (NEW, ports.clock.now())
    assert stored.revision == person.revision + 1
    assert await seen(ports, other.token) is None
    assert (await letters())[1:] == [("EMAIL_CHANGED", OLD), ("EMAIL_CHANGED", NEW)]
    assert (await sign_in(as_visitor(ports), email=NEW, password=PASSWORD)).user_id == person.id


async def test_the_session_of_the_request_goes_on(ports: Ports, person: User) -> None:
    started = await begin(ports, person)
    token = await ask(ports, person)
    context = await in_session(ports, person)

    await change_email(context, token=token)

    assert await seen(ports, started.token) is None
    await request_email_change(context, email="third@new.test")  # it is good for that


async def test_without_a_session_all_end(ports: Ports, person: User) -> None:
    started, token = await begin(ports, person), await ask(ports, person)
    stranger = await in_session(ports, await make_member("bob@people.test"))

    await change_email(stranger, token=token)

    assert await seen(ports, started.token) is None


async def test_the_log_has_both_steps_and_no_address(ports: Ports, person: User) -> None:
    await change_email(as_visitor(ports), token=await ask(ports, person))

    entries = await AuditEntry.all().order_by("id")
    assert [each.action for each in entries] == ["user.email_change_request", "user.email_change"]
    assert await AuditEntry.filter(actor_id=person.id, subject_id=person.id).count() == 2
    assert "@" not in "".join(f"{each.before}{each.after}" for each in entries)


async def test_an_address_of_somebody_else_is_answered_alike_and_told_to_them(
    ports: Ports, person: User
) -> None:
    other = await make_member("bob@people.test")

    assert await request_email_change(await in_session(ports, person), email=other.email)
    [order] = await LetterOrder.all()
    assert (order.email, order.user_id) == (other.email, person.id)
    await fill_orders(as_nobody(ports))

    assert await letters() == [("EMAIL_CHANGE_TAKEN", other.email)]
    assert OLD not in letter_params(await Mail.get())


async def test_of_two_who_want_one_address_the_faster_has_it(ports: Ports, person: User) -> None:
    bob = await make_member("bob@people.test")
    first = await ask(ports, person)
    await Mail.all().delete()
    second = await ask(ports, bob)

    answers = await asyncio.gather(
        *(change_email(as_visitor(ports), token=each) for each in (first, second)),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in answers) == ["TokenInvalidError", "str"]
    assert await User.filter(email=NEW).count() == 1


async def test_a_letter_works_once(ports: Ports, person: User) -> None:
    token = await ask(ports, person)
    answers = await asyncio.gather(
        *(change_email(as_visitor(ports), token=token) for _ in range(4)), return_exceptions=True
    )

    assert [each for each in answers if isinstance(each, str)] == [NEW]
    assert await Mail.filter(template="EMAIL_CHANGED").count() == 2


async def test_a_letter_is_void_after_half_an_hour_or_a_later_one(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    first = await ask(ports, person)
    await Mail.all().delete()
    second = await ask(ports, person, "other@new.test")
    with pytest.raises(TokenInvalidError):
        await change_email(as_visitor(ports), token=first)
    clock.at += LIFE
    with pytest.raises(TokenInvalidError):
        await change_email(as_visitor(ports), token=second)

    assert await address_of(person) == OLD


async def test_links_that_went_to_the_old_address_open_nothing_any_more(
    ports: Ports, person: User
) -> None:
    await request_reset(as_visitor(ports), email=OLD)
    await fill_orders(as_nobody(ports))
    reset = await token_of_letter("PASSWORD_RESET")
    await change_email(as_visitor(ports), token=await ask(ports, person))

    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(ports), token=reset, new="four noisy cranes")


async def test_a_deactivated_person_gets_none(ports: Ports, person: User) -> None:
    token = await ask(ports, person)
    await User.filter(id=person.id).update(deactivated_at=ports.clock.now())

    with pytest.raises(TokenInvalidError):
        await change_email(as_visitor(ports), token=token)

    assert await address_of(person) == OLD


async def test_only_a_session_with_a_fresh_proof_may_ask(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = await in_session(ports, person)
    with pytest.raises(SessionRequiredError):
        await request_email_change(as_person(ports, person), email=NEW)
    with pytest.raises(ValueInvalidError):
        await request_email_change(context, email="no address")
    clock.at += timedelta(minutes=10)
    with pytest.raises(StepUpRequiredError):
        await request_email_change(context, email=NEW)

    assert await LetterOrder.all().count() == 0


async def test_requests_are_limited_for_each_person_and_address(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    for _ in range(3):
        await request_email_change(context, email=NEW)
    with pytest.raises(RateLimitedError):
        await request_email_change(context, email=NEW)
    await request_email_change(context, email="fourth@new.test")
    with pytest.raises(RateLimitedError):
        await request_email_change(context, email="sixth@new.test")

    assert await LetterOrder.all().count() == 4


async def test_an_administrator_gives_an_address(ports: Ports, person: User) -> None:
    session = await begin(ports, person)
    await User.filter(id=person.id).update(email_verified_at=ports.clock.now())

    user = await update_user(
        as_command(ports), user_id=person.id, changes=UserChanges(email="ADA@new.test")
    )

    stored = await User.get(id=person.id)
    assert (user.email, stored.email, stored.email_verified_at) == (NEW, NEW, None)
    assert await seen(ports, session.token) is None
    assert await letters() == [("EMAIL_CHANGED", OLD), ("EMAIL_CHANGED", NEW)]
    [entry] = await AuditEntry.all()
    assert entry.action == "user.update"
    assert "@" not in f"{entry.before}{entry.after}"
    assert "email" in entry.after


async def test_the_same_address_is_no_change(ports: Ports, person: User) -> None:
    await update_user(as_command(ports), user_id=person.id, changes=UserChanges(email=OLD))

    assert (await User.get(id=person.id)).revision == person.revision
    assert await Mail.all().count() == await AuditEntry.all().count() == 0


@pytest.mark.parametrize(
    ("email", "error"), [("bob@people.test", EmailTakenError), ("nobody", ValueInvalidError)]
)
async def test_a_refused_address_changes_nothing(
    ports: Ports, person: User, email: str, error: type[DomainError]
) -> None:
    await make_member("bob@people.test")
    with pytest.raises(error):
        await update_user(as_command(ports), user_id=person.id, changes=UserChanges(email=email))

    assert await address_of(person) == OLD
    assert await Mail.all().count() == 0


async def test_who_sees_only_an_organization_learns_of_no_address(
    ports: Ports, person: User
) -> None:
    ours = await make_organization()
    admin = await make_user(reach=Reach.ORGANIZATION, organization=ours)
    await User.filter(id=person.id).update(organization_id=ours.id)
    with pytest.raises(ReachNotHeldError):
        await update_user(
            as_person(ports, admin), user_id=person.id, changes=UserChanges(email=admin.email)
        )

    assert await address_of(person) == OLD


async def test_an_administrator_needs_a_fresh_proof_for_it(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = await in_session(ports, await make_user(is_staff=True))
    clock.at += timedelta(minutes=10)
    with pytest.raises(StepUpRequiredError):
        await update_user(context, user_id=person.id, changes=UserChanges(email=NEW))

    assert await address_of(person) == OLD
