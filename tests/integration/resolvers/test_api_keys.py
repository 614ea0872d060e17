"""Making keys and coming in by one."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from models.api_keys import ApiKey
from models.audit_entries import AuditEntry
from models.errors import (
    ApiKeyLimitError,
    InputInvalidError,
    NotFoundError,
    ReachNotHeldError,
    ScopeNotHeldError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.api_key_format import hash_key, new_key
from models.rules.reach import Reach
from models.rules.scopes import Scope, format_scopes
from models.users import Role, User
from resolvers.api_keys import (
    MAX_KEYS,
    all_api_keys,
    api_keys_by_ids,
    api_keys_by_owner,
    api_keys_of,
    authenticate_key,
    create_api_key,
    revoke_api_key,
    revoke_keys,
)
from resolvers.context import NotPermittedError, RequestContext, Viewer
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from tests.factories import as_command, as_nobody, as_person, make_organization, make_user
from tests.fakes import FixedClock

READ_ONLY = frozenset({Scope.LINK_READ, Scope.STATS_READ})


@pytest.fixture
async def user(database: None) -> User:
    return await make_user(scopes=READ_ONLY | {Scope.LINK_WRITE}, locale="ru")


@pytest.fixture
def person(ports: Ports, user: User) -> RequestContext:
    return as_person(ports, user)


async def _by_key(context: RequestContext, secret: str, **changes: object) -> Viewer:
    """Return the viewer that a key of the context's person makes of them."""
    key = await ApiKey.get(secret_hash=hash_key(secret))
    return replace(context.viewer, api_key_id=key.id, **cast("dict[str, Any]", changes))


async def test_a_key_opens_what_its_owner_may_do_and_is_not_stored(
    person: RequestContext, user: User, clock: FixedClock
) -> None:
    key, secret = await create_api_key(person, label=" CI ")

    assert await authenticate_key(secret, now=clock.at) == await _by_key(person, secret)
    stored = await ApiKey.get(id=key.id)
    assert (stored.label, stored.prefix, stored.secret_hash) == (
        "CI",
        secret[:8],
        hash_key(secret),
    )
    assert (stored.user_id, stored.scopes) == (user.id, "LINK_READ LINK_WRITE STATS_READ")
    assert secret not in repr(vars(stored))
    await uses_written()


async def test_a_narrower_key_opens_less_and_makes_no_wider_one(
    ports: Ports, person: RequestContext, clock: FixedClock
) -> None:
    _, secret = await create_api_key(person, label="a", scopes=[Scope.LINK_READ])
    viewer = await authenticate_key(secret, now=clock.at)
    scopes = frozenset({Scope.LINK_READ})
    assert viewer == await _by_key(person, secret, scopes=scopes, is_narrow=True)
    by_key = RequestContext(viewer, ports)

    with pytest.raises(ScopeNotHeldError):
        await create_api_key(by_key, label="b", scopes=[Scope.LINK_WRITE])
    narrow, _ = await create_api_key(by_key, label="b")

    assert narrow.scopes == "LINK_READ"
    assert await ApiKey.all().count() == 2
    await uses_written()


async def test_a_key_never_has_a_scope_beyond_its_owner(
    ports: Ports, user: User, person: RequestContext
) -> None:
    for context in (person, as_command(ports)):
        with pytest.raises(ScopeNotHeldError) as refused:
            await create_api_key(context, label="a", scopes=[Scope.OPS_READ], user_id=user.id)
        assert (refused.value.scope, refused.value.path) == ("OPS_READ", ("scopes",))

    assert await ApiKey.all().count() == 0


async def test_no_key_outlives_the_one_that_made_it(
    ports: Ports, person: RequestContext, clock: FixedClock
) -> None:
    ends = clock.at + timedelta(days=1)
    _, secret = await create_api_key(person, label="a", expires_at=ends)
    viewer = await authenticate_key(secret, now=clock.at)
    assert viewer == await _by_key(person, secret, expires_at=ends)
    by_key = RequestContext(viewer, ports)

    for wanted, given in (
        (None, ends),
        (ends + timedelta(days=1), ends),
        (ends - timedelta(hours=1), ends - timedelta(hours=1)),
    ):
        key, _ = await create_api_key(by_key, label="b", expires_at=wanted)
        assert (await ApiKey.get(id=key.id)).expires_at == given
    await uses_written()


