"""Invitations: asked by letter, accepted once, telling nobody who has an account."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    EmailTakenError,
    InputInvalidError,
    InsecureTransportError,
    InvitationInvalidError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    ReachNotHeldError,
    ScopeNotHeldError,
    ValueInvalidError,
)
from models.invitations import Invitation
from models.mails import Mail
from models.rules.mail_templates import MailTemplate
from models.rules.rate_limits import RateLimit
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, AUDITOR, CUSTOMER, FIRST_LINE, PARTNER, ROLES
from models.rules.scopes import Scope
from models.users import User
from resolvers.context import NotPermittedError, Origin, RequestContext
from resolvers.invitation_accepting import accept_invitation
from resolvers.invitation_lists import (
    count_invitations,
    invitation_cursor,
    invitations_by_ids,
    invitations_page,
)
from resolvers.invitations import create_invitation, resend_invitation, revoke_invitation
from resolvers.limits import spend
from resolvers.mails import SEALED_FOR
from resolvers.organizations import deactivate_organization
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.user_edits import deactivate_user
from tests.factories import (
    PASSWORDS,
    SEALER,
    as_nobody,
    as_person,
    make_built_in,
    make_organization,
    make_user,
)
from tests.fakes import FixedClock

PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody
WEAK = "12345678"
PATH = "/app/invitation#"


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    await make_built_in(CUSTOMER, "there@people.test")
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def tokens() -> list[str]:
    """Return the tokens of the letters, in the order they were posted."""
    found: list[str] = []
    for mail in await Mail.filter(template=MailTemplate.INVITATION.value).order_by("id"):
        path = orjson.loads(SEALER.open(mail.sealed_params, purpose=SEALED_FOR))["path"]
        assert path.startswith(PATH)
        found.append(path.removeprefix(PATH))
    return found


async def invited(
    admin: RequestContext, email: str = "new@people.test", role: str = CUSTOMER, **more: object
) -> str:
    await create_invitation(admin, email=email, role=role, **more)  # type: ignore[arg-type]
    return (await tokens())[-1]


async def test_invitation_is_bound_to_address_role_and_place(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    place = await make_organization()
    token = await invited(admin, " New@People.test ", organization_id=place.id, locale="ru")

    user = await accept_invitation(as_nobody(ports), token=token, name=" Anna ", password=PASSWORD)

    stored = await User.get(id=user.id).select_related("role")
    assert (stored.email, stored.name, stored.role.name) == ("new@people.test", "Anna", "customer")
    assert (stored.organization_id, stored.locale) == (place.id, "ru")
    assert stored.email_verified_at == stored.password_changed_at == clock.now()
    assert (await PASSWORDS.verify(PASSWORD, stored.password_hash)).is_right
    assert not (await PASSWORDS.verify(PASSWORD + " ", stored.password_hash)).is_right
    invitation = await Invitation.get()
    assert invitation.accepted_at == clock.now()
    actions = await AuditEntry.all().order_by("id").values_list("action", "actor_id")
    assert actions == [
        ("invitation.create", admin.viewer.user_id),
        ("user.create", user.id),
        ("invitation.accept", user.id),
    ]


async def test_what_is_stored_opens_nothing(admin: RequestContext, ports: Ports) -> None:
    token = await invited(admin)
    [invitation] = await Invitation.all()

    assert token not in invitation.token_hash
    with pytest.raises(InvitationInvalidError):
        await accept_invitation(
            as_nobody(ports), token=invitation.token_hash, name="A", password=PASSWORD
        )


@pytest.mark.parametrize("token", [None, "", " ", "null", "x" * 42, "x" * 44, "ё" * 43, "%" * 43])
async def test_what_is_no_token_is_refused_without_a_query(
    admin: RequestContext, ports: Ports, sql: list[str], token: str | None
) -> None:
    await invited(admin)
    sql.clear()

    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)

    assert sql == []


async def test_a_token_is_matched_exactly(admin: RequestContext, ports: Ports) -> None:
    token = await invited(admin)

    for wrong in (token.swapcase(), token[:-1] + ("A" if token[-1] != "A" else "B"), f" {token}"):
        with pytest.raises(InvitationInvalidError):
            await accept_invitation(as_nobody(ports), token=wrong, name="A", password=PASSWORD)

    assert not await User.exists(email="new@people.test")


async def test_of_many_who_accept_at_once_one_wins(admin: RequestContext, ports: Ports) -> None:
    token = await invited(admin)

    results = await asyncio.gather(
        *(
            accept_invitation(as_nobody(ports), token=token, name=f"N{n}", password=PASSWORD)
            for n in range(2)
        ),
        return_exceptions=True,
    )
    again = await asyncio.gather(
        accept_invitation(as_nobody(ports), token=token, name="Late", password=PASSWORD),
        return_exceptions=True,
    )

    winners = [result for result in results if isinstance(result, User)]
    assert len(winners) == 1
    assert sorted(type(each).__name__ for each in [*results, *again]) == [
        "InvitationInvalidError",
        "InvitationInvalidError",
        "User",
    ]
    assert (await User.get(email="new@people.test")).name == winners[0].name


async def test_an_address_with_an_account_costs_the_same_and_shows_only_to_the_holder(
    admin: RequestContext, ports: Ports, monkeypatch: pytest.MonkeyPatch, sql: list[str]
) -> None:
    hashes: list[str] = []
    real = type(PASSWORDS).hash

    async def counted(self: object, password: str) -> str:
        hashes.append(password)
        return await real(PASSWORDS, password)

    monkeypatch.setattr(type(PASSWORDS), "hash", counted)
    await invited(admin, "first@people.test")  # the first one of the hour begins its count
    sql.clear()
    new = await invited(admin, "new@people.test")
    for_new = len(sql)
    sql.clear()
    known = await invited(admin, "there@people.test")
    assert len(sql) == for_new

    for token, outcome in ((new, None), (known, EmailTakenError)):
        hashes.clear()
        result: object = None
        try:
            await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)
        except DomainError as refusal:
            result = type(refusal)
        assert (result, len(hashes)) == (outcome, 1)

    open_ones = [each.email for each in await Invitation.filter(accepted_at=None)]
    assert sorted(open_ones) == ["first@people.test", "there@people.test"]


async def test_it_ends_after_seven_days(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    token = await invited(admin)
    clock.at += timedelta(days=7)

    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)

    [invitation] = await Invitation.all()
    await resend_invitation(admin, invitation_id=invitation.id)
    clock.at += timedelta(days=7) - timedelta(seconds=1)
    old, new = await tokens()
    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=old, name="A", password=PASSWORD)
    user = await accept_invitation(as_nobody(ports), token=new, name="A", password=PASSWORD)
    assert user.email == "new@people.test"


async def test_a_revoked_one_opens_nothing_and_is_not_sent_again(
    admin: RequestContext, ports: Ports
) -> None:
    token = await invited(admin)
    [invitation] = await Invitation.all()

    await revoke_invitation(admin, invitation_id=invitation.id)

    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)
    for attempt in (
        revoke_invitation(admin, invitation_id=invitation.id),
        resend_invitation(admin, invitation_id=invitation.id),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert await Mail.all().count() == 1


async def test_a_new_one_for_the_address_replaces_the_open_one(
    admin: RequestContext, ports: Ports
) -> None:
    await make_built_in(PARTNER)
    first = await invited(admin)
    await create_invitation(admin, email="NEW@people.test", role="partner")

    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=first, name="A", password=PASSWORD)
    second = (await tokens())[-1]
    user = await accept_invitation(as_nobody(ports), token=second, name="A", password=PASSWORD)

    assert (await User.get(id=user.id).select_related("role")).role.name == "partner"


async def test_many_for_one_address_at_once_leave_one_open(admin: RequestContext) -> None:
    await asyncio.gather(
        *(create_invitation(admin, email="new@people.test", role="customer") for _ in range(3))
    )

    assert await Invitation.filter(revoked_at=None).count() == 1
    assert await Invitation.all().count() == 3


async def test_an_organization_does_not_replace_anothers_invitation(
    database: None, ports: Ports
) -> None:
    here, there = await make_organization(), await make_organization()
    await make_built_in(CUSTOMER)
    bosses = [
        as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=place))
        for place in (here, there)
    ]
    for boss in bosses:
        await create_invitation(boss, email="new@people.test", role="customer")

    invitations = await Invitation.filter(revoked_at=None).order_by("id")
    assert [each.organization_id for each in invitations] == [here.id, there.id]
    for boss, own, other in zip(bosses, invitations, reversed(invitations), strict=True):
        page = await invitations_page(boss, only_open=True, window=PageWindow(first=10))
        assert [each.id for each in page.rows] == [own.id]
        assert await invitations_by_ids(boss, [other.id]) == []
        for attempt in (
            revoke_invitation(boss, invitation_id=other.id),
            resend_invitation(boss, invitation_id=other.id),
            create_invitation(
                boss, email="x@people.test", role="customer", organization_id=other.organization_id
            ),
        ):
            with pytest.raises(NotFoundError):
                await attempt
    assert await Invitation.filter(revoked_at=None).count() == 2


async def test_nobody_invites_to_more_than_they_have(database: None, ports: Ports) -> None:
    await make_built_in(ADMINISTRATOR)
    await make_built_in(FIRST_LINE)
    scopes = ROLES[FIRST_LINE].scopes | {Scope.USER_ADMIN}
    place = await make_organization()
    boss = as_person(
        ports, await make_user(scopes=scopes, reach=Reach.ORGANIZATION, organization=place)
    )
    alone = as_person(ports, await make_user(scopes=scopes))
    staff = as_person(ports, await make_built_in(FIRST_LINE))

    for who, role, refusal in (
        (boss, "administrator", ScopeNotHeldError),
        (boss, "first_line", ReachNotHeldError),
        (boss, "no such role", ValueInvalidError),
        (alone, "first_line", ReachNotHeldError),
        (staff, "first_line", NotPermittedError),
    ):
        with pytest.raises(refusal):
            await create_invitation(who, email="new@people.test", role=role)

    assert await Invitation.all().count() == await Mail.all().count() == 0


async def test_quota_of_people_counts_at_the_moment_of_acceptance(
    admin: RequestContext, ports: Ports
) -> None:
    place = await make_organization(max_users=2)
    await make_built_in(CUSTOMER, organization=place)
    letters = [
        await invited(admin, f"n{n}@people.test", organization_id=place.id) for n in range(3)
    ]

    results = await asyncio.gather(
        *(
            accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)
            for token in letters[:2]
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in results) == ["QuotaExceededError", "User"]
    with pytest.raises(QuotaExceededError) as refusal:
        await accept_invitation(as_nobody(ports), token=letters[2], name="A", password=PASSWORD)
    assert (refusal.value.limit, refusal.value.used) == (2, 2)
    assert await User.filter(organization_id=place.id).count() == 2
    assert await Invitation.filter(accepted_at=None).count() == 2


async def test_a_deactivated_organization_takes_nobody(admin: RequestContext, ports: Ports) -> None:
    place = await make_organization()
    token = await invited(admin, organization_id=place.id)
    await deactivate_organization(admin, organization_id=place.id)

    with pytest.raises(InvitationInvalidError):
        await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)


async def test_a_leavers_invitations_stay_good_for_customers_alone(
    admin: RequestContext, ports: Ports
) -> None:
    boss = await make_built_in(ADMINISTRATOR)
    token = await invited(as_person(ports, boss))
    strong = {}
    for role in (PARTNER, ADMINISTRATOR, AUDITOR):
        await make_built_in(role)
        email = f"{role}@people.test"
        strong[role] = await invited(as_person(ports, boss), email=email, role=role)
    kept = await invited(admin, email="other@people.test", role=ADMINISTRATOR)

    await deactivate_user(admin, user_id=boss.id)

    for each in strong.values():
        with pytest.raises(InvitationInvalidError):
            await accept_invitation(as_nobody(ports), token=each, name="A", password=PASSWORD)
    revoked = await Invitation.exclude(revoked_at=None).select_related("role")
    assert {row.role.name for row in revoked} == set(strong)
    entries = await AuditEntry.filter(action="invitation.revoke")
    assert {entry.subject_id for entry in entries} == {row.id for row in revoked}
    for each, email in ((token, "new@people.test"), (kept, "other@people.test")):
        user = await accept_invitation(as_nobody(ports), token=each, name="A", password=PASSWORD)
        assert user.email == email


async def test_a_weak_password_and_a_missing_name_are_refused_together_and_use_nothing_up(
    admin: RequestContext, ports: Ports
) -> None:
    token = await invited(admin)

    with pytest.raises(InputInvalidError) as refusal:
        await accept_invitation(as_nobody(ports), token=token, name=" ", password=WEAK)

    assert [problem.path for problem in refusal.value.problems] == [("name",), ("password",)]
    await accept_invitation(as_nobody(ports), token=token, name="A", password=PASSWORD)


async def test_pages_show_the_newest_first(admin: RequestContext, clock: FixedClock) -> None:
    for n in range(5):
        await create_invitation(admin, email=f"n{n}@people.test", role="customer")
    first = await invitations_page(admin, only_open=True, window=PageWindow(first=2))
    after = invitation_cursor(first.rows[-1])
    second = await invitations_page(admin, only_open=True, window=PageWindow(first=9, after=after))
    await revoke_invitation(admin, invitation_id=first.rows[0].id)

    assert [each.email[:2] for each in [*first.rows, *second.rows]] == [
        "n4",
        "n3",
        "n2",
        "n1",
        "n0",
    ]
    assert await count_invitations(admin, only_open=True) == 4
    assert await count_invitations(admin, only_open=False) == 5
    clock.at += timedelta(days=8)
    assert await count_invitations(admin, only_open=True) == 0


async def test_a_person_sends_a_hundred_letters_an_hour(admin: RequestContext) -> None:
    for _ in range(99):
        await spend(admin, RateLimit.INVITATION, str(admin.viewer.user_id))
    invitation = await create_invitation(admin, email="last@people.test", role="customer")

    for attempt in (
        create_invitation(admin, email="more@people.test", role="customer"),
        resend_invitation(admin, invitation_id=invitation.id),
    ):
        with pytest.raises(RateLimitedError):
            await attempt

    assert await Invitation.all().count() == await Mail.all().count() == 1


async def test_an_address_that_guesses_tokens_waits(admin: RequestContext, ports: Ports) -> None:
    token = await invited(admin)
    guesser = replace(as_nobody(ports), origin=Origin(address="192.0.2.7"))

    for number in range(31):
        refusal = RateLimitedError if number == 30 else InvitationInvalidError
        with pytest.raises(refusal):
            await accept_invitation(guesser, token=f"{number:043}", name="A", password=PASSWORD)

    user = await accept_invitation(guesser, token=token, name="A", password=PASSWORD)
    assert user.email == "new@people.test"


async def test_a_password_that_others_could_read_is_not_taken(
    admin: RequestContext, ports: Ports
) -> None:
    token = await invited(admin)
    open_air = replace(as_nobody(ports), origin=Origin(is_secure=False))

    with pytest.raises(InsecureTransportError):
        await accept_invitation(open_air, token=token, name="A", password=PASSWORD)

    assert not await User.exists(email="new@people.test")
