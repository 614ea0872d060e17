"""What is sealed moves from an old secret key to the newest."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from api.adapters.fernet_sealer import FernetSealer
from models.mails import Mail
from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.rules.mail_templates import MailTemplate
from models.second_factors import Totp
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.mails import post_mail
from resolvers.one_time_tokens import find_token, issue_token, use_token
from resolvers.ports import Ports
from resolvers.sealed_values import SealedKind, SealedRow, newest_sealed, reseal, sealed_rows
from tests.factories import as_command, as_nobody, make_user
from tests.fakes import FixedClock
from tests.sign_ins import logged

OLD, NEW, LOST = b"o" * 32, b"n" * 32, b"l" * 32
SECRET = "JBSWY3DPEHPK3PXP"  # noqa: S105 - of a test

pytestmark = pytest.mark.usefixtures("database")


def with_keys(ports: Ports, *secrets: bytes) -> Ports:
    return replace(ports, sealer=FernetSealer(secrets))


async def seal_one_of_each(ports: Ports, email: str) -> str:
    """Return the token."""
    context = as_nobody(ports)
    user = await make_user(email)
    async with in_transaction("default") as connection:
        await Totp.create(
            using_db=connection,
            user_id=user.id,
            sealed_secret=ports.sealer.seal(SECRET, purpose="totp"),
        )
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.PASSWORD_RESET,
            user_id=user.id,
            payload={"for": email},
            life=timedelta(hours=1),
        )
        await post_mail(
            context,
            connection,
            to=email,
            locale="en",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": email},
        )
    return token


async def keys_of(ports: Ports) -> list[tuple[SealedKind, int | None]]:
    return [(row.kind, row.key) async for rows in sealed_rows(as_command(ports)) for row in rows]


async def stored() -> list[object]:
    totp = await Totp.all().order_by("id").values_list("sealed_secret", flat=True)
    tokens = await OneTimeToken.all().order_by("id").values_list("sealed_payload", flat=True)
    mails = await Mail.all().order_by("id").values_list("sealed_params", flat=True)
    return [*totp, *tokens, *mails]


async def test_all_that_may_be_opened_again_moves_to_the_newest_key(ports: Ports) -> None:
    token = await seal_one_of_each(with_keys(ports, OLD), "ann@people.test")
    both, new = with_keys(ports, NEW, OLD), with_keys(ports, NEW)
    assert await keys_of(both) == [(kind, 1) for kind in SealedKind]

    done = await reseal(as_command(both))

    assert (done.moved, done.unreadable.total()) == (Counter(list(SealedKind)), 0)
    assert await keys_of(new) == [(kind, 0) for kind in SealedKind]
    totp, _, mail = await stored()
    assert new.sealer.open(str(totp), purpose="totp") == SECRET
    assert new.sealer.open(str(mail), purpose="mail") == '{"name":"ann@people.test"}'
    async with in_transaction("default") as connection:
        found = await use_token(
            as_nobody(new), connection, token, purpose=TokenPurpose.PASSWORD_RESET
        )
    assert found is not None
    assert found.payload == {"for": "ann@people.test"}
    assert (await logged())[-3:] == ["secret.reseal"] * 3


async def test_nothing_is_written_when_the_newest_key_sealed_it(ports: Ports) -> None:
    new = with_keys(ports, NEW, OLD)
    await seal_one_of_each(new, "ann@people.test")
    before = await stored()

    done = await reseal(as_command(new))

    assert (done.moved.total(), done.unreadable.total()) == (0, 0)
    assert await stored() == before
    assert "secret.reseal" not in await logged()


async def test_more_than_a_batch_moves_and_what_nobody_opens_stays(ports: Ports) -> None:
    await seal_one_of_each(with_keys(ports, LOST), "lost@people.test")
    before = await stored()
    old = with_keys(ports, OLD)
    role_id = (await User.get()).role_id
    users = [User(email=f"u{n}@people.test", name="u", role_id=role_id) for n in range(450)]
    await User.bulk_create(users)
    await Totp.bulk_create(
        [
            Totp(user_id=user.id, sealed_secret=old.sealer.seal(SECRET, purpose="totp"))
            for user in await User.filter(email__startswith="u")
        ]
    )

    done = await reseal(as_command(with_keys(ports, NEW, OLD)))

    assert done.moved == Counter({SealedKind.TOTP: 450})
    assert done.unreadable == Counter(list(SealedKind))
    assert (await stored())[0] == before[0]
    found = Counter(await keys_of(with_keys(ports, NEW)))
    assert found.pop((SealedKind.TOTP, 0)) == 450
    assert found == Counter([(kind, None) for kind in SealedKind])


async def test_what_is_over_is_left_out(ports: Ports, clock: FixedClock) -> None:
    old = with_keys(ports, OLD)
    await seal_one_of_each(old, "ann@people.test")
    used = await seal_one_of_each(old, "bob@people.test")
    await Totp.all().delete()
    await Mail.all().update(next_attempt_at=None, sealed_params="")
    async with in_transaction("default") as connection:
        await use_token(as_nobody(old), connection, used, purpose=TokenPurpose.PASSWORD_RESET)
    assert await keys_of(old) == [(SealedKind.TOKEN, 0)]

    clock.at += timedelta(hours=1)

    assert await keys_of(old) == []


async def test_callers_at_the_same_time_share_the_work(ports: Ports) -> None:
    for number in range(5):
        await seal_one_of_each(with_keys(ports, OLD), f"u{number}@people.test")
    context = as_command(with_keys(ports, NEW, OLD))

    done = await asyncio.gather(*(reseal(context) for _ in range(4)))

    assert sum((each.moved for each in done), Counter()) == Counter([*SealedKind] * 5)
    assert {key for _, key in await keys_of(with_keys(ports, NEW))} == {0}


async def test_a_value_that_changes_meanwhile_is_not_brought_back(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seal_one_of_each(with_keys(ports, OLD), "ann@people.test")
    both = with_keys(ports, NEW, OLD)
    sealer = both.sealer
    changed = sealer.seal("CHANGED", purpose="totp")
    rows = [
        row for batch in [rows async for rows in sealed_rows(as_command(both))] for row in batch
    ]
    await Totp.all().update(sealed_secret=changed)

    async def read_before(_: RequestContext) -> AsyncIterator[list[SealedRow]]:
        for row in rows:
            yield [row]

    monkeypatch.setattr("resolvers.sealed_values.sealed_rows", read_before)
    done = await reseal(as_command(both))

    assert done.moved == Counter({SealedKind.TOKEN: 1, SealedKind.MAIL: 1})
    assert (await Totp.get()).sealed_secret == changed


async def test_a_start_looks_at_the_newest_of_each_kind(ports: Ports) -> None:
    await seal_one_of_each(with_keys(ports, LOST), "lost@people.test")
    await seal_one_of_each(with_keys(ports, OLD), "ann@people.test")

    rows = await newest_sealed(as_command(with_keys(ports, NEW, OLD)))

    assert [(row.kind, row.key) for row in rows] == [
        (kind, key) for kind in SealedKind for key in (1, None)
    ]


async def test_a_token_whose_key_is_gone_opens_nothing_and_stays_unused(ports: Ports) -> None:
    token = await seal_one_of_each(with_keys(ports, LOST), "ann@people.test")
    context = as_nobody(with_keys(ports, NEW))

    async with in_transaction("default") as connection:
        found = await find_token(context, connection, token, purpose=TokenPurpose.PASSWORD_RESET)

    assert found is None
    assert (await OneTimeToken.get()).used_at is None


async def test_nobody_reseals_without_the_right(ports: Ports) -> None:
    await seal_one_of_each(with_keys(ports, OLD), "ann@people.test")
    before = await stored()

    with pytest.raises(NotPermittedError):
        await reseal(as_nobody(with_keys(ports, NEW, OLD)))

    assert await stored() == before