async def test_a_key_opens_something(person: RequestContext, ports: Ports) -> None:
    nothing = as_person(ports, await make_user(scopes=frozenset()))

    for context, scopes in ((person, []), (nothing, None)):
        with pytest.raises(ValueRequiredError) as refused:
            await create_api_key(context, label="a", scopes=scopes)
        assert refused.value.path == ("scopes",)
    assert await ApiKey.all().count() == 0


async def test_a_person_has_a_bounded_number_of_working_keys(
    ports: Ports, person: RequestContext, user: User, clock: FixedClock
) -> None:
    other = as_person(ports, await make_user())
    ends = clock.at + timedelta(hours=1)
    await create_api_key(person, label="old", expires_at=ends)
    clock.at = ends
    made = [await create_api_key(person, label=f"{n}") for n in range(MAX_KEYS - 2)]

    racing = await asyncio.gather(
        *(create_api_key(person, label="last") for _ in range(4)), return_exceptions=True
    )

    refused = [each for each in racing if isinstance(each, ApiKeyLimitError)]
    assert [error.limit for error in refused] == [50, 50]
    assert await ApiKey.filter(user_id=user.id).count() == MAX_KEYS + 1
    assert len(await api_keys_of(person)) == MAX_KEYS
    await create_api_key(other, label="theirs")
    await revoke_api_key(person, key_id=made[0][0].id)
    await create_api_key(person, label="instead")


async def test_one_key_is_revoked_and_the_others_go_on(
    ports: Ports, person: RequestContext, clock: FixedClock
) -> None:
    one, lost = await create_api_key(person, label="lost")
    two, kept = await create_api_key(person, label="kept")

    for _ in range(2):
        assert (await revoke_api_key(person, key_id=one.id)).id == one.id

    assert await authenticate_key(lost, now=clock.at) is None
    assert await authenticate_key(kept, now=clock.at) == await _by_key(person, kept)
    await revoke_api_key(as_command(ports), key_id=two.id)
    assert await authenticate_key(kept, now=clock.at) is None
    await uses_written()


async def test_keys_of_others_look_absent(
    ports: Ports, person: RequestContext, clock: FixedClock
) -> None:
    key, secret = await create_api_key(person, label="a")
    stranger = as_person(ports, await make_user(scopes=READ_ONLY))

    for context, key_id in ((stranger, key.id), (as_nobody(ports), key.id), (person, 1)):
        with pytest.raises(NotFoundError):
            await revoke_api_key(context, key_id=key_id)
    with pytest.raises(NotPermittedError):
        await all_api_keys(stranger)

    assert await authenticate_key(secret, now=clock.at) == await _by_key(person, secret)
    await uses_written()


async def test_working_keys_are_found_by_how_they_begin(
    ports: Ports, person: RequestContext, user: User, clock: FixedClock
) -> None:
    ends = clock.at + timedelta(hours=1)
    await create_api_key(person, label="over", expires_at=ends)
    clock.at = ends
    key, secret = await create_api_key(person, label="a")
    command = as_command(ports)

    for prefix in ("", secret[:8], secret):
        found = await all_api_keys(command, prefix=prefix)
        assert [(each.id, each.user.email) for each in found] == [(key.id, user.email)]
    assert await all_api_keys(command, prefix="lky_%") == []


async def test_a_key_loses_what_its_owner_loses(
    person: RequestContext, user: User, clock: FixedClock
) -> None:
    _, secret = await create_api_key(person, label="a")
    await Role.filter(id=user.role_id).update(scopes=format_scopes({Scope.LINK_READ}))

    viewer = await authenticate_key(secret, now=clock.at)

    assert viewer == await _by_key(person, secret, scopes=frozenset({Scope.LINK_READ}))
    await User.filter(id=user.id).update(deactivated_at=clock.at)
    assert await authenticate_key(secret, now=clock.at) is None
    await uses_written()


async def test_a_key_ends_when_it_expires_or_is_revoked(
    ports: Ports, person: RequestContext, user: User, clock: FixedClock
) -> None:
    expires_at = clock.at + timedelta(hours=1)
    _, short = await create_api_key(person, label="short", expires_at=expires_at)
    _, long = await create_api_key(person, label="long")

    before = expires_at - timedelta(microseconds=1)
    assert await authenticate_key(short, now=before) == await _by_key(
        person, short, expires_at=expires_at
    )
    assert await authenticate_key(short, now=expires_at) is None
    assert await authenticate_key(long, now=expires_at) == await _by_key(person, long)
    clock.at = expires_at
    assert [key.label for key in await api_keys_of(person)] == ["long"]
    assert await revoke_keys(as_command(ports), user_id=user.id) == 2
    assert await authenticate_key(long, now=clock.at) is None
    assert await api_keys_of(person) == []
    await uses_written()


@pytest.mark.parametrize("secret", ["", "lky_", "x" * 42, "\ud800", "lky_" + "я" * 38])
async def test_what_is_no_key_is_refused_without_a_query(
    database: None, sql: list[str], clock: FixedClock, secret: str
) -> None:
    assert await authenticate_key(secret, now=clock.at) is None
    assert sql == []
    assert await authenticate_key(new_key(), now=clock.at) is None
    assert len([line for line in sql if line.startswith("SELECT")]) == 1


async def test_the_use_of_a_key_is_written_at_most_once_a_minute(
    person: RequestContext, sql: list[str], clock: FixedClock
) -> None:
    key, secret = await create_api_key(person, label="a")
    sql.clear()

    for _ in range(5):
        await authenticate_key(secret, now=clock.at)
    await uses_written()
    assert len([line for line in sql if line.startswith("UPDATE")]) == 1
    assert (await ApiKey.get(id=key.id)).last_used_at == clock.at

    later = clock.at + timedelta(seconds=59)
    await authenticate_key(secret, now=later)
    await uses_written()
    assert (await ApiKey.get(id=key.id)).last_used_at == clock.at

    later += timedelta(seconds=1)
    await authenticate_key(secret, now=later)
    await uses_written()
    assert (await ApiKey.get(id=key.id)).last_used_at == later


async def test_keys_of_others_take_an_administrator(
    ports: Ports, person: RequestContext, user: User
) -> None:
    other = await make_user(is_staff=True)

    for context, user_id in ((person, other.id), (as_nobody(ports), None)):
        with pytest.raises(NotPermittedError):
            await create_api_key(context, label="a", user_id=user_id)
    with pytest.raises(NotPermittedError):
        await revoke_keys(person, user_id=user.id)
    assert await ApiKey.all().count() == 0

    key, _ = await create_api_key(as_person(ports, other), label="a", user_id=user.id)
    assert (key.user_id, key.scopes) == (user.id, "LINK_READ LINK_WRITE STATS_READ")


@pytest.mark.parametrize("user_id", [5, None])
async def test_nobody_gets_a_key(ports: Ports, database: None, user_id: int | None) -> None:
    with pytest.raises(NotFoundError):
        await create_api_key(as_command(ports), label="a", user_id=user_id)


async def test_every_wrong_field_of_a_key_is_named(
    person: RequestContext, clock: FixedClock
) -> None:
    for label, error in (
        (" ", ValueRequiredError),
        ("x" * 101, TextTooLongError),
        ("\x00", ValueInvalidError),
    ):
        with pytest.raises(error):
            await create_api_key(person, label=label)
    with pytest.raises(InputInvalidError) as refused:
        await create_api_key(person, label="", scopes=[Scope.OPS_READ], expires_at=clock.at)

    assert [problem.path for problem in refused.value.problems] == [
        ("label",),
        ("expiresAt",),
        ("scopes",),
    ]
    assert await ApiKey.all().count() == 0


async def _through(ports: Ports, secret: str, clock: FixedClock) -> RequestContext:
    viewer = await authenticate_key(secret, now=clock.at)
    assert viewer is not None
    return RequestContext(viewer, ports)


async def test_a_narrow_key_sees_and_revokes_itself_and_what_it_made_alone(
    person: RequestContext, user: User, ports: Ports, clock: FixedClock
) -> None:
    strong, _ = await create_api_key(person, label="strong")
    narrow, secret = await create_api_key(person, label="narrow", scopes=[Scope.STATS_READ])
    by_narrow = await _through(ports, secret, clock)
    child, _ = await create_api_key(by_narrow, label="child")
    ids = [strong.id, narrow.id, child.id]

    assert child.made_by_key_id == narrow.id
    assert [key.id for key in await api_keys_of(by_narrow)] == [child.id, narrow.id]
    assert {key.id for key in await api_keys_by_ids(by_narrow, ids)} == {child.id, narrow.id}
    [seen] = await api_keys_by_owner(by_narrow, [user.id])
    assert [key.id for key in seen or []] == [child.id, narrow.id]
    with pytest.raises(NotFoundError):
        await revoke_api_key(by_narrow, key_id=strong.id)
    assert await ApiKey.filter(revoked_at=None).count() == 3
    assert (await revoke_api_key(by_narrow, key_id=child.id)).revoked_at == clock.at
    assert (await revoke_api_key(by_narrow, key_id=narrow.id)).revoked_at == clock.at
    await uses_written()


async def test_a_key_with_all_scopes_of_its_owner_sees_and_revokes_all(
    person: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    other, _ = await create_api_key(person, label="other")
    whole, secret = await create_api_key(person, label="whole")
    by_whole = await _through(ports, secret, clock)

    assert [key.id for key in await api_keys_of(by_whole)] == [whole.id, other.id]
    assert (await revoke_api_key(by_whole, key_id=other.id)).revoked_at == clock.at
    await uses_written()


async def test_revoking_a_key_revokes_those_it_made_down_the_tree(
    person: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    root, secret = await create_api_key(person, label="root")
    made = [root.id]
    for label in ("child", "grandchild", "great-grandchild"):
        key, secret = await create_api_key(await _through(ports, secret, clock), label=label)
        made.append(key.id)
    beside, _ = await create_api_key(person, label="beside")
    await revoke_api_key(person, key_id=made[1])  # what it made goes, not what made it
    left = await ApiKey.filter(revoked_at=None).order_by("id")
    assert [key.id for key in left] == [root.id, beside.id]
    await ApiKey.filter(id=made[3]).update(revoked_at=None)

    await revoke_api_key(person, key_id=root.id)  # also past one that is void already

    assert [key.id for key in await ApiKey.filter(revoked_at=None)] == [beside.id]
    revoked = await AuditEntry.filter(action="api_key.revoke").order_by("id")
    assert [entry.subject_id for entry in revoked] == [*made[1:], root.id, made[3]]
    assert await authenticate_key(secret, now=clock.at) is None
    await uses_written()


async def test_a_key_that_was_revoked_meanwhile_makes_none(
    person: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    key, secret = await create_api_key(person, label="lost")
    by_key = await _through(ports, secret, clock)
    await revoke_api_key(person, key_id=key.id)

    with pytest.raises(NotPermittedError):
        await create_api_key(by_key, label="late")

    assert await ApiKey.all().count() == 1
    await uses_written()


async def test_keys_of_people_with_more_rights_are_not_revoked(
    database: None, ports: Ports
) -> None:
    organization = await make_organization()
    chief = await make_user(organization=organization, is_staff=True)
    local = await make_user(
        scopes=frozenset(Scope), reach=Reach.ORGANIZATION, organization=organization
    )
    clerk = await make_user(
        scopes=frozenset({Scope.USER_ADMIN}), reach=Reach.ORGANIZATION, organization=organization
    )
    of_chief, _ = await create_api_key(as_person(ports, chief), label="a")
    of_local, _ = await create_api_key(as_person(ports, local), label="b")

    with pytest.raises(ReachNotHeldError):
        await revoke_api_key(as_person(ports, local), key_id=of_chief.id)
    with pytest.raises(ScopeNotHeldError):
        await revoke_api_key(as_person(ports, clerk), key_id=of_local.id)

    assert await ApiKey.filter(revoked_at=None).count() == 2
